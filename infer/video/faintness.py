"""Where little of a picture can be seen: frames of a fade, and the dark bars around a picture."""

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray

_FULL_CONTRAST = 40.0  # L* between the darkest and the lightest parts from which on the network sees well
_FULL_LIGHT = 40.0  # L* of the lightest parts from which on colours are as strong as by day
_LEAST_WEIGHT = 0.02  # of a frame that shows nothing
_EXTREMES = (2, 98)  # per cent of the pixels that are darker: single ones do not count
_DARKEST_PICTURE = 8.0  # L*; the black of tapes is up to 6
_FLAT = 4.0  # L* by which the noise of tapes differs along a bar
_NOISE_SHARE = 8  # of the side of a picture over which noise is averaged


def weight_of(lightness: FloatArray) -> float:
    """Return how much the colours of a frame, CIE L* ``(h, w)``, count: 1 unless it is hardly to be seen."""
    darkest, lightest = np.percentile(lightness, _EXTREMES)
    return float(np.clip((lightest - darkest) / _FULL_CONTRAST, _LEAST_WEIGHT, 1))


def strength_of(lightness: FloatArray) -> FloatArray:
    """Return how strong colours may be, 0 to 1, ``(h, w, 1)``: in the dark they fade, in bars are none."""
    light = float(np.percentile(lightness, _EXTREMES[1])) / _FULL_LIGHT
    return np.where(_bars(lightness), np.float32(0), np.float32(min(1, light)))[..., None]


def _bars(lightness: FloatArray) -> np.ndarray:
    """Find the plain dark rows and columns at the borders of a picture, bool ``(h, w)``."""
    bars = np.zeros(lightness.shape, bool)
    bars[_plain_ends(lightness)] = True
    picture = lightness[~bars[:, 0]]
    if len(picture):
        bars[:, _plain_ends(picture.T)] = True
    return bars


def _plain_ends(rows: FloatArray) -> np.ndarray:
    """Tell which rows are dark, plain, and between a border and the first that is not, bool ``(h,)``."""
    smooth = cv2.blur(np.ascontiguousarray(rows), (max(1, rows.shape[1] // _NOISE_SHARE), 1))
    is_plain = (smooth.mean(axis=1) < _DARKEST_PICTURE) & (np.ptp(smooth, axis=1) < _FLAT)
    ends = (np.logical_and.accumulate(side) for side in (is_plain, is_plain[::-1]))
    return np.asarray(next(ends) | next(ends)[::-1])
