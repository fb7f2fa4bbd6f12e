"""Colour conversion between sRGB and CIE L*a*b* (D65, 2 degree observer), and the sRGB gamut.

Arrays are channels-last. ``lightness`` is always CIE L* in 0..100, float32; ``ab`` is CIE a*, b*, float32.

OpenCV converts float32 images where it is exact: between linear light and Lab (checked against scikit-image
and published values in ``tests/core/color/test_lab.py``). Three of its modes are not used. Its conversion of
float sRGB to Lab interpolates in a table and is 0.19 L* off. Lab to float sRGB is up to 3.5 of 65,536 levels
off in the shadows. One 8-bit Lab round trip costs up to 17 levels.
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
_LINEAR_FROM_WHITE = (LINEAR_FROM_XYZ * WHITE_D65).astype(np.float32)  # of XYZ relative to white
_AB_PER_ROOT = np.array([[500], [-200]], np.float32)  # a* and b* for one unit of f(X) and f(Z), CIE 15
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
_UNCLIPPED = (1e-7,) * 3, (1 - 1e-7,) * 3
_UNCLIPPED_8_BITS = (1,) * 3, (254,) * 3


def build_tables() -> None:
    """Let OpenCV build the tables of its Lab conversions: 0.1 s that can pass beside other work."""
    cv2.cvtColor(np.zeros((1, 1, 3), np.float32), cv2.COLOR_Lab2RGB)


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
    if np.dtype(dtype) != np.uint8:
        return from_unit(_encoded(lab_to_fitted_rgb(lightness, ab, cv2.COLOR_Lab2LRGB)), np.dtype(dtype))
    rgb = _in_8_bits(_from_lab(lightness, ab, cv2.COLOR_Lab2RGB))  # its error of 3.5 / 65,536 is none here
    clipped = np.flatnonzero(cv2.inRange(rgb, *_UNCLIPPED_8_BITS) == 0)
    if clipped.size:
        rgb.reshape(-1, 1, 3)[clipped] = _in_8_bits(_fitted(lightness, ab, clipped, cv2.COLOR_Lab2RGB))
    return rgb


def _in_8_bits(rgb: FloatArray) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=255), np.uint8)


def rgb_to_ycc(rgb: FloatArray) -> FloatArray:
    """Convert RGB ``(H, W, 3)``, 0..1, to the luma and colour differences ``(H, W, 3)`` of JFIF, 0..255."""
    return np.asarray(cv2.transform(rgb, _YCC_FROM_RGB), np.float32)


def lab_to_fitted_rgb(
    lightness: FloatArray, ab: FloatArray, conversion: int = cv2.COLOR_Lab2RGB
) -> FloatArray:
    """Convert Lab to RGB ``(H, W, 3)``, 0..1, of the same lightness: what would be clipped is fitted.

    Args:
        lightness: ``(H, W)``.
        ab: ``(H, W, 2)``.
        conversion: OpenCV's; the one to sRGB is exact to 3.5 / 65,536.
    """
    rgb = _from_lab(lightness, ab, conversion)
    clipped = np.flatnonzero(cv2.inRange(rgb, *_UNCLIPPED) == 0)
    if clipped.size:
        rgb.reshape(-1, 1, 3)[clipped] = _fitted(lightness, ab, clipped, conversion)
    return rgb


def _from_lab(lightness: FloatArray, ab: FloatArray, conversion: int) -> FloatArray:
    lab = cv2.merge([lightness, ab[..., 0], ab[..., 1]])
    return np.asarray(cv2.cvtColor(lab, conversion), np.float32)


def _fitted(lightness: FloatArray, ab: FloatArray, places: np.ndarray, conversion: int) -> FloatArray:
    """Convert the pixels at these places of the flat image, fitted to the gamut: ``(N, 1, 3)``."""
    outside = lightness.reshape(-1, 1).take(places, axis=0)
    wanted = np.stack([ab[..., channel].take(places) for channel in range(2)], axis=1)[:, None]
    return _from_lab(outside, fit_to_gamut(outside, wanted), conversion)


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


def _cube_roots(lightness: FloatArray, ab: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return f(Y) ``(N,)``, and what f(X), f(Y) and f(Z) differ from it ``(3, N)``: CIE 15."""
    neutral = (lightness + np.float32(16)) * np.float32(1 / 116)
    chroma = np.zeros((3, neutral.size), np.float32)
    np.divide(ab.T, _AB_PER_ROOT, out=chroma[::2])
    return neutral, chroma


def _is_in_gamut(roots: FloatArray) -> NDArray[np.bool_]:
    """Tell for each f(X), f(Y), f(Z) of ``(3, N)`` whether all its linear sRGB components lie in 0..1."""
    linear = _LINEAR_FROM_WHITE @ _from_cube_root(roots)
    return (linear.min(0) >= -GAMUT_TOLERANCE) & (linear.max(0) <= 1 + GAMUT_TOLERANCE)


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
