from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import grey_to_lightness, lab_to_rgb, rgb_to_lab
from colorize_gan.core.color.tones import tone_of
from colorize_gan.core.images.decode import decode_rgb8, read_image

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "photos").glob("*.jpg"))
COLOR_PHOTOS = {
    "astronaut": skimage.data.astronaut,
    "coffee": skimage.data.coffee,
    "cat": skimage.data.chelsea,
    "rocket": skimage.data.rocket,
    "motorcycle": lambda: skimage.data.stereo_motorcycle()[0],
}
GREY_PHOTOS = {
    "camera": skimage.data.camera,
    "coins": skimage.data.coins,
    "moon": skimage.data.moon,
    "page": skimage.data.page,
    "brick": skimage.data.brick,
    "astronaut": lambda: cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY),
    "coffee": lambda: cv2.cvtColor(skimage.data.coffee(), cv2.COLOR_RGB2GRAY),
}


def stops(*colors: tuple[int, int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """A tone: the 8-bit colours of black to white, lines between them."""
    at = np.linspace(0, 255, len(colors))
    return lambda grey: np.dstack([np.interp(grey, at, channel) for channel in zip(*colors, strict=True)])


def matrix_sepia(grey: np.ndarray) -> np.ndarray:
    return np.minimum(grey[..., None] * np.array([1.351, 1.203, 0.937]), 255)


def split_toned(grey: np.ndarray) -> np.ndarray:
    highlights = 1 / (1 + np.exp((128 - grey[..., None]) / 25.0))
    ab = np.float32(1 - highlights) * np.float32([-4, -14]) + np.float32(highlights) * np.float32([6, 16])
    return lab_to_image(grey_to_lightness(grey), ab, np.uint8)


def noisy(grey: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 6, (*grey.shape, 3))
    noise[..., 1] += 3 * np.sin(np.arange(len(grey)) / 9)[:, None]  # bands of green and magenta
    return grey[..., None] + noise


def stained(grey: np.ndarray) -> np.ndarray:
    y, x = np.meshgrid(*(np.linspace(0, 1, side) for side in grey.shape), indexing="ij")
    corner = np.exp(-((x / 0.2) ** 2) - (y / 0.4) ** 2)
    edge = 0.7 * np.exp(-(((1 - y) / 0.1) ** 2))
    cover = np.maximum(corner, edge)[..., None]
    return grey[..., None] * (1 - cover * (1 - np.array([0.95, 0.83, 0.6])))


def unevenly_yellowed(grey: np.ndarray) -> np.ndarray:
    slope = np.linspace(0, 1, grey.shape[1])[None, :, None]
    return grey[..., None] * (1 - slope * (1 - np.array([0.97, 0.9, 0.75])))


def mounted(grey: np.ndarray) -> np.ndarray:
    width = min(grey.shape) // 12
    padded = np.pad(grey, width)[..., None] * np.ones(3)
    inside = np.pad(np.ones(grey.shape, bool), width)
    return np.where(inside[..., None], padded, np.array([225, 205, 170]))


TONES = {
    "matrix sepia": matrix_sepia,
    "sepia": stops((30, 15, 5), (140, 110, 80), (245, 230, 205)),
    "cyanotype": stops((10, 30, 65), (65, 112, 152), (237, 242, 237)),
    "gold": stops((20, 10, 20), (150, 117, 102), (252, 242, 217)),
    "selenium": stops((30, 15, 30), (97, 81, 92), (187, 178, 178), (250, 248, 242)),
    "faded": stops((80, 60, 40), (175, 147, 107), (242, 225, 182)),
    "white balance": lambda grey: np.minimum(grey[..., None] * np.array([1.15, 1, 0.8]), 255),
    "gamma": lambda grey: 255 * (grey[..., None] / 255) ** np.array([0.8, 1, 1.2]),
    "split": split_toned,
    "noise": noisy,
    "stains": stained,
    "uneven": unevenly_yellowed,
    "mount": mounted,
}


MISTAKEN = {("matrix sepia", "page"), ("matrix sepia", "astronaut")}
"""Known errors; `benchmarks/studies/tones.json` has their share."""


def through_jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    bgr = np.rint(np.clip(rgb[..., ::-1], 0, 255)).astype(np.uint8)
    return decode_rgb8(cv2.imencode(".jpg", bgr, options)[1])


def with_disc(grey: np.ndarray, share: float, ab: tuple[float, float]) -> np.ndarray:
    """Grey but for a disc right of the middle, which has a share of the picture."""
    height, width = grey.shape
    y, x = np.mgrid[:height, :width]
    inside = (y - 0.5 * height) ** 2 + (x - 0.6 * width) ** 2 < share * height * width / np.pi
    return lab_to_image(grey_to_lightness(grey), inside[..., None] * np.float32(ab), np.uint8)


@pytest.mark.parametrize("name", COLOR_PHOTOS)
@pytest.mark.parametrize("quality", [50, 90])
def test_color_photographs_are_in_color(name: str, quality: int) -> None:
    assert tone_of(through_jpeg(COLOR_PHOTOS[name](), quality)) == "color"


@pytest.mark.parametrize("name", COLOR_PHOTOS)
def test_faded_color_is_color(name: str) -> None:
    dark, bright = np.array([70, 40, 40]), np.array([245, 220, 190])
    rgb = dark + (bright - dark) * (COLOR_PHOTOS[name]() / 255)
    assert tone_of(through_jpeg(rgb, 75)) == "color"


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat", "motorcycle"])
def test_washes_of_hand_coloring_are_color(name: str) -> None:
    lightness, ab = rgb_to_lab(COLOR_PHOTOS[name]())
    washes = cv2.GaussianBlur(ab * np.float32(0.5), (0, 0), 8)
    assert tone_of(through_jpeg(255 * lab_to_rgb(lightness, washes), 80)) == "color"


@pytest.mark.parametrize("name", ["camera", "coins", "moon", "brick", "astronaut"])  # mid-tones there
@pytest.mark.parametrize("share", [0.01, 0.02])
@pytest.mark.parametrize("ab", [(55.0, 35.0), (-10.0, -35.0)], ids=["red", "blue"])
def test_one_small_object_in_color_is_color(name: str, share: float, ab: tuple[float, float]) -> None:
    assert tone_of(through_jpeg(with_disc(GREY_PHOTOS[name](), share, ab), 75)) == "color"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_black_and_white_photographs_are_grey(path: Path) -> None:
    picture = read_image(path)
    assert picture.ndim == 2
    assert tone_of(picture) == "grey"
    assert tone_of(np.dstack([picture] * 3)) == "grey"


@pytest.mark.parametrize("name", GREY_PHOTOS)
@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("quality", [50, 90])
def test_a_tone_is_no_color(request: pytest.FixtureRequest, name: str, tone: str, quality: int) -> None:
    if (tone, name) in MISTAKEN:
        request.applymarker(pytest.mark.xfail(strict=True, reason="clipped at white, beside black"))
    assert tone_of(through_jpeg(TONES[tone](GREY_PHOTOS[name]()), quality)) != "color"


@pytest.mark.parametrize("tone", ["sepia", "cyanotype", "faded", "split"])
def test_a_tone_is_not_grey(tone: str) -> None:
    assert tone_of(through_jpeg(TONES[tone](skimage.data.camera()), 80)) == "toned"


def test_grey_noise_of_jpeg_is_grey() -> None:
    almost = np.dstack([skimage.data.camera()] * 3).astype(int) + np.array([1, 0, -1])
    assert tone_of(through_jpeg(almost, 50)) == "grey"


@pytest.mark.parametrize(
    ("picture", "tone"),
    [
        (skimage.data.coffee(), "color"),
        (matrix_sepia(skimage.data.camera()).astype(np.uint8), "toned"),
        (np.dstack([skimage.data.camera()] * 3), "grey"),
        (skimage.data.camera(), "grey"),
    ],
    ids=["color", "sepia", "neutral", "one channel"],
)
def test_16_bits_say_the_same_as_8(picture: np.ndarray, tone: str) -> None:
    assert tone_of(picture) == tone
    assert tone_of(picture.astype(np.uint16) * 257) == tone


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 3), (8, 8), (1, 5000), (5000, 3)])
def test_the_smallest_pictures_and_strips(shape: tuple[int, int]) -> None:
    assert tone_of(np.full((*shape, 3), 90, np.uint8)) == "grey"
    assert tone_of(np.full((*shape, 3), (200, 30, 30), np.uint8)) == "toned"


def test_an_icon_can_be_in_color() -> None:
    icon = cv2.resize(skimage.data.astronaut(), (32, 32), interpolation=cv2.INTER_AREA)
    assert tone_of(icon) == "color"


def test_the_picture_is_left_as_it_was(photo: np.ndarray) -> None:
    before = photo.copy()
    tone_of(photo)
    assert (photo == before).all()
