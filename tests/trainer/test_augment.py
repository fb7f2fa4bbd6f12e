import numpy as np
import pytest

from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.trainer.augment import age, expose_film, random_crop


@pytest.fixture
def lightness(photo: np.ndarray) -> np.ndarray:
    return rgb_to_lab(photo[:160, :160])[0]


def test_nothing_is_aged_unless_asked(lightness: np.ndarray) -> None:
    assert np.array_equal(age(lightness, np.random.default_rng(0), tone=0, damage=0), lightness)


@pytest.mark.parametrize(("tone", "damage"), [(1, 0), (0, 1), (1, 1)])
def test_aged_lightness_stays_a_picture_of_the_same(
    lightness: np.ndarray, tone: float, damage: float
) -> None:
    for seed in range(20):
        aged = age(lightness, np.random.default_rng(seed), tone, damage)
        assert (aged.shape, aged.dtype) == (lightness.shape, np.float32)
        assert 0 <= aged.min() < aged.max() <= 100.5
        assert not np.array_equal(aged, lightness)
        assert np.corrcoef(aged.ravel(), lightness.ravel())[0, 1] > 0.8


def test_crops_stay_inside_and_vary(photo: np.ndarray) -> None:
    crops = [random_crop(photo, np.random.default_rng(seed)) for seed in range(30)]
    areas = [crop.shape[0] * crop.shape[1] / 400**2 for crop in crops]
    assert 0.3 < min(areas) < 0.6 < max(areas) <= 1.2
    assert all(0.7 < crop.shape[0] / crop.shape[1] < 1.4 for crop in crops)


def test_crops_of_a_strip_are_never_empty() -> None:
    strip = np.zeros((3, 400, 3), np.uint8)
    crops = [random_crop(strip, np.random.default_rng(seed), least_area=0.01) for seed in range(300)]
    assert min(crop.size for crop in crops) > 0


def test_old_film_shows_blue_lighter_and_red_darker_than_the_eye_sees_them() -> None:
    red, grey, blue = np.uint8([[[200, 30, 30]]]), np.uint8([[[90, 90, 90]]]), np.uint8([[[40, 60, 200]]])
    patches = np.hstack([red, grey, blue])
    seen = rgb_to_lab(patches)[0][0]
    for seed in range(20):
        exposed = expose_film(patches, np.random.default_rng(seed))[0]
        assert exposed.dtype == np.float32
        assert exposed[0] < seen[0]
        assert abs(exposed[1] - seen[1]) < 0.5
        assert exposed[2] > seen[2]
