import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorize_gan.core.color.gamut import fit_to_gamut
from colorize_gan.core.color.lab import from_unit, grey_to_lightness, lab_to_rgb, lightness_of, rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000, colorfulness
from colorize_gan.core.errors import ImageError, ModelError, UsageError
from colorize_gan.core.images.decode import Picture, decode_picture
from colorize_gan.core.images.encode import encode, encode_planes
from colorize_gan.core.images.metadata import Metadata
from colorize_gan.infer import Colorizer
from colorize_gan.infer.picture import facts_of
from colorize_gan.infer.upsample import upsample


@pytest.fixture(scope="module")
def colorizer(exported: dict[str, Path]) -> Colorizer:
    """The untrained model: wild colours, many of them out of gamut."""
    return Colorizer(exported["onnx"], saturation=2)


@pytest.fixture(scope="module")
def grey(photo: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)


def reference(colorizer: Colorizer, image: np.ndarray) -> np.ndarray:
    """Colorize in plain float arithmetic, the whole image at once."""
    prepared = colorizer.prepare(image)
    lightness = lightness_of(image)
    ab = upsample(colorizer.predict(prepared), lightness.shape)
    return from_unit(lab_to_rgb(lightness, fit_to_gamut(lightness, ab)), image.dtype)


@pytest.mark.parametrize("shape", [(400, 600), (37, 801), (801, 37), (8, 8)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_strips_give_what_the_whole_image_gives(
    colorizer: Colorizer, photo: np.ndarray, shape: tuple[int, int], kind: type
) -> None:
    grey = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), shape[::-1]).astype(kind)
    grey = grey * 257 if kind is np.uint16 else grey
    difference = np.abs(colorizer.colorize(grey).astype(int) - reference(colorizer, grey))
    assert difference.max() <= (1 if kind is np.uint8 else 64)


@pytest.mark.parametrize("shape", [(400, 600), (37, 801), (801, 37), (9, 9)])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_planes_keep_the_lightness_as_well_as_an_encoded_image(
    photo: np.ndarray, shape: tuple[int, int], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = cv2.resize(photo, shape[::-1])
    colorizer, grey = Colorizer(), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    # a share of the true colours, whatever the model that comes along has learnt
    height, width = colorizer.prepare(grey).reduced.shape
    colors = share * cv2.resize(rgb_to_lab(rgb)[1], (width, height), interpolation=cv2.INTER_AREA)
    monkeypatch.setattr(colorizer, "predict", lambda _: colors)
    lean, plain, small = decoded_planes_and_image(colorizer, grey)
    assert lean.shape == plain.shape
    error = np.abs(lightness_of(lean) - lightness_of(plain))
    assert error.mean() <= (0.5 if min(shape) > 9 else 1.2)
    assert np.percentile(error, 99) <= (2.2 if min(shape) > 9 else 4)
    own, others = (np.abs(lightness_of(each) - lightness_of(grey)) for each in (lean, plain))
    assert own.mean() <= others.mean() + 0.1
    lab, expected = (np.dstack(rgb_to_lab(each)) for each in (lean, plain))
    assert np.mean(ciede2000(lab, expected)) < (1 if min(shape) > 99 else 4)
    assert small.shape == ((shape[0] + 1) // 2, (shape[1] + 1) // 2, 3)


@pytest.mark.parametrize("shape", [(400, 600), (37, 801), (801, 37), (9, 9)])
def test_planes_keep_the_lightness_of_colors_out_of_gamut_as_well(
    photo: np.ndarray, shape: tuple[int, int]
) -> None:
    grey = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), shape[::-1])
    lean, plain, _ = decoded_planes_and_image(Colorizer(saturation=4), grey)
    own, others = (np.abs(lightness_of(each) - lightness_of(grey)) for each in (lean, plain))
    assert own.mean() <= others.mean() + 0.1
    if min(shape) > 9:
        assert np.percentile(own, 99) <= np.percentile(others, 99) + 0.1
    lab, expected = (np.dstack(rgb_to_lab(each)) for each in (lean, plain))
    assert np.mean(ciede2000(lab, expected)) < (1 if min(shape) > 99 else 4)


def decoded_planes_and_image(
    colorizer: Colorizer, grey: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the JPEG made of planes, the one made of RGB, both decoded, and the small picture."""
    prepared = colorizer.prepare(grey)
    planes, small = colorizer.merge_planes(prepared, colorizer.predict(prepared))
    lean = decode_picture(encode_planes(planes, 95, Metadata())).pixels
    plain = decode_picture(encode(".jpg", reference(colorizer, grey), 95, Metadata())).pixels
    return lean, plain, small


def test_lightness_is_kept_and_color_is_added(colorizer: Colorizer, grey: np.ndarray) -> None:
    rgb = colorizer.colorize(grey)
    assert (rgb.shape, rgb.dtype) == ((*grey.shape, 3), np.uint8)
    error = np.abs(rgb_to_lab(rgb)[0] - grey_to_lightness(grey))
    assert error.mean() <= 0.3
    assert np.percentile(error, 99.9) <= 1.2
    assert colorfulness(rgb) > 5


def test_16_bit_lightness_is_kept_to_16_bits(colorizer: Colorizer) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    rgb = colorizer.colorize(ramp)
    assert rgb.dtype == np.uint16
    assert np.abs(rgb_to_lab(rgb)[0] - grey_to_lightness(ramp)).max() < 0.05


def test_alpha_is_kept(colorizer: Colorizer, photo: np.ndarray) -> None:
    alpha = np.random.default_rng(0).integers(0, 256, photo.shape[:2], np.uint8)
    rgba = colorizer.colorize(np.dstack([photo, alpha]))
    assert np.array_equal(rgba[..., 3], alpha)
    assert np.array_equal(rgba[..., :3], colorizer.colorize(photo))


def test_strength_blends_with_the_own_color(exported: dict[str, Path], photo: np.ndarray) -> None:
    untouched = Colorizer(exported["onnx"], strength=0).colorize(photo)
    assert np.abs(untouched.astype(int) - photo).max() <= 1
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert colorfulness(Colorizer(exported["onnx"], strength=0).colorize(grey)) < 1


def test_saturation_zero_is_grey(exported: dict[str, Path], photo: np.ndarray) -> None:
    assert colorfulness(Colorizer(exported["onnx"], saturation=0).colorize(photo)) < 1


@pytest.mark.parametrize("shape", [(8, 8), (9, 500), (301, 199), (64, 64)])
def test_odd_shapes_come_back_as_they_were(colorizer: Colorizer, shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert colorizer.colorize(grey).shape == (*shape, 3)


def test_too_small_image_is_refused(colorizer: Colorizer) -> None:
    with pytest.raises(ImageError, match="1 x 1 pixels: too small"):
        colorizer.colorize(np.zeros((1, 1), np.uint8))


def test_values_the_model_cannot_honour_are_refused(exported: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="`render_size` 100: the model takes multiples of 32"):
        Colorizer(exported["onnx"], render_size=100)
    for values in (
        {"strength": 2},
        {"saturation": math.nan},
        {"saturation": math.inf},
        {"strength": math.nan},
    ):
        with pytest.raises(UsageError, match="`saturation` is 0 to 10, `strength` 0 to 1"):
            Colorizer(exported["onnx"], **values)
    with pytest.raises(ModelError, match="`model` nosuch"):
        Colorizer("nosuch")


@pytest.mark.parametrize("shape", [(15, 4096), (8192, 31), (1, 600), (2, 512)])
def test_long_thin_images_have_a_colorfulness(shape: tuple[int, int]) -> None:
    grey = np.full((*shape, 3), 128, np.uint8)
    assert facts_of(Picture(grey, Metadata()), grey, ".png")["colorfulness"] == 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 40, 5), np.uint8),
        np.zeros((40, 40, 1), np.uint8),
        np.zeros((40, 40)),
        np.zeros(40, np.uint8),
    ],
)
def test_arrays_that_are_no_image_are_refused(exported: dict[str, Path], image: np.ndarray) -> None:
    with pytest.raises(ImageError, match="not uint8 or uint16, grey, RGB or RGBA"):
        Colorizer(exported["onnx"]).colorize(image)


def test_the_order_of_bytes_does_not_matter(exported: dict[str, Path], photo: np.ndarray) -> None:
    colorizer, grey = Colorizer(exported["onnx"]), photo[:64, :80, 0].astype(np.uint16) * 257
    assert np.array_equal(colorizer.colorize(grey.astype(">u2")), colorizer.colorize(grey))
