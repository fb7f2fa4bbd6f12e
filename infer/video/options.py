"""What a video run is asked to do."""

from dataclasses import dataclass
from fractions import Fraction

from colorize_gan.infer.results import OnExists
from colorize_gan.infer.video.cuts import SCENE_THRESHOLD


@dataclass(frozen=True)
class VideoOptions:
    """What happens to the videos; how their frames are coloured is the `Colorizer`'s."""

    codec: str = "h264"
    """A key of `CODECS`."""
    crf: int | None = None
    """Quality of the codec, lower is better; None for its own default."""
    deflicker: bool = True
    keyframes: int = 1
    """The network sees every so manieth frame; colours move along with the picture in between."""
    scene_threshold: float = SCENE_THRESHOLD
    start: Fraction | None = None
    end: Fraction | None = None
    """Seconds; None for the whole video."""
    on_exists: OnExists = "skip"
    """`skip` leaves every file that is there."""
    resume: bool = False
    """Go on with videos that an earlier run did not finish."""
    compare: bool = False
    """Write a clip of before and after, side by side, too."""
    measure: bool = False
    """Decode each output again and measure its error of luma."""
    segment_frames: int = 500
    """Frames that an interrupted run may have to do again."""
