"""Enlarging the network's small ab to the photograph, along the edges of its lightness.

A row of the result depends on its own row of lightness only: the photograph can be done in strips of rows.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray

Method = Literal["guided", "bilinear"]

NOISE = 3.0
"""Variation of L*, and of ab, that tells nothing: grain, and the network's own ripple."""


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
    return Upsampler(ab, small_lightness, lightness.shape, method).whole(lightness)


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
        is_enlarged = any(side > small for side, small in zip(size, ab.shape[:2], strict=True))
        self.guided = method == "guided" and is_enlarged  # else there is no edge between its pixels
        planes = np.ascontiguousarray(ab.transpose(2, 0, 1))
        self._maps = _guided_maps(planes, small_lightness) if self.guided else planes[None]

    def whole(self, lightness: FloatArray) -> FloatArray:
        """Return what `rows` returns of all rows, ``(H, W, 2)``: in less time, but more memory."""
        size = self.width, self.height
        channels = (
            [cv2.resize(channel_map, size, interpolation=cv2.INTER_LINEAR) for channel_map in maps]
            for maps in self._maps.swapaxes(0, 1)
        )
        return _along(lightness, channels)

    def rows(self, start: int, lightness: FloatArray) -> FloatArray:
        """Return ab ``(n, W, 2)`` of the rows from ``start`` on, whose CIE L* is ``lightness`` ``(n, W)``."""
        small_rows, weights = _row_weights(start, len(lightness), self.height, self._maps.shape[2])
        maps = weights @ self._widened(small_rows)  # (maps, 2, n, W)
        return _along(lightness, maps.swapaxes(0, 1))

    def _widened(self, small_rows: np.ndarray) -> FloatArray:
        """Return these rows of all maps, ``(maps, 2, k, W)``."""
        rows = self._maps[:, :, small_rows]
        stacked = rows.reshape(-1, rows.shape[-1])
        wide = cv2.resize(stacked, (self.width, len(stacked)), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide, np.float32).reshape(*rows.shape[:3], self.width)


def _along(lightness: FloatArray, channels: Iterable[Sequence[FloatArray]]) -> FloatArray:
    """Return ab of the maps of each channel, which may be overwritten."""
    ab = []
    for maps in channels:
        value = maps[0]
        if len(maps) > 1:
            slope, offset, low, high = maps
            value = np.multiply(slope, lightness, out=slope)
            value += offset
            np.maximum(value, low, out=value)
            np.minimum(value, high, out=value)
        ab.append(value)
    return np.asarray(cv2.merge(ab), np.float32)


def _guided_maps(ab: FloatArray, lightness: FloatArray) -> FloatArray:
    """Return slope, offset, low and high ``(4, 2, h, w)``: ab is slope * L* + offset, from low to high.

    The slope is the guided filter's, cov(L, ab) / (var(L) + noise) over 3 x 3 pixels (He and Sun, "Fast
    Guided Filter", 2015), times the share of ab's variance that it explains: texture that carries no colour
    in the small image brings none into the large one. The offset is not averaged as theirs is: at each
    small pixel its L* gives exactly its ab, so nothing the network drew is blurred.
    """
    noise, window = np.float32(NOISE**2), np.ones((3, 3), np.uint8)
    mean = _mean(lightness)
    variance = _variance(lightness, mean) + noise
    variance_ab = np.full_like(mean, noise)
    covariances = []
    for channel in ab:
        mean_channel = _mean(channel)
        variance_ab += _variance(channel, mean_channel)
        covariances.append(_mean(channel * lightness) - mean * mean_channel)
    explained = sum(covariance * covariance for covariance in covariances) / (variance * variance_ab)
    maps = np.empty((4, *ab.shape), np.float32)
    for channel, covariance, (slope, offset, low, high) in zip(
        ab, covariances, maps.swapaxes(0, 1), strict=True
    ):
        slope[:] = covariance / variance * explained
        offset[:] = channel - slope * lightness
        low[:], high[:] = cv2.erode(channel, window), cv2.dilate(channel, window)
    return maps


def _variance(array: FloatArray, mean: FloatArray) -> FloatArray:
    """Return the variance over 3 x 3 pixels, of which ``mean`` is the mean."""
    return np.maximum(_mean(array * array) - mean * mean, 0)


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
