"""A clip of before and after, side by side, for people to look at."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import PictureType, VideoFrame

from colorize_gan.core.files.atomic import lasting_path
from colorize_gan.infer.video.encoder import EncoderSettings, settings_for
from colorize_gan.infer.video.files import create_video
from colorize_gan.infer.video.making import open_frames
from colorize_gan.infer.video.options import comparison_path
from colorize_gan.infer.video.planes import plane_view
from colorize_gan.infer.video.source import Clip, probe

_SIDE = 960  # pixels, of the longer side of each picture at most
_CRF = 20
_PLANES = 3


def write_comparison(target: Path, clip: Clip, start: Fraction | None, end: Fraction | None) -> None:
    """Write the clip beside ``target``, the video that was made of ``clip`` from ``start`` to ``end``."""
    scale = min(1, _SIDE / max(clip.height, clip.width))
    height, width = (max(2, round(side * scale / 2) * 2) for side in (clip.height, clip.width))
    size = (width, height) if clip.quarter_turns % 2 else (height, width)
    after = probe(target)
    both = replace(
        clip, height=size[0], width=2 * size[1], depth=8, aspect=_turned(clip.aspect, clip.quarter_turns)
    )
    settings = settings_for(both, "h264", _CRF)
    pairs = zip(open_frames(clip, start, end), open_frames(after), strict=False)  # both end with the shorter
    frames = (_side_by_side(first, second, clip, (height, width), settings) for first, second in pairs)
    unit = str(clip.time_base.denominator)
    with (
        lasting_path(comparison_path(target)) as part,
        create_video(part, "mp4", {"movflags": "+faststart", "video_track_timescale": unit}) as out,
    ):
        stream = out.add_stream("libx264", rate=clip.rate)
        settings.open(stream.codec_context)
        stream.time_base = clip.time_base
        for frame in frames:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _turned(aspect: Fraction | None, quarter_turns: int) -> Fraction | None:
    return 1 / aspect if aspect and quarter_turns % 2 else aspect


def _side_by_side(
    before: VideoFrame, after: VideoFrame, clip: Clip, size: tuple[int, int], settings: EncoderSettings
) -> VideoFrame:
    """Return two frames, upright, as one."""
    pair = VideoFrame(settings.width, settings.height, settings.pixel_format)
    parts = [list(_planes(frame, clip, size, settings.pixel_format)) for frame in (before, after)]
    for plane, left, right in zip(pair.planes, *parts, strict=True):
        plane_view(plane, left.dtype)[...] = np.hstack([left, right])
    assert after.pts is not None
    assert after.time_base is not None
    pair.pts, pair.time_base = round(after.pts * after.time_base / clip.time_base), clip.time_base
    pair.pict_type = PictureType.NONE
    return pair


def _planes(frame: VideoFrame, clip: Clip, size: tuple[int, int], form: str) -> Iterator[np.ndarray]:
    height, width = size
    small = frame.reformat(width=width, height=height, format=form, threads=1)
    for plane in small.planes[:_PLANES]:
        yield np.rot90(plane_view(plane, np.dtype(np.uint8)), clip.quarter_turns)
