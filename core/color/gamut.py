"""CIE Lab to sRGB of the same lightness: colours outside the gamut become less colourful, of the same hue.

`fit_to_gamut` finds the border of the gamut by bisection. For 8 bits a table of the border is near enough,
and faster. That counts: of a photograph at night, half of the pixels can lie outside.
"""

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from colorize_gan.core.color.lab import LINEAR_FROM_XYZ, WHITE_D65, FloatArray, encoded_srgb, from_unit

GAMUT_STEPS = 12
GAMUT_TOLERANCE = 1e-6  # linear light, of float32 arithmetic; 0.001 L* at black

_LINEAR_FROM_WHITE = (LINEAR_FROM_XYZ * WHITE_D65).astype(np.float32)  # of XYZ relative to white
_AB_PER_ROOT = np.array([[500], [-200]], np.float32)  # a* and b* for one unit of f(X) and f(Z), CIE 15
_UNCLIPPED = (1e-7,) * 3, (1 - 1e-7,) * 3
_UNCLIPPED_8_BITS = (1,) * 3, (254,) * 3
_ROUGH_TOLERANCE = 1e-5  # linear light: with more, black would become blue
_OUTSIDE = 200  # chroma, more than any colour of sRGB has
_LEVELS = 256  # of L*, in the table; its hues are whole degrees
_AT_ONCE = 32_000  # pixels; cv2.remap takes 32,767 columns at most
_GAP = (91, 96), (99, 109)  # L* and degrees of hue, the least and the most

_Fit = Callable[[FloatArray, FloatArray], FloatArray]


def build_tables() -> None:
    """Build the tables of the conversions: 0.1 s that can pass beside other work."""
    lab_to_image(np.zeros((1, 1), np.float32), np.ones((1, 1, 2), np.float32), np.uint8)


def lab_to_image(lightness: FloatArray, ab: FloatArray, dtype: DTypeLike) -> np.ndarray:
    """Convert Lab to the nearest sRGB ``(H, W, 3)`` uint8 or uint16 of the same lightness.

    Args:
        lightness: CIE L* ``(H, W)``.
        ab: CIE a*, b* ``(H, W, 2)``.
        dtype: uint8, whose chroma is within 0.4 of that of uint16, or uint16.
    """
    if np.dtype(dtype) != np.uint8:
        linear = _fitted(lightness, ab, cv2.COLOR_Lab2LRGB, fit_to_gamut)
        return from_unit(encoded_srgb(linear), np.dtype(dtype))
    rgb = _in_8_bits(_from_lab(lightness, ab, cv2.COLOR_Lab2RGB))
    suspects = np.flatnonzero(cv2.inRange(rgb, *_UNCLIPPED_8_BITS) == 0)
    if suspects.size:
        own, wanted = _taken(lightness, ab, suspects)
        fitted = _from_lab(own, fit_nearly(own, wanted), cv2.COLOR_Lab2RGB)
        rgb.reshape(-1, 3)[suspects] = _in_8_bits(fitted)[0]
    return rgb


def lab_to_fitted_rgb(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Convert Lab to sRGB ``(H, W, 3)`` float32, 0..1, of the same lightness, exactly enough for 8 bits.

    Args:
        lightness: CIE L* ``(H, W)``.
        ab: CIE a*, b* ``(H, W, 2)``.
    """
    return _fitted(lightness, ab, cv2.COLOR_Lab2RGB, fit_nearly)


def _fitted(lightness: FloatArray, ab: FloatArray, conversion: int, fit: _Fit) -> FloatArray:
    rgb = _from_lab(lightness, ab, conversion)
    clipped = np.flatnonzero(cv2.inRange(rgb, *_UNCLIPPED) == 0)
    if clipped.size:
        own, wanted = _taken(lightness, ab, clipped)
        rgb.reshape(-1, 3)[clipped] = _from_lab(own, fit(own, wanted), conversion)[0]
    return rgb


def _from_lab(lightness: FloatArray, ab: FloatArray, conversion: int) -> FloatArray:
    lab = cv2.merge([lightness, ab[..., 0], ab[..., 1]])
    return np.asarray(cv2.cvtColor(lab, conversion), np.float32)


def _in_8_bits(rgb: FloatArray) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=255), np.uint8)


def _taken(lightness: FloatArray, ab: FloatArray, places: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Return lightness ``(1, N)`` and ab ``(1, N, 2)``, a view of two planes, at places of the flat image.

    In one row: OpenCV does rows one by one.
    """
    wanted = np.stack([ab[..., channel].take(places)[None] for channel in range(2)])
    return lightness.take(places)[None], np.moveaxis(wanted, 0, -1)


def fit_to_gamut(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Reduce chroma at constant L* and hue until sRGB can show the colour.

    Colours inside the gamut are returned as they are; the others move straight towards the neutral
    axis, found by bisection to 1/4096 of their chroma.

    Args:
        lightness: any shape ``(...)``.
        ab: ``(..., 2)``.
    """
    neutral, chroma = _cube_roots(lightness.reshape(-1), ab.reshape(-1, 2))
    shares = np.ones_like(neutral)
    suspects = np.flatnonzero(~_is_in_gamut(neutral + chroma))
    neutral, chroma = neutral[suspects], chroma.take(suspects, axis=1)  # [:, suspects] would lie transposed
    share, tried = np.zeros_like(neutral), np.empty_like(chroma)
    for step in np.float32(0.5) ** np.arange(1, GAMUT_STEPS + 1, dtype=np.float32):
        np.multiply(chroma, share + step, out=tried)
        tried += neutral
        share += step * _is_in_gamut(tried)
    shares[suspects] = share
    return ab * shares.reshape(*lightness.shape, 1)


def fit_nearly(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Do the same for lightness ``(1, N)`` and ab ``(1, N, 2)``, N > 0, by a table of the border.

    One colour in 10,000 differs by more than 1 of chroma from `fit_to_gamut`. About bright yellow, chroma
    leaves the gamut and enters it again: there, `fit_to_gamut` is used.
    """
    parts = [slice(start, start + _AT_ONCE) for start in range(0, lightness.size, _AT_ONCE)]
    return np.concatenate([_fitted_part(lightness[:, part], ab[:, part]) for part in parts], axis=1)


def _fitted_part(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    chroma, hue = cv2.cartToPolar(ab[..., 0], ab[..., 1], angleInDegrees=True)
    level = lightness * np.float32((_LEVELS - 1) / 100)
    most = cv2.remap(_border(), hue, level, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shares = np.minimum(1, most / np.maximum(chroma, np.float32(1e-6)))
    neutral, differences = _cube_roots(lightness[0], ab[0])
    shares[0, _is_in_gamut(neutral + differences, _ROUGH_TOLERANCE)] = 1
    fitted = ab * shares[..., None]
    in_gap = np.flatnonzero(cv2.inRange(cv2.merge([lightness, hue]), *_GAP))
    if in_gap.size:
        fitted[:, in_gap] = fit_to_gamut(lightness[:, in_gap], ab[:, in_gap])
    return fitted


@functools.cache
def _border() -> FloatArray:
    """Return the chroma of the border of the gamut, for `_LEVELS` of L* and for hues of 0 to 360 degrees."""
    lightness = np.linspace(0, 100, _LEVELS, dtype=np.float32)[:, None].repeat(361, axis=1)
    hue = np.radians(np.arange(361))
    outside = _OUTSIDE * np.stack([np.cos(hue), np.sin(hue)], axis=1)
    fitted = fit_to_gamut(lightness, np.tile(outside.astype(np.float32), (_LEVELS, 1, 1)))
    return np.asarray(cv2.magnitude(fitted[..., 0], fitted[..., 1]), np.float32)


def _cube_roots(lightness: FloatArray, ab: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return f(Y) ``(N,)``, and what f(X), f(Y) and f(Z) differ from it ``(3, N)``: CIE 15."""
    neutral = (lightness + np.float32(16)) * np.float32(1 / 116)
    chroma = np.zeros((3, neutral.size), np.float32)
    np.divide(ab.T, _AB_PER_ROOT, out=chroma[::2])
    return neutral, chroma


def _is_in_gamut(roots: FloatArray, tolerance: float = GAMUT_TOLERANCE) -> NDArray[np.bool_]:
    """Tell for each f(X), f(Y), f(Z) of ``(3, N)`` whether all its linear sRGB components lie in 0..1."""
    linear = _LINEAR_FROM_WHITE @ _from_cube_root(roots)
    return (linear.min(0) >= -tolerance) & (linear.max(0) <= 1 + tolerance)


def _from_cube_root(root: FloatArray) -> FloatArray:
    """Return X, Y or Z relative to white of its value in Lab: CIE 15."""
    delta = np.float32(6 / 29)
    curved = np.maximum(root, delta)
    below = root - curved  # a straight line below delta
    below *= 3 * delta**2
    root = curved * curved
    root *= curved
    root += below
    return root
