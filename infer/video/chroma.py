"""Between CIE ab and the Cb and Cr planes of a stream, in its own matrix, range and depth."""

import functools

import cv2
import numpy as np

from colorize_gan.core.color.gamut import lab_to_fitted_rgb
from colorize_gan.core.color.lab import FloatArray, lightness_of
from colorize_gan.core.color.pixels import strips
from colorize_gan.core.errors import VideoError
from colorize_gan.infer.upsample import Upsampler
from colorize_gan.infer.video.source import ColorTags

_LUMA_WEIGHTS = {  # of red and blue, by matrix: ITU-T H.273, table 4
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}


def check_matrix(tags: ColorTags) -> None:
    """Refuse a matrix that is not one of YCbCr.

    Raises:
        VideoError: it is another one.
    """
    if tags.matrix not in _LUMA_WEIGHTS:
        raise VideoError(
            f"its colour matrix ({tags.matrix} of ITU-T H.273) is not supported; convert it first"
        )


def luma_weights(matrix: int) -> tuple[float, float]:
    """Return the shares of red and blue in the luma of a matrix, see `ColorTags`."""
    return _LUMA_WEIGHTS[matrix]


def luma_to_grey(luma: np.ndarray, depth: int, *, is_full: bool) -> np.ndarray:
    """Convert a luma plane ``(H, W)``, uint8 or uint16 of ``depth`` bits, to neutral sRGB.

    Returns:
        Grey ``(H, W)``: uint8 for 8 bits, else uint16 of 16; what is below black or above white is clipped.
    """
    table = _grey_table(depth, is_full)
    return cv2.LUT(luma, table) if depth == 8 else table[luma]


@functools.cache
def _grey_table(depth: int, is_full: bool) -> np.ndarray:
    black, white = luma_range(depth, is_full=is_full)
    bits = 8 if depth == 8 else 16  # samples may have any value in a damaged frame
    unit = np.clip((np.arange(1 << bits) - black) / (white - black), 0, 1)
    return np.rint(unit * ((1 << bits) - 1)).astype(f"uint{bits}")


def luma_range(depth: int, *, is_full: bool) -> tuple[int, int]:
    """Return the luma codes of black and white: ITU-R BT.709, BT.2020."""
    return (0, (1 << depth) - 1) if is_full else (16 << (depth - 8), 235 << (depth - 8))


def ab_to_chroma(
    ab: FloatArray,
    grey: np.ndarray,
    *,
    subsampling: tuple[int, int],
    depth: int,
    tags: ColorTags,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the chroma planes of a frame.

    Args:
        ab: CIE a*, b* ``(h, w, 2)`` float32, as the network gave it.
        grey: the frame ``(H, W)``, see `luma_to_grey`.
        subsampling: rows and columns of luma that share a chroma sample.
        depth: bits of the samples.
        tags: matrix and range of the stream.

    Returns:
        Cb and Cr, ``(ceil(H / rows), ceil(W / columns))``, uint8 for 8 bits, else uint16.
    """
    reduced = _reduced(grey, subsampling)
    upsampler = Upsampler(ab, reduced.shape)
    matrix = _chroma_matrix(depth, tags)
    planes = np.empty((2, *reduced.shape), np.uint8 if depth == 8 else np.uint16)
    for strip in strips(*reduced.shape):
        lightness = lightness_of(reduced[strip])
        rgb = lab_to_fitted_rgb(lightness, upsampler.rows(strip.start, len(lightness)))
        planes[:, strip] = _codes(cv2.transform(rgb, matrix), depth).transpose(2, 0, 1)
    return planes[0], planes[1]


def _codes(chroma: np.ndarray, depth: int) -> np.ndarray:
    """Round to codes; of full range, pure blue lies half a code above the last one."""
    if depth == 8:
        return cv2.convertScaleAbs(chroma)
    return np.rint(np.minimum(chroma, (1 << depth) - 1)).astype(np.uint16)


def _reduced(grey: np.ndarray, subsampling: tuple[int, int]) -> np.ndarray:
    """Return the mean grey of the pixels that share a chroma sample."""
    rows, columns = (-(-side // step) for side, step in zip(grey.shape, subsampling, strict=True))
    if (rows, columns) == grey.shape:
        return grey
    below, right = rows * subsampling[0] - grey.shape[0], columns * subsampling[1] - grey.shape[1]
    whole = cv2.copyMakeBorder(grey, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)


@functools.cache
def _chroma_matrix(depth: int, tags: ColorTags) -> FloatArray:
    """Return the ``(2, 4)`` matrix from sRGB 0..1 to codes of Cb and Cr: ITU-T H.273, 8.3."""
    red, blue = _LUMA_WEIGHTS[tags.matrix]
    luma = np.array([red, 1 - red - blue, blue])
    differences = np.stack(
        [(np.array([0, 0, 1]) - luma) / (2 * (1 - blue)), (np.array([1, 0, 0]) - luma) / (2 * (1 - red))]
    )
    span = (1 << depth) - 1 if tags.is_full else 224 << (depth - 8)
    middle = np.full((2, 1), 1 << (depth - 1))
    return np.hstack([differences * span, middle]).astype(np.float32)
