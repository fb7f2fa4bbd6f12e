"""The options of a video run. Light: the commands read it before anything heavy is imported."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.results import OnExists

CodecName = Literal["h264", "h265", "av1", "prores", "dnxhr", "ffv1"]
PixelFormat = Literal["4:2:0", "4:2:2", "4:4:4", "4:4:4:4"]
"""Samples of chroma for those of luma; the last is 4:4:4 with transparency."""
SoundCodec = Literal["aac", "flac"]
AudioChoice = Literal["copy", "aac", "flac", "drop"]
SubtitleChoice = Literal["copy", "drop"]

Deinterlace = Literal["frame", "field"]
"""The progressive frames that an interlaced film gets: one for each of its frames, or for each field."""
Keyframes = int | Literal["auto"]
"""The number of frames for one that the network sees, or whether those are chosen by how much has changed."""
Transfer = Literal["video", "log", "linear"]
"""How the samples of a sequence are read: as those of a screen, as densities of film, as linear light."""

SCENE_THRESHOLD = 27.0
"""Mean change of luma, 0 to 255, from which on a frame begins a new scene: PySceneDetect's own."""


@dataclass(frozen=True)
class VideoOptions:
    """The options for videos; the `Colorizer` has those for colours."""

    codec: CodecName = "h264"
    crf: int | None = None
    """Quality of the codec, lower is better; None for its own default."""
    pixel_format: PixelFormat | None = None
    """None for what is usual with the codec; bits are as many as those of the video, where it has them."""
    audio: AudioChoice = "copy"
    """Sound of another codec is encoded again by ``aac`` and ``flac``."""
    subtitles: SubtitleChoice = "copy"
    deinterlace: Deinterlace | None = None
    """None to leave an interlaced film so."""
    deflicker: bool = True
    keyframes: Keyframes = 1
    """The network sees one frame in so many; colours move along with the picture in between."""
    scene_threshold: float = SCENE_THRESHOLD
    scenes: Path | None = None
    """A table of the scenes of one film: it is written, and read where it is there; see `read_scenes`."""
    hints: Path | None = None
    """A file of hints of one film, each with a time; see `FilmHints`."""
    reference: Path | None = None
    """A picture whose colours go to what looks alike in all frames."""
    fps: Fraction | None = None
    """Frames a second of a sequence of images."""
    transfer: Transfer | None = None
    """How a sequence is read; None for what its files tell, where that is a screen's."""
    start: Fraction | None = None
    end: Fraction | None = None
    """Seconds; None for the whole video."""
    on_exists: OnExists = "skip"
    """See `BatchOptions`. Unfinished work is resumed; with other settings, `overwrite` starts it again."""
    compare: bool = False
    """Write a clip of before and after, side by side, too."""
    measure: bool = False
    """Decode each output again and measure its error of luma."""
    segment_frames: int = 500
    """Frames that an interrupted run has to do again at most."""

    def __post_init__(self) -> None:
        """Refuse a part that ends before it begins."""
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("`end` is not after `start`")


def comparison_path(target: StrPath) -> Path:
    """Return the path of the comparison of a video: of its whole name, as another may have its stem."""
    target = Path(target)
    return target.with_name(f"{target.name}.compare.mp4")
