"""Colours that sRGB cannot show become less colourful; their lightness and hue stay."""

import numpy as np
import pytest

from colorize_gan.core.color.gamut import fit_nearly, fit_to_gamut, lab_to_image
from colorize_gan.core.color.lab import from_unit, grey_to_lightness, lab_to_rgb, rgb_to_lab

COUNT = 200_000


@pytest.fixture(scope="module")
def every_17th_color() -> np.ndarray:
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)


def test_fit_to_gamut_leaves_real_colors_alone(every_17th_color: np.ndarray) -> None:
    lightness, ab = rgb_to_lab(every_17th_color)
    assert np.abs(fit_to_gamut(lightness, ab) - ab).max() < 0.1


def test_lightness_survives_out_of_gamut_color() -> None:
    rng = np.random.default_rng(0)
    lightness = rng.uniform(0, 100, (64, 64)).astype(np.float32)
    ab = rng.uniform(-110, 110, (64, 64, 2)).astype(np.float32)
    fitted = fit_to_gamut(lightness, ab)
    kept, clipped = (
        rgb_to_lab(from_unit(lab_to_rgb(lightness, each), np.dtype(np.uint16)))[0] for each in (fitted, ab)
    )
    assert np.abs(kept - lightness).max() < 0.1
    assert np.abs(clipped - lightness).max() > 10  # what it prevents


def test_fit_to_gamut_keeps_hue_and_most_of_the_chroma() -> None:
    lightness, ab = np.full((1, 1), 50, np.float32), np.array([[[120, 60]]], np.float32)
    fitted = fit_to_gamut(lightness, ab)[0, 0]
    assert fitted[0] / fitted[1] == pytest.approx(2, rel=1e-3)
    outside = (fitted * np.float32(1.01))[None, None]
    linear_red = lab_to_rgb(lightness, outside)[0, 0, 0]
    assert linear_red == 1.0 or lab_to_rgb(lightness, outside).min() == 0.0


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray]:
    """Lightness ``(1, N)`` and ab ``(1, N, 2)``: of any hue, inside the gamut and outside."""
    rng = np.random.default_rng(0)
    hue, chroma = rng.uniform(0, 2 * np.pi, COUNT), rng.uniform(0, 110, COUNT)
    ab = np.stack([chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    return rng.uniform(0, 100, (1, COUNT)).astype(np.float32), ab.astype(np.float32)[None]


def test_the_table_of_the_border_is_near_it(many: tuple[np.ndarray, np.ndarray]) -> None:
    exact, near = (np.linalg.norm(fit(*many), axis=2) for fit in (fit_to_gamut, fit_nearly))
    difference = np.abs(near - exact)
    assert np.quantile(difference, 0.999) < 0.4
    assert np.mean(difference > 1) < 1 / 5000
    assert difference.max() < 5


def test_both_leave_what_is_inside_as_it_is(every_17th_color: np.ndarray) -> None:
    inside = every_17th_color.reshape(1, -1, 3) // 2 + 64
    lightness, ab = rgb_to_lab(inside)
    for fit in (fit_to_gamut, fit_nearly):
        assert np.array_equal(fit(lightness, ab), ab)
    assert np.array_equal(lab_to_image(lightness, ab, np.uint8), inside)


def test_every_real_color_comes_back_in_8_bits(every_17th_color: np.ndarray) -> None:
    assert np.array_equal(lab_to_image(*rgb_to_lab(every_17th_color), np.uint8), every_17th_color)


def test_the_darkest_colors_are_those_of_16_bits(many: tuple[np.ndarray, np.ndarray]) -> None:
    """There, a little more light of one primary shows at once; black stays black."""
    lightness, ab = grey_to_lightness(np.arange(COUNT, dtype=np.uint8)[None] % 6), many[1] / 4
    few, many_levels = (lab_to_image(lightness, ab, dtype) for dtype in (np.uint8, np.uint16))
    assert not few[lightness == 0].any()
    assert np.abs(few - many_levels / 257).max() < 2


def test_8_and_16_bits_are_one_picture(many: tuple[np.ndarray, np.ndarray]) -> None:
    few, many_levels = (lab_to_image(*many, dtype) for dtype in (np.uint8, np.uint16))
    difference = np.abs(few - many_levels / 257).max(axis=2)
    assert np.mean(difference > 1) < 1 / 400
    for image in (few, many_levels):
        assert np.abs(rgb_to_lab(image)[0] - many[0]).max() < 0.3
