"""Steady colour: each frame's ab as a mean over the frames before, moved along with the picture."""

from dataclasses import dataclass

import numpy as np

from colorize_gan.color import FloatArray
from colorize_gan.infer.video.motion import Motion, warp

MEAN_FRAMES = 12
"""Over how many frames, at most, colour is averaged; a change of it takes about as long to come through."""


@dataclass(frozen=True)
class Colors:
    """The colours of a frame, and what the next one needs of them. Arrays are not changed."""

    predicted: FloatArray
    """CIE ab ``(h, w, 2)`` as the network gave it, or as it was moved from the last frame it saw."""
    steady: FloatArray
    """The same, averaged."""
    age: FloatArray
    """``(h, w)``: frames that each pixel of `steady` is the mean of."""

    @classmethod
    def first(cls, predicted: FloatArray) -> "Colors":
        """Begin a scene: nothing of the one before stays."""
        return cls(predicted, predicted, np.ones(predicted.shape[:2], np.float32))

    def moved(self, motion: Motion) -> "Colors":
        """Return the colours of the next frame without another look of the network."""
        same = self.steady is self.predicted
        predicted = warp(self.predicted, motion.flow)
        steady = predicted if same else warp(self.steady, motion.flow)
        return Colors(predicted, steady, warp(self.age, motion.flow) * motion.visible)

    def averaged(self, predicted: FloatArray, motion: Motion) -> "Colors":
        """Return the colours of the next frame, which the network has seen.

        A running mean for the first `MEAN_FRAMES` frames of a pixel, an exponential one from then on. What
        was not visible before begins anew.
        """
        age = np.minimum(warp(self.age, motion.flow) * motion.visible + 1, np.float32(MEAN_FRAMES))
        old = warp(self.steady, motion.flow)
        return Colors(predicted, old + (predicted - old) / age[..., None], age)
