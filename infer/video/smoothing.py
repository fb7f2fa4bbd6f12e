"""Steady colour: each frame's ab as a mean over the frames before, moved along with the picture."""

from dataclasses import dataclass

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.video.motion import Motion

MEAN_FRAMES = 12
"""Over how many frames, at most, colour is averaged; a change of it takes about as long to come through."""

_MOST_GAIN = 1.25


@dataclass(frozen=True)
class Colors:
    """The colours of a frame, and what the next one needs of them. Arrays are not changed."""

    predicted: FloatArray
    """CIE ab ``(h, w, 2)`` as the network gave it, or as it was moved from the last frame it saw."""
    mean: FloatArray
    """The same, averaged."""
    age: FloatArray
    """``(h, w)``: frames that each pixel of `mean` is the mean of."""
    gain: float = 1.0
    """Gives back the chroma that is lost in a mean of different hues; it changes as slowly as they do."""

    @property
    def steady(self) -> FloatArray:
        """CIE ab ``(h, w, 2)`` without flicker."""
        return self.mean * np.float32(self.gain)

    @classmethod
    def first(cls, predicted: FloatArray) -> "Colors":
        """Begin a scene: nothing of the one before stays."""
        return cls(predicted, predicted, np.ones(predicted.shape[:2], np.float32))

    def moved(self, motion: Motion) -> "Colors":
        """Return the colours of the next frame without another look of the network."""
        predicted, mean = motion.carry(self.predicted), motion.carry(self.mean)
        return Colors(predicted, mean, self._age(motion), self.gain)

    def averaged(self, predicted: FloatArray, motion: Motion) -> "Colors":
        """Return the colours of the next frame, which the network has seen.

        A running mean for the first `MEAN_FRAMES` frames of a pixel, an exponential one from then on. What
        was not visible before begins anew.
        """
        age = np.minimum(self._age(motion) + 1, np.float32(MEAN_FRAMES))
        old = motion.carry(self.mean)
        mean = np.asarray(old + (predicted - old) / age[..., None], np.float32)
        wanted = min(_MOST_GAIN, _chroma(predicted) / max(_chroma(mean), 1e-3))
        return Colors(predicted, mean, age, self.gain + (wanted - self.gain) / MEAN_FRAMES)

    def _age(self, motion: Motion) -> FloatArray:
        return motion.carry(self.age) * motion.visible


def _chroma(ab: FloatArray) -> float:
    a, b = cv2.split(ab)
    return float(cv2.magnitude(a, b).mean())
