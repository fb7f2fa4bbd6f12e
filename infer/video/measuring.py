"""Measuring what a written video has kept of the luma."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.encoder import convert_luma, luma_of
from colorize_gan.infer.video.making import open_frames
from colorize_gan.infer.video.source import Clip, probe, to_planar


def luma_error(clip: Clip, target: Path, start: Fraction | None, end: Fraction | None) -> dict[str, Any]:
    """Compare luma of a written video with that of its clip, frame after frame.

    Returns:
        ``frames``; ``max_error`` of any sample, and ``max_mean_error``, the mean of the frame where it is
        largest, both in parts of the range of codes; ``min_psnr_db``, None when luma is the same.

    Raises:
        VideoError: the number of frames is not the same.
    """
    written = probe(target)
    count, largest, mean, square = 0, 0.0, 0.0, 0.0
    pairs = zip(open_frames(clip, start, end), open_frames(written), strict=True)
    try:
        for before, after in pairs:
            wanted = luma_of(to_planar(before, clip.tags), clip)
            wanted = convert_luma(
                wanted,
                clip.depth,
                written.depth,
                is_full=clip.tags.is_full,
                becomes_full=written.tags.is_full,
            )
            codes = (1 << written.depth) - 1
            error = np.abs(luma_of(after, written).astype(np.float32) - wanted) / codes
            count += 1
            largest, mean = max(largest, float(error.max())), max(mean, float(error.mean()))
            square = max(square, float((error**2).mean()))
    except ValueError as error:
        raise VideoError(f"{target}: its frame count differs from that of its input") from error
    return {
        "frames": count,
        "max_error": round(largest, 6),
        "max_mean_error": round(mean, 6),
        "min_psnr_db": None if square == 0 else round(-10 * float(np.log10(square)), 2),
    }
