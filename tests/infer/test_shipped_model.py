"""The bundled models give real colour to real photographs."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000, colorfulness, psnr
from colorize_gan.core.parity import limit_of
from colorize_gan.core.system.parallel import MOST_THREADS
from colorize_gan.infer import Colorizer, Hint
from colorize_gan.infer.backends import onnxruntime_backend
from colorize_gan.infer.backends.bundled import HINTS_MODEL, bundled_models, find_model
from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend


@pytest.fixture(scope="module", params=["lite2", "dinov2-small"])
def colorizer(request: pytest.FixtureRequest) -> Colorizer:
    return Colorizer(request.param)


def grey_of(rgb: np.ndarray) -> np.ndarray:
    return np.rint(rgb_to_lab(rgb)[0] * 2.55).astype(np.uint8)


def test_colors_are_closer_to_the_truth_than_grey(colorizer: Colorizer) -> None:
    grey, gains = Colorizer(saturation=0), []
    for truth in (
        skimage.data.astronaut(),
        skimage.data.chelsea(),
        skimage.data.coffee(),
        skimage.data.rocket(),
    ):
        colored = colorizer.colorize(truth)
        gains.append(psnr(colored, truth) - psnr(grey.colorize(truth), truth))
        assert colorfulness(colored) > 8
        assert np.abs(rgb_to_lab(colored)[0] - rgb_to_lab(truth)[0]).mean() <= 0.3
    assert np.mean(gains) > 0.5, gains


def test_sky_is_blue_and_grass_is_green(colorizer: Colorizer) -> None:
    _, ab = rgb_to_lab(colorizer.colorize(skimage.data.camera()))
    sky, grass = ab[:80, 380:].mean(axis=(0, 1)), ab[430:, 300:].mean(axis=(0, 1))
    assert sky[1] < -5
    assert grass[0] < -5
    assert grass[1] > 10


def test_skin_is_skin_colored(colorizer: Colorizer) -> None:
    _, ab = rgb_to_lab(colorizer.colorize(grey_of(skimage.data.astronaut())))
    a, b = ab[110:160, 200:240].mean(axis=(0, 1))  # the cheek
    assert 3 < a < 30
    assert 3 < b < 35


@pytest.mark.parametrize("name", ["lite2", "lite2-int8", "dinov2-small"])
def test_several_threads_give_the_bits_of_one(name: str) -> None:
    model = find_model("lite2").with_name(f"{name}.onnx")
    image = cv2.resize(skimage.data.camera(), (1200, 900))
    one, several = (
        Colorizer(OnnxRuntimeBackend(model, "cpu", threads), threads=threads) for threads in (1, MOST_THREADS)
    )
    assert np.array_equal(one.predict(one.prepare(image)), several.predict(several.prepare(image)))
    assert np.array_equal(one.colorize(image), several.colorize(image))


def test_contract_is_complete(colorizer: Colorizer) -> None:
    contract = colorizer.contract
    assert contract.license == "Apache-2.0"
    assert contract.takes_hints == (contract.name == HINTS_MODEL)
    assert contract.quality["psnr_gain"] >= 0.9
    assert contract.quality["cf"] >= 18
    limits = {"lite2": 0.5, "dinov2-small": 2.0}
    assert contract.parity["p99"] <= contract.parity["limit"] == limits[contract.name]
    assert "model-card" in contract.training_data


def test_model_files_stay_small() -> None:
    models = bundled_models()
    assert models.pop("fast") == models["lite2"]
    sizes = {name: path.stat().st_size for name, path in models.items()}
    assert set(sizes) == {"lite2", "lite2-int8", "dinov2-small"}
    assert sizes["lite2-int8"] < 8e6 < sizes["lite2"] < 16e6 < sizes["dinov2-small"] < 32e6


def test_hint_colors_its_place_and_hardly_the_rest() -> None:
    colorizer = Colorizer(HINTS_MODEL)
    photograph = grey_of(skimage.data.astronaut())
    wish = Hint(0.60, 0.70, "#1060c0")  # the suit, blue
    before, after = (rgb_to_lab(colorizer.colorize(photograph, hints)) for hints in ([], [wish]))
    row, column = (int(part * side) for part, side in zip((wish.y, wish.x), photograph.shape, strict=True))
    distances = [np.hypot(*(ab[row, column] - wish.ab)) for _, ab in (before, after)]
    assert distances[1] < distances[0] / 2
    change = ciede2000(np.dstack(before), np.dstack(after))
    assert change[:100, :100].mean() < 2  # the flag behind


@pytest.mark.parametrize("summed", ["as this CPU does it", "exactly, as on CPUs without VNNI"])
def test_int8_file_is_of_the_same_generator_and_gives_its_colors(
    summed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if summed.startswith("exactly"):
        monkeypatch.setattr(onnxruntime_backend, "has_vnni", lambda: False)
    colorizer, quantised = Colorizer("lite2"), Colorizer("lite2-int8", backend="native")
    assert quantised.contract.precision == "int8"
    assert quantised.contract.fingerprint == colorizer.contract.fingerprint
    assert quantised.contract.quality == colorizer.contract.quality
    photograph = grey_of(skimage.data.coffee())
    one, two = (rgb_to_lab(each.colorize(photograph)) for each in (colorizer, quantised))
    differences = ciede2000(np.dstack(one), np.dstack(two))
    limit = limit_of(quantised.contract)
    assert 0 < differences.mean() <= limit.mean
    assert np.percentile(differences, 99) <= limit.p99


def test_every_example_is_there() -> None:
    examples = Path(__file__).parents[2] / "examples" / "photos"
    assert 6 <= len(list(examples.glob("*.jpg"))) <= 10
