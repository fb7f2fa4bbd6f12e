"""Steady colour: each frame's ab as a mean over the frames before, moved along with the picture."""

from dataclasses import dataclass

import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.video.motion import Motion

MEAN_FRAMES = 12
"""Over how many frames, at most, colour is averaged; a change of it takes about as long to come through."""

_RECENT_FRAMES = 3
_SLIGHT, _GREAT = 4.0, 8.0  # ab by which the last frames differ from the mean: by chance, and for good
_MOST_GAIN = 1.25


@dataclass(frozen=True)
class Colors:
    """The colours of a frame, and what the next one needs of them. Arrays are not changed."""

    predicted: FloatArray
    """CIE ab ``(h, w, 2)`` as the network gave it, or as it was moved from the last frame it saw."""
    mean: FloatArray
    """The same, averaged."""
    recent: FloatArray
    """The same, averaged over the last few frames."""
    age: FloatArray
    """``(h, w)``: frames that each pixel of `mean` is the mean of, those that show little as parts of one."""
    gain: float = 1.0
    """Gives back the chroma that is lost in a mean of different hues; it changes as slowly as they do."""

    @property
    def steady(self) -> FloatArray:
        """CIE ab ``(h, w, 2)`` without flicker."""
        return self.mean * np.float32(self.gain)

    @classmethod
    def first(cls, predicted: FloatArray, weight: float = 1) -> "Colors":
        """Begin a scene, with a frame that counts as ``weight``: nothing of the one before stays."""
        age = np.full(predicted.shape[:2], weight, np.float32)
        return cls(predicted, predicted, predicted, age)

    def moved(self, motion: Motion) -> "Colors":
        """Return the colours of the next frame without another look of the network."""
        predicted, mean, recent = (motion.carry(ab) for ab in (self.predicted, self.mean, self.recent))
        return Colors(predicted, mean, recent, self._age(motion), self.gain)

    def averaged(self, predicted: FloatArray, motion: Motion, weight: float = 1) -> "Colors":
        """Return the colours of the next frame, which the network has seen; it counts as ``weight``.

        A running mean for the first `MEAN_FRAMES` frames of a pixel, an exponential one from then on.
        Averaging starts again where something was not visible before. It also does where the last frames have
        other colours than the mean, as after a dissolve.
        """
        before, whole = self._age(motion), np.float32(weight)
        most = np.maximum(whole * MEAN_FRAMES, before * (1 - 1 / MEAN_FRAMES) + whole)
        age = np.minimum(before + whole, most)
        share = (whole / age)[..., None]
        recent, mean = (motion.carry(ab) for ab in (self.recent, self.mean))
        renewed = _renewed(mean, recent, predicted)
        recent = _approached(recent, predicted, np.maximum(share, 1 / _RECENT_FRAMES))
        mean = _approached(mean, predicted, np.maximum(share, renewed[..., None]))
        age -= renewed * (age - whole)
        wanted = min(_MOST_GAIN, float(_length(predicted).mean()) / max(float(_length(mean).mean()), 1e-3))
        return Colors(predicted, mean, recent, age, self.gain + (wanted - self.gain) / MEAN_FRAMES)

    def _age(self, motion: Motion) -> FloatArray:
        return motion.carry(self.age) * motion.visible


def _renewed(mean: FloatArray, recent: FloatArray, predicted: FloatArray) -> FloatArray:
    """Return how far a mean is out of date, 0 to 1, ``(h, w)``: both the last frames and this one differ."""
    change = np.minimum(_length(recent - mean), _length(predicted - mean))
    return np.clip((change - _SLIGHT) / (_GREAT - _SLIGHT), 0, 1)


def _approached(ab: FloatArray, goal: FloatArray, share: FloatArray) -> FloatArray:
    """Return ``ab`` moved by a ``share`` of the way to ``goal``."""
    return np.asarray(ab + (goal - ab) * share, np.float32)


def _length(ab: FloatArray) -> FloatArray:
    # not cv2.magnitude: where arrays lie in memory decides about its last bit, and so about that of images
    return np.sqrt(ab[..., 0] * ab[..., 0] + ab[..., 1] * ab[..., 1])
