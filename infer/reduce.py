"""Reducing a photograph to the lightness that the network sees."""

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray, lightness_of
from colorize_gan.core.color.pixels import strips


def reduced_lightness(image: np.ndarray, size: tuple[int, int]) -> FloatArray:
    """Return CIE L* ``(h, w)``, 0..100, of that height and width: the mean over the area of each pixel.

    Args:
        image: sRGB, uint8 or uint16: grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``.
        size: ``(h, w)``. A side that grows is interpolated.
    """
    height, width = image.shape[:2]
    small_height, small_width = size
    # each side by itself: of a long strip one may shrink and the other grow
    narrow = np.empty((height, small_width), np.float32)
    for strip in strips(height, width):
        lightness = lightness_of(image[strip])
        narrow[strip] = _resize(lightness, len(lightness), small_width, _method(width, small_width))
    return _resize(narrow, small_height, small_width, _method(height, small_height))


def _method(length: int, new_length: int) -> int:
    """Return OpenCV's filter for one side: means over the area of a pixel when it shrinks."""
    return cv2.INTER_AREA if new_length < length else cv2.INTER_LINEAR


def _resize(array: FloatArray, height: int, width: int, method: int) -> FloatArray:
    resized = cv2.resize(np.ascontiguousarray(array), (width, height), interpolation=method)
    return np.asarray(resized, np.float32)
