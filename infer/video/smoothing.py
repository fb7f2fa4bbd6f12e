"""Steady colour: each frame's ab as a mean over the frames before, moved along with the picture."""

from dataclasses import dataclass, replace

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
    leaving: FloatArray | None = None
    """CIE ab ``(h, w, 2)`` of the picture that goes, in a dissolve; all else is of the one that comes."""
    share: float = 1.0
    """The share of the scene that comes, 0 to 1."""

    @property
    def steady(self) -> FloatArray:
        """CIE ab ``(h, w, 2)`` without flicker."""
        own = self.mean * np.float32(self.gain)
        return own if self.leaving is None else _approached(self.leaving, own, np.float32(self.share))

    @classmethod
    def first(cls, predicted: FloatArray, weight: float = 1) -> "Colors":
        """Begin a scene, with a frame that counts as ``weight``: nothing of the one before stays."""
        age = np.full(predicted.shape[:2], weight, np.float32)
        return cls(predicted, predicted, predicted, age)

    def dissolving(self, predicted: FloatArray, motion: Motion, weight: float) -> "Colors":
        """Begin a dissolve: the colours so far go with their picture."""
        return replace(Colors.first(predicted, weight), leaving=motion.carry(self.steady), share=0.0)

    def shared(self, share: float) -> "Colors":
        """Return these colours with another ``share``."""
        return replace(self, share=share)

    def averaged(self, predicted: FloatArray, motion: Motion, weight: float = 1) -> "Colors":
        """Return the colours of the next frame, predicted or moved along; it counts as ``weight``.

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
        gain = self.gain + (wanted - self.gain) / MEAN_FRAMES
        return Colors(predicted, mean, recent, age, gain, self._left(motion), self.share)

    def _left(self, motion: Motion) -> FloatArray | None:
        return None if self.leaving is None else motion.carry(self.leaving)

    def _age(self, motion: Motion) -> FloatArray:
        return motion.carry(self.age) * motion.visible


def _renewed(mean: FloatArray, recent: FloatArray, predicted: FloatArray) -> FloatArray:
    """Return how far a mean is out of date, 0 to 1, ``(h, w)``: both the last frames and this one differ."""
    change = np.minimum(_length(recent - mean), _length(predicted - mean))
    return np.clip((change - _SLIGHT) / (_GREAT - _SLIGHT), 0, 1)


def _approached(ab: FloatArray, goal: FloatArray, share: FloatArray | np.float32) -> FloatArray:
    """Return ``ab`` moved by a ``share`` of the way to ``goal``."""
    return np.asarray(ab + (goal - ab) * share, np.float32)


def _length(ab: FloatArray) -> FloatArray:
    # not cv2.magnitude: where arrays lie in memory decides about its last bit, and so about that of images
    return np.sqrt(ab[..., 0] * ab[..., 0] + ab[..., 1] * ab[..., 1])
