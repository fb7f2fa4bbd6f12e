"""Enlarging the network's small ab to the photograph, along the edges of its lightness.

A row of the result depends on its own row of lightness only: the photograph can be done in strips of rows.
"""

from typing import Literal

import cv2
import numpy as np

from colorize_gan.color import FloatArray

Method = Literal["guided", "bilinear"]

NOISE = 3.0
"""Variation of L*, and of ab, that tells nothing: grain, and the network's own ripple."""

STRIP_ROWS = 24
"""What is computed at a time of a photograph 4000 pixels wide stays in the processor's cache."""


def upsample(
    ab: FloatArray, small_lightness: FloatArray, lightness: FloatArray, method: Method
) -> FloatArray:
    """Resize ab to the size of the photograph's lightness.

    Args:
        ab: ``(h, w, 2)`` float32, CIE a*, b*.
        small_lightness: ``(h, w)`` float32, CIE L* as the network saw it.
        lightness: ``(H, W)`` float32, CIE L* of the photograph.
        method: "bilinear", or "guided" for colour edges as sharp as those of the lightness they follow.

    Returns:
        ``(H, W, 2)`` float32, CIE a*, b*; "guided" stays between the smallest and the largest value of
        the 3 x 3 small pixels around.
    """
    height, width = lightness.shape
    upsampler = Upsampler(ab, small_lightness, (height, width), method)
    result = np.empty((height, width, 2), np.float32)
    for start in range(0, height, STRIP_ROWS):
        strip = slice(start, start + STRIP_ROWS)
        result[strip] = upsampler.rows(start, lightness[strip])
    return result


class Upsampler:
    """`upsample` for a photograph that is given in strips of rows. Thread-safe."""

    def __init__(
        self, ab: FloatArray, small_lightness: FloatArray, size: tuple[int, int], method: Method
    ) -> None:
        """Prepare what is computed at the network's size.

        Args:
            ab: see `upsample`.
            small_lightness: see `upsample`.
            size: height and width of the photograph.
            method: see `upsample`.
        """
        self.height, self.width = size
        self.guided = method == "guided"
        maps = _guided_maps(ab, small_lightness) if self.guided else ab[None]
        self._planes = np.ascontiguousarray(maps.transpose(0, 3, 1, 2))  # (maps, 2, h, w)

    def rows(self, start: int, lightness: FloatArray) -> FloatArray:
        """Return ab ``(n, W, 2)`` of the rows from ``start`` on, whose CIE L* is ``lightness`` ``(n, W)``."""
        small_rows, weights = _row_weights(start, len(lightness), self.height, self._planes.shape[2])
        planes = weights @ self._widened(small_rows)  # (maps, 2, n, W)
        ab = planes[0]
        if self.guided:
            slope, offset, low, high = planes
            ab = np.multiply(slope, lightness, out=slope)
            ab += offset
            np.maximum(ab, low, out=ab)
            np.minimum(ab, high, out=ab)
        return np.asarray(cv2.merge([ab[0], ab[1]]), np.float32)

    def _widened(self, small_rows: np.ndarray) -> FloatArray:
        """Return these rows of all planes, ``(maps, 2, k, W)``."""
        rows = self._planes[:, :, small_rows]
        stacked = rows.reshape(-1, rows.shape[-1])
        wide = cv2.resize(stacked, (self.width, len(stacked)), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide, np.float32).reshape(*rows.shape[:3], self.width)


def _guided_maps(ab: FloatArray, lightness: FloatArray) -> FloatArray:
    """Return slope, offset, low and high ``(4, h, w, 2)``: ab is slope * L* + offset, from low to high.

    The slope is the guided filter's, cov(L, ab) / (var(L) + noise) over 3 x 3 pixels (He and Sun, "Fast
    Guided Filter", 2015), times the share of ab's variance that it explains: texture that carries no colour
    in the small image brings none into the large one. The offset is not averaged as theirs is: at each
    small pixel its L* gives exactly its ab, so nothing the network drew is blurred.
    """
    mean, mean_ab = _mean(lightness), _mean(ab)
    variance = np.maximum(_mean(lightness**2) - mean**2, 0)[..., None]
    variance_ab = np.maximum(_mean(ab**2) - mean_ab**2, 0).sum(axis=-1, keepdims=True)
    covariance = _mean(ab * lightness[..., None]) - mean_ab * mean[..., None]
    noise = np.float32(NOISE**2)
    explained = (covariance**2).sum(axis=-1, keepdims=True) / ((variance + noise) * (variance_ab + noise))
    slope = covariance / (variance + noise) * explained
    window = np.ones((3, 3), np.uint8)
    return np.stack(
        [slope, ab - slope * lightness[..., None], cv2.erode(ab, window), cv2.dilate(ab, window)]
    ).astype(np.float32)


def _mean(array: FloatArray) -> FloatArray:
    """Return the mean over 3 x 3 pixels."""
    return np.asarray(cv2.blur(array, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)


def _row_weights(start: int, count: int, height: int, small_height: int) -> tuple[np.ndarray, FloatArray]:
    """Return the ``k`` small rows that large ones are mixed from, and in what parts ``(count, k)``.

    Linear between the centres of pixels, as OpenCV's INTER_LINEAR.
    """
    center = (np.arange(start, start + count) + 0.5) * (small_height / height) - 0.5
    center = np.clip(center, 0, small_height - 1)[:, None]
    small_rows = np.unique([np.floor(center), np.ceil(center)])
    return small_rows.astype(np.intp), np.maximum(1 - np.abs(center - small_rows), 0).astype(np.float32)
