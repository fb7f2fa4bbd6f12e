"""Enlarging the network's small ab to the size of the photograph, which can be done in strips of rows."""

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray


def upsample(ab: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Resize ab ``(h, w, 2)`` to height and width ``(H, W, 2)``: linear between the centres of pixels."""
    return np.asarray(cv2.merge([_resize(channel, size) for channel in cv2.split(ab)]), np.float32)


class Upsampler:
    """`upsample` for a photograph that is done in strips of rows, with little memory. Thread-safe."""

    def __init__(self, ab: FloatArray, size: tuple[int, int]) -> None:
        """Take ab ``(h, w, 2)`` float32, and the height and width of the photograph."""
        self._planes = np.ascontiguousarray(ab.transpose(2, 0, 1))
        self.height, self.width = size

    def rows(self, start: int, count: int) -> FloatArray:
        """Return ab ``(count, W, 2)`` of the rows from ``start`` on, as a view of two planes."""
        small_height, small_width = self._planes.shape[1:]
        small_rows, weights = _row_weights(start, count, self.height, small_height)
        stacked = self._planes[:, small_rows].reshape(-1, small_width)
        wide = _resize(stacked, (len(stacked), self.width)).reshape(2, len(small_rows), self.width)
        return np.moveaxis(weights @ wide, 0, -1)


def _resize(plane: np.ndarray, size: tuple[int, int]) -> FloatArray:
    height, width = size
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _row_weights(start: int, count: int, height: int, small_height: int) -> tuple[np.ndarray, FloatArray]:
    """Return the ``k`` small rows that large ones are mixed from, and in what parts ``(count, k)``.

    Linear between the centres of pixels, as OpenCV's INTER_LINEAR.
    """
    center = (np.arange(start, start + count) + 0.5) * (small_height / height) - 0.5
    center = np.clip(center, 0, small_height - 1)[:, None]
    small_rows = np.unique([np.floor(center), np.ceil(center)])
    return small_rows.astype(np.intp), np.maximum(1 - np.abs(center - small_rows), 0).astype(np.float32)
