"""Tells pictures in real colours from black-and-white photographs in one tone.

Toning, fading and a scanner's cast give each lightness one colour: ab follows a curve of L*. Real colours
leave that curve, in one of two ways. Several of them spread its residual over the ab plane, where uneven
yellowing and stains spread it along a line. One, on something small, stands out from its surroundings, where
yellowing is smooth. The margin of the picture does not count: mounts, stains and tape are found there.

The thresholds balance errors on photographs and their toned copies of 256 pixels and JPEG, the harshest case:
larger ones average more of the noise away. `benchmarks/studies/tones.py` counts what is left.
"""

from typing import Literal

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab

Tone = Literal["grey", "toned", "color"]

LONG_SIDE = 128
MARGIN = 0.1
"""Part of the shorter side that is left out at each edge."""

MINIMUM_SPREAD = 0.6
"""Lab units, of the residual across its main direction; as much again for every `TONE_CHROMA`."""

TONE_CHROMA = 25
"""Lab units, of the mean: a strong tone fits its curve less well, and so does what JPEG makes of it."""

MINIMUM_CONTRAST = 4.6
"""Lab units, of the residual against its surroundings, reached by `OBJECT_SHARE` of the picture."""

OBJECT_SHARE = 0.015
GREY_CHROMA = 3.0
"""Lab units; `OBJECT_SHARE` of a grey picture may have more."""

_CURVE_DEGREE = 7  # sepia filters clip at white: a kink
_FIT_ROUNDS = 4
_FIT_SCALE = 1.0  # Lab units, the least distance that counts as far
_NOISE_SIGMA = 2.0  # pixels of the reduced picture
_RIDGE = 1e-2  # pixels; only degenerate pictures feel it


def tone_of(rgb: np.ndarray) -> Tone:
    """Tell whether a picture is neutral grey, toned or tinted by one curve of its lightness, or in colour.

    Args:
        rgb: sRGB ``(H, W, 3)`` or grey ``(H, W)``, uint8 or uint16, of any size.

    Returns:
        ``"color"`` also for a hand-coloured print and for one coloured object on grey. ``"toned"`` also for
        a scene whose colours happen to follow its lightness: white on a red cloth, a dark dress on cream.
    """
    if rgb.ndim == 2:
        return "grey"
    lightness, ab = rgb_to_lab(_reduce(rgb))
    if _spread(lightness, ab) > MINIMUM_SPREAD * (1 + _length(ab).mean() / TONE_CHROMA):
        return "color"
    if _contrast(lightness, ab) > MINIMUM_CONTRAST:
        return "color"
    return "grey" if _nearly_highest(_length(_blur(ab, _NOISE_SIGMA))) < GREY_CHROMA else "toned"


def _reduce(rgb: np.ndarray) -> np.ndarray:
    """Return the picture without its margin, `LONG_SIDE` or less, each pixel the mean of its area."""
    margin = round(MARGIN * min(rgb.shape[:2]))
    inner = rgb[margin : rgb.shape[0] - margin, margin : rgb.shape[1] - margin]
    height, width = inner.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(inner, size, interpolation=cv2.INTER_AREA)


def _spread(lightness: FloatArray, ab: FloatArray) -> float:
    """Return the standard deviation of ab about the tone curve, across its main direction: 0 on a line."""
    residual = _blur(_residual(_tone_curve(lightness), ab), _NOISE_SIGMA)
    covariance = np.cov(residual.reshape(-1, 2).T, bias=True)
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(covariance)[0])))


def _contrast(lightness: FloatArray, ab: FloatArray) -> float:
    """Return how far in ab the most outstanding object lies from its surroundings, unevenness allowed for."""
    terms = np.hstack([_tone_curve(lightness), _unevenness(lightness)])
    residual = _blur(_residual(terms, ab), _NOISE_SIGMA)
    surroundings = _blur(residual, min(lightness.shape) / 10)
    return _nearly_highest(_length(residual - surroundings))


def _tone_curve(lightness: FloatArray) -> FloatArray:
    """Return the powers of lightness ``(H, W)``, scaled to -1..1, as columns ``(H * W, degree + 1)``."""
    scaled = lightness.reshape(-1, 1) / 50 - 1
    return np.asarray(scaled ** np.arange(_CURVE_DEGREE + 1), np.float32)


def _unevenness(lightness: FloatArray) -> FloatArray:
    """Return slow changes over the picture, and with it of contrast in ab, as columns ``(H * W, 10)``."""
    height, width = lightness.shape
    y = np.repeat(np.linspace(-1, 1, height, dtype=np.float32), width)
    x = np.tile(np.linspace(-1, 1, width, dtype=np.float32), height)
    slow = np.stack([x, y, x * x, x * y, y * y], axis=1)
    return np.hstack([slow, slow * (lightness.reshape(-1, 1) / 50 - 1)])


def _residual(terms: FloatArray, ab: FloatArray) -> FloatArray:
    """Return what a robust fit of the terms ``(H * W, K)`` leaves of ab ``(H, W, 2)``.

    Least squares, reweighted by the Cauchy function, so that objects in colour do not bend the curve.
    """
    samples = ab.reshape(-1, 2)
    weights = np.ones((len(samples), 1), np.float32)
    ridge = _RIDGE * np.eye(terms.shape[1], dtype=np.float32)
    for _ in range(_FIT_ROUNDS):
        weighted = (terms * weights).T
        left = samples - terms @ np.linalg.solve(weighted @ terms + ridge, weighted @ samples)
        distance = np.hypot(left[:, :1], left[:, 1:])
        typical = np.float32(max(_FIT_SCALE, 1.5 * float(np.median(distance))))
        weights = np.asarray(1 / (1 + (distance / typical) ** 2), np.float32)
    return left.reshape(ab.shape)


def _nearly_highest(values: FloatArray) -> float:
    return float(np.quantile(values, 1 - OBJECT_SHARE))


def _length(ab: FloatArray) -> FloatArray:
    return np.hypot(ab[..., 0], ab[..., 1])


def _blur(ab: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(ab, (0, 0), sigma), np.float32)
