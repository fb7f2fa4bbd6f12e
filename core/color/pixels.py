"""Arithmetic on arrays of pixels: depth, size, grey, and strips that a processor's cache holds."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

_STRIP_PIXELS = 96_000  # what is computed of them at a time stays in the processor's cache
_STRIP_ROWS = 32  # upsampling mixes each row from all the small rows that the strip touches


def to_8_bits(pixels: np.ndarray) -> NDArray[np.uint8]:
    """Round uint16 samples to uint8; uint8 stays as it is."""
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    return np.asarray(pixels, np.uint8)


def with_even_sides(grey: np.ndarray) -> np.ndarray:
    """Return a grey image whose sides are even: the last row and column come twice where they are not."""
    bottom, right = (side % 2 for side in grey.shape)
    if not bottom and not right:
        return grey
    return cv2.copyMakeBorder(grey, 0, bottom, 0, right, cv2.BORDER_REPLICATE)


def halve(pixels: np.ndarray) -> np.ndarray:
    """Halve both sides of an image: each pixel is the mean of 2 x 2."""
    height, width = pixels.shape[:2]
    return cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def shrink_to(pixels: np.ndarray, side: int) -> np.ndarray:
    """Reduce an image to a short side of ``side`` pixels: halved, then interpolated; a smaller one stays."""
    while min(pixels.shape[:2]) // 2 >= side:
        pixels = halve(pixels)
    height, width = pixels.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return pixels
    return cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)


def as_grey(pixels: np.ndarray) -> np.ndarray:
    """Return RGB ``(H, W, 3)`` as grey ``(H, W)`` when all its pixels are neutral, else as it is."""
    if pixels.ndim == 2 or pixels.shape[2] == 4:
        return pixels
    grey = np.empty(pixels.shape[:2], pixels.dtype)
    for strip in strips(*grey.shape):
        red, green, blue = cv2.split(pixels[strip])
        if cv2.norm(red, green, cv2.NORM_INF) or cv2.norm(blue, green, cv2.NORM_INF):
            return pixels
        grey[strip] = green
    return grey


def strips(height: int, width: int) -> Iterator[slice]:
    """Cut an image into strips of rows that a processor's cache holds; no result depends on the cuts."""
    rows = min(max(1, _STRIP_PIXELS // width), _STRIP_ROWS)
    return (slice(start, min(start + rows, height)) for start in range(0, height, rows))
