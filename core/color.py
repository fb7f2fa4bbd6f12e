"""Colour conversion between sRGB and CIE L*a*b* (D65, 2 degree observer), and the sRGB gamut.

Arrays are channels-last. ``lightness`` is always CIE L* in 0..100, float32; ``ab`` is CIE a*, b*, float32.

OpenCV converts float32 images where it is exact: between linear light and Lab (checked against
scikit-image and published values in ``tests/core/test_color.py``). Three of its modes are not used: float
sRGB to Lab interpolates in a table and is 0.19 L* off, Lab to float sRGB is up to 3.5 of 65,536 levels off
in the shadows, and one 8-bit Lab round trip costs up to 17 levels.
"""

import functools

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

FloatArray = NDArray[np.float32]

XYZ_FROM_LINEAR = np.array(
    # sRGB primaries, D65: IEC 61966-2-1
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
LINEAR_FROM_XYZ = np.linalg.inv(XYZ_FROM_LINEAR)
LUMINANCE_WEIGHTS = XYZ_FROM_LINEAR[1]
WHITE_D65 = np.array([0.950456, 1.0, 1.088754])
GAMUT_STEPS = 12
GAMUT_TOLERANCE = 1e-6  # linear light, of float32 arithmetic; 0.001 L* at black


def from_unit(samples: FloatArray, dtype: np.dtype) -> np.ndarray:
    """Scale float32 0..1 samples to uint8 or uint16, rounded to nearest."""
    scaled = samples * np.float32(np.iinfo(dtype).max)
    return np.rint(np.clip(scaled, 0, np.iinfo(dtype).max)).astype(dtype)


def rgb_to_lab(rgb: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Convert sRGB ``(H, W, 3)`` uint8 or uint16 to lightness ``(H, W)`` and ab ``(H, W, 2)``."""
    linear = linear_light_table(rgb.dtype)[rgb]
    lab = np.asarray(cv2.cvtColor(linear, cv2.COLOR_LRGB2Lab), np.float32)
    return lab[..., 0], lab[..., 1:]


def lab_to_rgb(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Convert lightness ``(H, W)`` and ab ``(H, W, 2)`` to sRGB ``(H, W, 3)`` float32, clipped to 0..1."""
    return _encoded(np.clip(cv2.cvtColor(np.dstack([lightness, ab]), cv2.COLOR_Lab2LRGB), 0, 1))


def _encoded(linear: FloatArray) -> FloatArray:
    """Encode linear light 0..1: IEC 61966-2-1."""
    curve = np.asarray(cv2.pow(linear, 1 / 2.4), np.float32)
    curve *= np.float32(1.055)
    curve -= np.float32(0.055)
    return np.where(linear <= np.float32(0.0031308), np.float32(12.92) * linear, curve)


def grey_to_lightness(grey: np.ndarray) -> FloatArray:
    """Convert neutral sRGB samples (uint8 or uint16, any shape) to CIE L*.

    The grey value is *not* L*: sRGB 136 is L* 56.7, not 53.3.
    """
    return _lightness_table(grey.dtype)[grey]


def lightness_of(image: np.ndarray) -> FloatArray:
    """Return CIE L* ``(H, W)`` of sRGB, uint8 or uint16: grey ``(H, W)``, RGB or RGBA ``(H, W, 3 or 4)``."""
    return grey_to_lightness(image) if image.ndim == 2 else rgb_to_lab(image[..., :3])[0]


@functools.cache
def linear_light_table(dtype: np.dtype) -> FloatArray:
    """Return linear light 0..1 of every sample of an integer type: IEC 61966-2-1."""
    encoded = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


@functools.cache
def _lightness_table(dtype: np.dtype) -> FloatArray:
    """Return L* of every grey sample of an integer type: CIE 15."""
    luminance = linear_light_table(dtype).astype(np.float64)
    epsilon, kappa = (6 / 29) ** 3, (29 / 3) ** 3
    lightness = np.where(luminance > epsilon, 116 * np.cbrt(luminance) - 16, kappa * luminance)
    return lightness.astype(np.float32)


def lab_to_image(lightness: FloatArray, ab: FloatArray, dtype: DTypeLike) -> np.ndarray:
    """Convert Lab to the nearest sRGB ``(H, W, 3)`` uint8 or uint16 of the same lightness."""
    return from_unit(lab_to_rgb(lightness, fit_to_gamut(lightness, ab)), np.dtype(dtype))


def fit_to_gamut(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Reduce chroma at constant L* and hue until sRGB can show the colour.

    Colours inside the gamut are returned as they are; the others move straight towards the neutral
    axis, found by bisection to 1/4096 of their chroma.
    """
    outside = ~_is_in_gamut(lightness, ab)
    if not outside.any():
        return ab
    fixed_lightness, wanted = lightness[outside], ab[outside]  # (K,), (K, 2)
    low = np.zeros(len(wanted), np.float32)
    high = np.ones(len(wanted), np.float32)
    for _ in range(GAMUT_STEPS):
        middle = np.float32(0.5) * (low + high)
        fits = _is_in_gamut(fixed_lightness, wanted * middle[:, None])
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    fitted = ab.copy()
    fitted[outside] = wanted * low[:, None]
    return fitted


def _is_in_gamut(lightness: FloatArray, ab: FloatArray) -> NDArray[np.bool_]:
    """Tell for each colour whether all its linear sRGB components lie in 0..1."""
    fy = (lightness + 16) / 116
    xyz = np.stack([fy + ab[..., 0] / 500, fy, fy - ab[..., 1] / 200], axis=-1)  # (..., 3)
    delta = np.float32(6 / 29)
    xyz = np.where(xyz > delta, xyz**3, 3 * delta**2 * (xyz - np.float32(4 / 29)))
    matrix = (LINEAR_FROM_XYZ * WHITE_D65).astype(np.float32)
    linear = xyz @ matrix.T
    return np.all((linear >= -GAMUT_TOLERANCE) & (linear <= 1 + GAMUT_TOLERANCE), axis=-1)
