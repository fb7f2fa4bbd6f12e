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
_YCC_FROM_RGB = 255 * np.array(
    # ITU-T T.871, with the offset of colour differences in the last column
    [
        [0.299, 0.587, 0.114, 0],
        [-0.168736, -0.331264, 0.5, 128 / 255],
        [0.5, -0.418688, -0.081312, 128 / 255],
    ]
)
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
    """Convert neutral sRGB samples (uint8 or uint16, ``(H, W)``) to CIE L*.

    The grey value is *not* L*: sRGB 136 is L* 56.7, not 53.3.
    """
    table = _lightness_table(grey.dtype)
    return np.asarray(cv2.LUT(grey, table), np.float32) if grey.dtype == np.uint8 else table[grey]


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
    fitted = fit_to_gamut(lightness, ab)
    if np.dtype(dtype) == np.uint8:  # OpenCV's error of 3.5 / 65536 is none here
        return cv2.convertScaleAbs(cv2.cvtColor(cv2.merge([lightness, fitted]), cv2.COLOR_Lab2RGB), alpha=255)
    return from_unit(lab_to_rgb(lightness, fitted), np.dtype(dtype))


def lab_to_ycc(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Convert Lab to the luma and colour differences ``(H, W, 3)`` of JFIF, 0..255, at the same lightness."""
    fitted = fit_to_gamut(lightness, ab)
    rgb = cv2.cvtColor(cv2.merge([lightness, fitted]), cv2.COLOR_Lab2RGB)
    return np.asarray(cv2.transform(rgb, _YCC_FROM_RGB), np.float32)


def fit_to_gamut(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Reduce chroma at constant L* and hue until sRGB can show the colour.

    Colours inside the gamut are returned as they are; the others move straight towards the neutral
    axis, found by bisection to 1/4096 of their chroma.
    """
    suspects = np.flatnonzero(_may_be_outside(lightness, ab))
    suspects = suspects[~_is_in_gamut(lightness.reshape(-1)[suspects], ab.reshape(-1, 2)[suspects])]
    if not suspects.size:
        return ab
    fixed_lightness, wanted = lightness.reshape(-1)[suspects], ab.reshape(-1, 2)[suspects]  # (K,), (K, 2)
    low = np.zeros(len(wanted), np.float32)
    high = np.ones(len(wanted), np.float32)
    for _ in range(GAMUT_STEPS):
        middle = np.float32(0.5) * (low + high)
        fits = _is_in_gamut(fixed_lightness, wanted * middle[:, None])
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    fitted = ab.copy()
    fitted.reshape(-1, 2)[suspects] = wanted * low[:, None]
    return fitted


def _may_be_outside(lightness: FloatArray, ab: FloatArray) -> NDArray[np.bool_]:
    """Tell quickly for each colour whether it has more chroma than every hue of its lightness can have."""
    level = cv2.convertScaleAbs(lightness, alpha=2.55)
    chroma = ab[..., 0] * ab[..., 0] + ab[..., 1] * ab[..., 1]
    return chroma > _safe_chroma()[level]


@functools.cache
def _safe_chroma() -> FloatArray:
    """Return the square of the chroma that sRGB can show of any hue, for L* of 0..100 in 256 steps."""
    hues = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    lightness = np.repeat(np.linspace(0, 100, 256, dtype=np.float32)[:, None], len(hues), axis=1)
    direction = np.dstack(np.broadcast_arrays(np.cos(hues), np.sin(hues))).astype(np.float32)
    low, high = np.zeros_like(lightness), np.full_like(lightness, 60, np.float32)
    for _ in range(8):
        middle = np.float32(0.5) * (low + high)
        fits = _is_in_gamut(lightness, direction * middle[..., None])
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    # between two hues and within one step of lightness there is a little less
    safe = np.maximum(0, 0.98 * low.min(axis=1) - 1)
    neighbours = np.minimum(np.minimum(safe, np.roll(safe, 1)), np.roll(safe, -1))
    return np.asarray(neighbours**2, np.float32)


def _is_in_gamut(lightness: FloatArray, ab: FloatArray) -> NDArray[np.bool_]:
    """Tell for each colour whether all its linear sRGB components lie in 0..1."""
    fy = (lightness + np.float32(16)) * np.float32(1 / 116)
    x = _from_cube_root(fy + ab[..., 0] * np.float32(1 / 500))
    y = _from_cube_root(fy)
    z = _from_cube_root(fy - ab[..., 1] * np.float32(1 / 200))
    inside = np.ones(lightness.shape, bool)
    for from_x, from_y, from_z in (LINEAR_FROM_XYZ * WHITE_D65).astype(np.float32):
        linear = from_x * x + from_y * y + from_z * z
        inside &= (linear >= -GAMUT_TOLERANCE) & (linear <= 1 + GAMUT_TOLERANCE)
    return inside


def _from_cube_root(root: FloatArray) -> FloatArray:
    """Return X, Y or Z relative to white of its value in Lab: CIE 15."""
    delta = np.float32(6 / 29)
    return np.where(root > delta, root * root * root, 3 * delta**2 * (root - np.float32(4 / 29)))
