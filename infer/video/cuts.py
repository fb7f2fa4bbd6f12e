"""Telling cuts from flashes."""

from collections.abc import Iterable
from typing import Literal

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray

LONGEST_FLASH = 3
"""Frames after which a scene that was interrupted has to continue."""

_BACK = 0.5  # of the change of a cut, below which the scene is back: near that change, chance would decide
_LIKENESS = 0.5  # correlation from which on a picture is the same one in another light
_CODES = 2.55  # of 8 bits, in 1 L*

Change = Literal["none", "cut", "flash", "insert"]
"""The relation of a frame to the scene so far. It is a part of it, or the first of another scene, or it is in
another light for a moment. An insert is one of a few frames of another picture, after which the scene
continues."""


class CutDetector:
    """Compares frames with the last one of a scene, as PySceneDetect's ContentDetector does by luma."""

    def __init__(self, threshold: float) -> None:
        """Take mean changes of luma, 0 to 255, of at least ``threshold`` for those of a cut."""
        # no shortest scene: in one that is missed the colours of another would stay
        self._threshold = threshold

    def change(self, last: FloatArray, now: FloatArray, following: Iterable[FloatArray]) -> Change:
        """Tell what a frame is.

        Args:
            last: CIE L* ``(h, w)`` of the last frame that was part of the scene.
            now: of this one.
            following: of the `LONGEST_FLASH` frames behind it, or as many as there are.
        """
        if _difference(last, now) < self._threshold:
            return "none"
        if all(_difference(last, frame) >= _BACK * self._threshold for frame in following):
            return "cut"
        return "flash" if _likeness(last, now) > _LIKENESS else "insert"


def _difference(first: FloatArray, second: FloatArray) -> float:
    """Return the mean change of luma, 0 to 255."""
    return float(cv2.absdiff(_thumbnail(first), _thumbnail(second)).mean()) * _CODES


def _likeness(first: FloatArray, second: FloatArray) -> float:
    """Return the correlation of two pictures, -1 to 1."""
    match = cv2.matchTemplate(_thumbnail(first), _thumbnail(second), cv2.TM_CCOEFF_NORMED)
    return float(np.asarray(match)[0, 0])


def _thumbnail(lightness: FloatArray) -> FloatArray:
    half = cv2.resize(lightness, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.float32)
