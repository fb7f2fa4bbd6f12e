"""Colour differences and colourfulness. Images are channels-last; Lab is CIE L*a*b* (D65), float."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]


def ciede2000(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the CIEDE2000 difference of Lab colours ``(..., 3)`` as ``(...)``.

    Source: Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula" (2005), equations 2 to 22.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(second, np.float64), -1, 0)
    c1, h1, c2, h2 = _adjusted_chroma_and_hue(a1, b1, a2, b2)

    delta_c = c2 - c1
    delta_h = _hue_difference(c1, h1, c2, h2)
    delta_big_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(delta_h) / 2)

    mean_l, mean_c, mean_h = (l1 + l2) / 2, (c1 + c2) / 2, _mean_hue(c1, h1, c2, h2)
    s_l, s_c, s_h = _weights(mean_l, mean_c, mean_h)
    terms = ((l2 - l1) / s_l, delta_c / s_c, delta_big_h / s_h)
    rotation = _rotation(mean_c, mean_h)
    squared = terms[0] ** 2 + terms[1] ** 2 + terms[2] ** 2 + rotation * terms[1] * terms[2]
    return np.sqrt(np.maximum(squared, 0))


def _adjusted_chroma_and_hue(
    a1: FloatArray, b1: FloatArray, a2: FloatArray, b2: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return C'1, h'1, C'2, h'2 in degrees (equations 2 to 7)."""
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_c7 / (mean_c7 + 25.0**7))
    chromas = [np.hypot(stretch * a, b) for a, b in ((a1, b1), (a2, b2))]
    hues = [np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2))]
    return chromas[0], hues[0], chromas[1], hues[1]


def _hue_difference(c1: FloatArray, h1: FloatArray, c2: FloatArray, h2: FloatArray) -> FloatArray:
    """Return the signed hue difference in degrees, 0 for a neutral colour (equation 10)."""
    wrapped = (h2 - h1 + 180) % 360 - 180
    return np.where(c1 * c2 == 0, 0, np.where((wrapped == -180) & (h2 > h1), 180, wrapped))


def _mean_hue(c1: FloatArray, h1: FloatArray, c2: FloatArray, h2: FloatArray) -> FloatArray:
    """Return the mean hue in degrees (equation 14)."""
    total, far = h1 + h2, np.abs(h1 - h2) > 180
    mean = np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2
    return np.where(c1 * c2 == 0, total, mean)


def _weights(
    mean_l: FloatArray, mean_c: FloatArray, mean_h: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return S_L, S_C, S_H (equations 15, 18 to 20)."""
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    return s_l, 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t


def _rotation(mean_c: FloatArray, mean_h: FloatArray) -> FloatArray:
    """Return R_T, the chroma-hue interaction in the blues (equations 16, 17, 21)."""
    theta = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))
    strength = 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    return -np.sin(np.radians(2 * theta)) * strength


def colorfulness(rgb: NDArray[np.uint8]) -> float:
    """Return Hasler and Suesstrunk's colourfulness (2003) of sRGB ``(H, W, 3)`` uint8; 0 for grey."""
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    offset = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(spread + 0.3 * offset)


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of two uint8 images in dB; infinity when they are equal."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
