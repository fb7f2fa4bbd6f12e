from typing import get_args

import cv2
import numpy as np
import pytest
import skimage.data

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.infer.upsample import Method, Upsampler, upsample

RATIO = 4

both = pytest.mark.parametrize("method", get_args(Method))
sizes = pytest.mark.parametrize(
    ("small", "large"),
    [
        ((32, 48), (401, 603)),
        ((33, 47), (61, 59)),
        ((64, 64), (9, 31)),  # smaller than what the network saw
        ((64, 256), (8, 3000)),
        ((256, 64), (3000, 8)),
        ((1, 1), (5, 7)),
    ],
)


def noise(seed: int, shape: tuple[int, ...], mean: float, deviation: float) -> FloatArray:
    return np.random.default_rng(seed).normal(mean, deviation, shape).astype(np.float32)


def resized(array: FloatArray, size: tuple[int, int], interpolation: int) -> FloatArray:
    return np.asarray(cv2.resize(array, size[::-1], interpolation=interpolation), np.float32)


def reduced(array: FloatArray) -> FloatArray:
    size = (array.shape[0] // RATIO, array.shape[1] // RATIO)
    return resized(array, size, cv2.INTER_AREA)


@pytest.fixture(scope="module", params=["coffee", "astronaut", "chelsea"])
def lab(request: pytest.FixtureRequest) -> tuple[FloatArray, FloatArray]:
    lightness, ab = rgb_to_lab(getattr(skimage.data, request.param)())
    return np.ascontiguousarray(lightness), np.ascontiguousarray(ab)


@both
@sizes
def test_any_size_comes_back_as_asked(method: Method, small: tuple[int, int], large: tuple[int, int]) -> None:
    ab = upsample(noise(0, (*small, 2), 0, 20), noise(1, small, 50, 15), noise(2, large, 50, 15), method)
    assert (ab.shape, ab.dtype) == ((*large, 2), np.float32)
    assert np.isfinite(ab).all()


@both
@sizes
def test_one_color_stays_one_color(method: Method, small: tuple[int, int], large: tuple[int, int]) -> None:
    for color in ((0, 0), (31.5, -64)):
        ab = np.full((*small, 2), color, np.float32)
        result = upsample(ab, noise(1, small, 50, 15), noise(2, large, 50, 15), method)
        np.testing.assert_allclose(result, np.broadcast_to(ab[0, 0], result.shape), atol=1e-4)


@both
@sizes
def test_strips_are_the_whole(method: Method, small: tuple[int, int], large: tuple[int, int]) -> None:
    ab, small_lightness = noise(0, (*small, 2), 0, 20), noise(1, small, 50, 15)
    lightness = noise(2, large, 50, 15)
    upsampler = Upsampler(ab, small_lightness, large, method)
    strips = [upsampler.rows(start, lightness[start : start + 7]) for start in range(0, large[0], 7)]
    whole = upsample(ab, small_lightness, lightness, method)
    np.testing.assert_allclose(np.concatenate(strips), whole, atol=1e-3)


@sizes
def test_bilinear_is_opencvs(small: tuple[int, int], large: tuple[int, int]) -> None:
    ab = noise(0, (*small, 2), 0, 20)
    result = upsample(ab, noise(1, small, 50, 15), noise(2, large, 50, 15), "bilinear")
    np.testing.assert_allclose(result, resized(ab, large, cv2.INTER_LINEAR), atol=0.01)


def test_guided_changes_nothing_at_the_same_size(lab: tuple[FloatArray, FloatArray]) -> None:
    lightness, ab = lab
    np.testing.assert_allclose(upsample(ab, lightness, lightness, "guided"), ab, atol=1e-3)


def test_guided_color_follows_an_edge_of_lightness() -> None:
    lightness = np.full((80, 80), 30, np.float32)
    lightness[:, 42:] = 70  # inside a small pixel, of columns 40 to 43
    ab = np.where(lightness[..., None] > 50, np.array([40, -20], np.float32), np.array([-10, 30], np.float32))
    small, small_ab = reduced(lightness), reduced(ab)
    guided, bilinear = (
        np.abs(upsample(small_ab, small, lightness, m) - ab).max() for m in ("guided", "bilinear")
    )
    assert guided < 3 < 20 < bilinear


def test_guided_bleeds_less_at_the_edges_of_photographs(lab: tuple[FloatArray, FloatArray]) -> None:
    lightness, ab = lab
    smooth = cv2.GaussianBlur(ab, (0, 0), 1)
    gradient = np.hypot(*np.gradient(smooth, axis=(0, 1))).sum(axis=-1)
    edge = gradient > np.percentile(gradient, 97)
    guided, bilinear = (
        np.abs(upsample(reduced(ab), reduced(lightness), lightness, m) - ab) for m in ("guided", "bilinear")
    )
    assert guided[edge].mean() < 0.92 * bilinear[edge].mean()
    assert guided.mean() < bilinear.mean()


def test_guided_stays_in_the_range_of_the_small_pixels_around(lab: tuple[FloatArray, FloatArray]) -> None:
    lightness, ab = lab
    harsh = np.where(noise(0, lightness.shape, 0, 1) > 2, 100, lightness).astype(np.float32)
    small_ab, window = reduced(ab), np.ones((3, 3), np.uint8)
    result = upsample(small_ab, reduced(lightness), harsh, "guided")
    low, high = (
        resized(bound(small_ab, window), lightness.shape, cv2.INTER_LINEAR)
        for bound in (cv2.erode, cv2.dilate)
    )
    assert (result > low - 0.05).all()
    assert (result < high + 0.05).all()


def test_grain_stays_out_of_the_color_of_a_flat_surface() -> None:
    """Skin: colour that varies a little and slowly, on a grainy lightness."""
    skin = np.linspace([18, 20], [21, 24], 64 * 64, dtype=np.float32).reshape(64, 64, 2)
    skin += noise(1, skin.shape, 0, 0.5)
    lightness = noise(0, (256, 256), 65, 6)
    grain = upsample(skin, reduced(lightness), lightness, "guided") - upsample(
        skin, reduced(lightness), lightness, "bilinear"
    )
    assert np.sqrt(np.square(grain).sum(axis=-1).mean()) < 0.05
