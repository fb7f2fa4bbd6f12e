"""A sequence of images as a film: what it is, and its frames."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame

from colorize_gan.core.errors import VideoError
from colorize_gan.core.images.headers import kind_in_header
from colorize_gan.infer.video.chroma import luma_weights
from colorize_gan.infer.video.planes import plane_view
from colorize_gan.infer.video.source import Clip, ColorTags, usual_matrix
from colorize_gan.infer.video.stills.dpx import DPX_HEADER, kind_in_dpx
from colorize_gan.infer.video.stills.images import Still, read_still, rescaled
from colorize_gan.infer.video.stills.sequence import Stills


def clip_of(stills: Stills, fps: Fraction) -> Clip:
    """Return what is known of a sequence, whose images are looked at by their headers.

    Raises:
        VideoError: its images are not of one size and depth, or the first one cannot be read.
        OSError: so it is.
    """
    paths = stills.paths
    first = read_still(paths[0], stills.transfer)
    height, width = first.picture.pixels.shape[:2]
    _check_alike(paths)
    return Clip(
        path=paths[0],
        stream=0,
        height=height,
        width=width,
        depth=_film_depth(first),
        tags=ColorTags(usual_matrix(height), 1, 1, is_full=True),
        time_base=1 / fps,
        tells_times=True,
        rate=fps,
        aspect=None,
        display_matrix=None,
        quarter_turns=0,
        is_interlaced=False,
        is_bottom_first=False,
        origin=0,
        first=Fraction(0),
        has_alpha=first.picture.pixels.ndim == 3 and first.picture.pixels.shape[2] == 4,
        frames=len(paths),
        stills=stills,
    )


def _film_depth(still: Still) -> int:
    """Return the bits of a film that keep those of an image."""
    return 8 if still.picture.pixels.dtype == np.uint8 else still.depth if still.depth > 8 else 16


def _check_alike(paths: list[Path]) -> None:
    kinds = {path: kind for path in paths if (kind := _kind_of(path))}
    first = next(iter(kinds.items()), None)
    for path, kind in kinds.items():
        if first and kind != first[1]:
            raise VideoError(
                f"{path.name} is of {kind}, {first[0].name} of {first[1]}; they have to be alike"
            )


def _kind_of(path: Path) -> str:
    """Return size and depth of an image by its header; nothing where only reading it tells them."""
    if path.suffix.lower() == ".dpx":
        with path.open("rb") as file:
            kind = kind_in_dpx(file.read(DPX_HEADER))
    else:
        kind = kind_in_header(path)
    return "{1} x {0} pixels of {2} bits".format(*kind) if kind else ""


class StillFrames:
    """The images of a sequence as frames of a film; see `Frames`."""

    damaged_packets = 0
    mended_times = 0
    missing_seconds = 0.0
    last_duration = 1

    def __init__(self, clip: Clip, start: Fraction | None = None, end: Fraction | None = None) -> None:
        """Prepare to read the images shown from ``start`` until before ``end``, in seconds."""
        self._clip, self._start, self._end = clip, start, end

    def chosen(self) -> Iterator[tuple[int, Path]]:
        """Yield time, in units of the clip's time base, and path of each image."""
        assert self._clip.stills
        for time, path in enumerate(self._clip.stills.paths):
            seconds = time * self._clip.time_base
            if (self._start is None or seconds >= self._start) and (self._end is None or seconds < self._end):
                yield time, path

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames.

        Raises:
            VideoError: an image cannot be read, or is not like the first one.
        """
        clip = self._clip
        assert clip.stills
        for time, path in self.chosen():
            still = read_still(path, clip.stills.transfer)
            check_like(still, clip, path)
            frame = _frame_of(still, clip)
            frame.pts, frame.time_base = time, clip.time_base
            yield frame


def check_like(still: Still, clip: Clip, path: Path) -> None:
    """Refuse an image that is not like the first one of its sequence.

    Raises:
        VideoError: it is not.
    """
    height, width = still.picture.pixels.shape[:2]
    if (height, width, _film_depth(still)) != (clip.height, clip.width, clip.depth):
        raise VideoError(
            f"{path.name} is of {width} x {height} pixels of {_film_depth(still)} bits, "
            f"the first of {clip.width} x {clip.height} of {clip.depth}; they have to be alike"
        )


def _frame_of(still: Still, clip: Clip) -> VideoFrame:
    """Return an image as a frame: grey, or of neutral 4:4:4 with its transparency."""
    pixels = still.picture.pixels
    luma = _luma_of(pixels, clip.tags.matrix)
    if luma.dtype == np.uint16:
        luma = rescaled(luma, 16, clip.depth)
    bits = "" if clip.depth == 8 else f"{clip.depth}le"
    frame = VideoFrame(clip.width, clip.height, ("yuva444p" if clip.has_alpha else "gray") + bits)
    plane_view(frame.planes[0], luma.dtype)[...] = luma
    if clip.has_alpha:
        for plane in frame.planes[1:3]:
            plane_view(plane, luma.dtype)[...] = 1 << (clip.depth - 1)
        opaque = np.full_like(luma, (1 << clip.depth) - 1)
        alpha = pixels[..., 3] if pixels.ndim == 3 and pixels.shape[2] == 4 else opaque
        plane_view(frame.planes[3], luma.dtype)[...] = alpha
    return frame


def _luma_of(pixels: np.ndarray, matrix: int) -> np.ndarray:
    """Return the luma of an image, ``(H, W)`` of its dtype: that of neutral pixels is their code."""
    if pixels.ndim == 2:
        return pixels
    red, blue = luma_weights(matrix)
    weights = np.array([[red, 1 - red - blue, blue]], np.float32)
    luma = cv2.transform(pixels[..., :3].astype(np.float32), weights)
    return np.rint(luma).clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
