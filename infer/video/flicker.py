"""How much colour flickers: colour distribution consistency and warped error.

Both are of a* and b*: luma is the video's own, and its changes would hide those of colour.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.color.metrics import colorfulness
from colorize_gan.infer.video.motion import Motion

_LAGS = (1, 2, 4)
_BINS = 256


@dataclass(frozen=True)
class FlickerScore:
    """Flicker of a video, 0 for none; scenes by themselves."""

    cdc: float
    """Colour distribution consistency: Liu et al., "Temporally Consistent Video Colorization" (2021), of
    a* and b* instead of R, G and B."""
    warped_error: float
    """Mean distance in ab between a pixel and itself one frame before, where it was visible."""


@dataclass(frozen=True)
class Look:
    """The measurements of one frame."""

    histograms: FloatArray
    """Shares of the levels of a* and b*, ``(2, 256)``."""
    colorfulness: float
    warped_error: float | None
    """See `FlickerScore`; None for the first frame of a scene."""


def look(lightness: FloatArray, ab: FloatArray, ab_before: FloatArray | None, motion: Motion | None) -> Look:
    """Measure a frame at half the size that the network sees.

    Args:
        lightness: CIE L* ``(h, w)``.
        ab: CIE ab ``(h, w, 2)``.
        ab_before: of the frame before.
        motion: from it; None for the first frame of a scene.
    """
    height, width = lightness.shape
    size = (width // 2, height // 2)
    small_lightness, small = (
        np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.float32)
        for array in (lightness, ab)
    )
    rgb = lab_to_image(small_lightness, small, np.uint8)
    error = None if motion is None or ab_before is None else _warped_error(ab, ab_before, motion)
    return Look(_histograms(small), colorfulness(rgb), error)


def _histograms(ab: FloatArray) -> FloatArray:
    bins = np.clip(ab + 128, 0, _BINS - 1).astype(np.uint8)
    counts = [np.bincount(bins[..., channel].reshape(-1), minlength=_BINS) for channel in range(2)]
    return np.asarray(np.stack(counts) / (ab.size / 2), np.float32)


def _warped_error(ab: FloatArray, ab_before: FloatArray, motion: Motion) -> float:
    ab, motion = ab[::2, ::2], motion.thinned()
    change_a, change_b = cv2.split(ab - motion.carry(ab_before))
    distance = cv2.magnitude(change_a, change_b)
    return float((distance * motion.visible).sum() / max(1.0, float(motion.visible.sum())))


@dataclass
class FlickerTally:
    """The sums over a video, as arrays that can be saved."""

    recent: FloatArray = field(default_factory=lambda: np.zeros((0, 2, _BINS), np.float32))
    """Histograms of the last frames of the scene, at most the longest lag."""
    divergences: np.ndarray = field(default_factory=lambda: np.zeros((len(_LAGS), 2)))
    """Sum and number of the divergences of each lag."""
    errors: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """Sum and number of the warped errors."""
    colorfulness: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """Sum and number."""

    def add(self, frame: Look) -> None:
        """Take in the next frame."""
        if frame.warped_error is None:
            self.recent = self.recent[:0]
        else:
            self.errors += (frame.warped_error, 1)
        for sums, lag in zip(self.divergences, _LAGS, strict=True):
            if lag <= len(self.recent):
                sums += (_divergence(self.recent[-lag], frame.histograms), 1)
        self.recent = np.concatenate([self.recent, frame.histograms[None]])[-max(_LAGS) :]
        self.colorfulness += (frame.colorfulness, 1)

    @property
    def score(self) -> FlickerScore | None:
        """The score; None for less than two frames of a scene."""
        if not self.errors[1]:
            return None
        total, count = self.divergences[self.divergences[:, 1] > 0].T
        return FlickerScore(float((total / count).mean()), float(self.errors[0] / self.errors[1]))

    @property
    def mean_colorfulness(self) -> float:
        """Hasler and Suesstrunk's colourfulness, the mean of the frames."""
        return float(self.colorfulness[0] / max(1, self.colorfulness[1]))


def _divergence(first: FloatArray, second: FloatArray) -> float:
    """Return the mean Jensen-Shannon divergence, in nats, of the rows of two distributions."""
    mean = (first + second) * np.float32(0.5)
    return float((_information(first, mean) + _information(second, mean)) / 2 / len(first))


def _information(shares: FloatArray, mean: FloatArray) -> float:
    used = shares > 0
    return float((shares[used] * np.log(shares[used] / mean[used])).sum())
