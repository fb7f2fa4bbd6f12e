"""Colour conversion between sRGB and CIE L*a*b* (D65, 2 degree observer).

Arrays are channels-last. ``lightness`` is always CIE L* in 0..100, float32; ``ab`` is CIE a*, b*, float32.

OpenCV converts float32 images where it is exact: between linear light and Lab (checked against scikit-image
and published values in ``tests/core/color/test_lab.py``). Three of its modes are not used. Its conversion of
float sRGB to Lab interpolates in a table and is 0.19 L* off. Lab to float sRGB is up to 3.5 of 65,536 levels
off in the shadows. One 8-bit Lab round trip costs up to 17 levels.
"""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

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
    return encoded_srgb(np.clip(cv2.cvtColor(np.dstack([lightness, ab]), cv2.COLOR_Lab2LRGB), 0, 1))


def encoded_srgb(linear: FloatArray) -> FloatArray:
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


def rgb_to_ycc(rgb: FloatArray) -> FloatArray:
    """Convert RGB ``(H, W, 3)``, 0..1, to the luma and colour differences ``(H, W, 3)`` of JFIF, 0..255."""
    return np.asarray(cv2.transform(rgb, _YCC_FROM_RGB), np.float32)
