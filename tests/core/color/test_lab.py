import numpy as np
import pytest
import skimage.color

from colorize_gan.core.color.lab import from_unit, grey_to_lightness, lab_to_rgb, rgb_to_lab

UINT8 = np.dtype(np.uint8)

# CIE Lab (D65) of the sRGB primaries and greys: Lindbloom's calculator, rounded to 0.01
PUBLISHED = {
    (255, 255, 255): (100.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (119, 119, 119): (50.03, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def every_17th_color() -> np.ndarray:
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)


@pytest.mark.parametrize(("rgb", "lab"), PUBLISHED.items())
def test_rgb_to_lab_gives_published_values(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    lightness, ab = rgb_to_lab(np.array([[rgb]], np.uint8))
    assert [lightness[0, 0], *ab[0, 0]] == pytest.approx(lab, abs=0.02)


def test_rgb_to_lab_agrees_with_scikit_image(every_17th_color: np.ndarray) -> None:
    lightness, ab = rgb_to_lab(every_17th_color)
    expected = skimage.color.rgb2lab(every_17th_color)
    assert np.abs(np.dstack([lightness, ab]) - expected).max() < 0.04


def test_round_trip_is_exact_in_8_bits(every_17th_color: np.ndarray) -> None:
    assert np.array_equal(from_unit(lab_to_rgb(*rgb_to_lab(every_17th_color)), UINT8), every_17th_color)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_to_lightness_is_the_lightness_of_the_neutral_color(dtype: type) -> None:
    grey = np.linspace(0, np.iinfo(dtype).max, 4096).astype(dtype).reshape(64, 64)
    lightness = rgb_to_lab(np.dstack([grey, grey, grey]))[0]
    assert np.abs(grey_to_lightness(grey) - lightness).max() < 0.02


def test_grey_value_is_not_lightness() -> None:
    assert grey_to_lightness(np.array([136], np.uint8))[0] == pytest.approx(56.7, abs=0.1)


def test_round_trip_is_exact_in_16_bits() -> None:
    rgb = np.random.default_rng(0).integers(0, 65536, (256, 256, 3), np.uint16)
    back = from_unit(lab_to_rgb(*rgb_to_lab(rgb)), rgb.dtype)
    assert np.abs(back.astype(int) - rgb).max() <= 24  # a tenth of one 8-bit level
