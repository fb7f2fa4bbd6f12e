import cv2
import numpy as np
import pytest

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.upsample import Upsampler, upsample

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


def noise(shape: tuple[int, ...]) -> FloatArray:
    return np.random.default_rng(0).normal(0, 20, shape).astype(np.float32)


@sizes
def test_any_size_comes_back_as_asked(small: tuple[int, int], large: tuple[int, int]) -> None:
    ab = upsample(noise((*small, 2)), large)
    assert (ab.shape, ab.dtype) == ((*large, 2), np.float32)


@sizes
def test_one_color_stays_one_color(small: tuple[int, int], large: tuple[int, int]) -> None:
    ab = np.full((*small, 2), (31.5, -64), np.float32)
    for result in (upsample(ab, large), Upsampler(ab, large).rows(0, large[0])):
        np.testing.assert_allclose(result, np.broadcast_to(ab[0, 0], result.shape), atol=1e-4)


@sizes
def test_strips_are_the_whole(small: tuple[int, int], large: tuple[int, int]) -> None:
    ab = noise((*small, 2))
    upsampler = Upsampler(ab, large)
    strips = [upsampler.rows(start, min(7, large[0] - start)) for start in range(0, large[0], 7)]
    np.testing.assert_allclose(np.concatenate(strips), upsample(ab, large), atol=0.01)


def test_color_is_linear_between_the_centers_of_small_pixels() -> None:
    ab = np.array([[[0, 5], [40, 5]]], np.float32)
    assert upsample(ab, (1, 8))[0, :, 0].tolist() == [0, 0, 5, 15, 25, 35, 40, 40]


@sizes
def test_enlarging_is_opencvs_of_each_channel(small: tuple[int, int], large: tuple[int, int]) -> None:
    ab = noise((*small, 2))
    rows = Upsampler(ab, large).rows(0, large[0])
    for channel in range(2):
        alone = cv2.resize(ab[..., channel], large[::-1], interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(rows[..., channel], alone, atol=0.01)
