"""Checking that a finished file tells what it has to tell of its video."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.encoder import EncoderSettings
from colorize_gan.infer.video.files import open_video
from colorize_gan.infer.video.source import FULL_RANGE, Clip

_MILLISECOND = Fraction(1, 1000)
_ASPECT_TOLERANCE = Fraction(4, 1000)  # FFmpeg reads Matroska's display size in small numbers
_FIELD_ORDERS = {False: (2, 4), True: (3, 5)}  # AVFieldOrder by whether the lower field is first


def untold(path: Path, settings: EncoderSettings) -> list[str]:
    """Name what a file does not tell of the video that ``settings`` encoded, or tells wrongly.

    Raises:
        av.FFmpegError: it cannot be read.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        aspect = stream.sample_aspect_ratio or Fraction(1)
        order, is_full = stream.codec_context.field_order, stream.codec_context.color_range == FULL_RANGE
    lost = []
    if abs(aspect / (settings.aspect or 1) - 1) > _ASPECT_TOLERANCE:
        lost.append(f"aspect of pixels ({settings.aspect})")
    if settings.is_interlaced and order not in _FIELD_ORDERS[settings.is_bottom_first]:
        lost.append("field order")
    if is_full != settings.tags.is_full:
        lost.append("colour range")
    return lost


def check_written(
    path: Path, clip: Clip, settings: EncoderSettings, times: np.ndarray, excerpt: Excerpt
) -> None:
    """Check a finished file: what it tells of the video, and its frames.

    Args:
        path: of the file.
        clip: that it was made of.
        settings: of the encoder.
        times: of all frames in the clip, see `CodedVideo`.
        excerpt: the part that was taken.

    Raises:
        VideoError: it has not all frames, or not at their times, or tells something wrong.
    """
    if lost := untold(path, settings):
        raise VideoError(f"the file does not keep its {', '.join(lost)}: choose another container")
    first = int(times.min()) if excerpt.start is not None else 0
    wanted = [(int(time) - first) * clip.time_base for time in np.sort(times)]
    with open_video(path) as container:
        written = sorted(
            packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None
        )
        rounds = container.format.name.startswith("matroska")
    if len(written) != len(wanted):
        raise VideoError(f"{len(written)} of {len(wanted)} frames were written: choose another container")
    # where sound begins before zero, Matroska moves all streams
    shift = written[0] - wanted[0] if rounds else 0
    errors = (abs(found - time - shift) for found, time in zip(written, wanted, strict=True))
    if max(errors) > (_MILLISECOND if rounds else 0):
        raise VideoError("the container does not keep its times: choose another one")
