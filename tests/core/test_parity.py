import dataclasses
from pathlib import Path

import numpy as np
import pytest

from colorize_gan.core import parity
from colorize_gan.core.contract import ModelContract, SizeRule
from colorize_gan.core.errors import DataError, ModelError, VerificationError
from colorize_gan.core.parity import (
    Limit,
    compare,
    compare_with_fingerprint,
    enforce,
    fingerprint,
    limit_of,
    photographs,
    probes,
)

LAB = ModelContract("x", "x", 64)
PIXELS = dataclasses.replace(LAB, graph="pixels")


def zeros(lightness: np.ndarray) -> np.ndarray:
    return np.zeros((len(lightness), 2, *lightness.shape[2:]), np.float32)


def wavy(lightness: np.ndarray) -> np.ndarray:
    return np.concatenate([20 * np.sin(lightness / 7), 15 * np.cos(lightness / 5)], axis=1)


def test_known_differences_are_measured() -> None:
    same = compare(wavy, wavy, probes(LAB))
    assert (same["max"], same["max_ab"], same["changed_pixels"], same["max_pixel"]) == (0, 0, 0, 0)
    one = compare(zeros, lambda lightness: zeros(lightness) + 1, probes(LAB))
    assert one["mean_ab"] == one["max_ab"] == 1
    assert 0.5 < one["mean"] <= one["p99"] <= one["max"] < 3
    assert 0.5 < one["changed_pixels"] < 1  # black stays black
    assert one["max_pixel"] >= 1


def test_worst_probe_is_named() -> None:
    def bad_on_white(lightness: np.ndarray) -> np.ndarray:
        return zeros(lightness) + np.float32(9 * (lightness.min() == 100))

    record = compare(zeros, bad_on_white, probes(LAB))
    with pytest.raises(VerificationError, match="worst on flat 100"):
        enforce(record | {"p99": 9.0}, Limit(1.0))


@pytest.mark.parametrize(
    "broken",
    [
        lambda lightness: zeros(lightness) * np.nan,
        lambda lightness: zeros(lightness)[..., 1:],
        lambda lightness: zeros(lightness).astype(np.float16),
    ],
)
def test_what_is_no_ab_is_refused(broken: object) -> None:
    with pytest.raises(VerificationError, match="not finite, or not as expected"):
        compare(zeros, broken, probes(LAB))  # type: ignore[arg-type]


def test_limits_bound_p99_and_mean_and_refuse_nan() -> None:
    record = {"p99": 2.0, "mean": 0.9, "worst": "noise"}
    enforce(record, Limit(2.0, 1.0))
    for bad in ({"p99": 2.1}, {"mean": 1.1}, {"p99": float("nan")}):
        with pytest.raises(VerificationError):
            enforce(record | bad, Limit(2.0, 1.0))
    limits = [limit_of(dataclasses.replace(LAB, precision=name)) for name in ("fp32", "fp16", "int8")]
    assert limits == [Limit(0.1), Limit(1.0), Limit(3.0, 1.0)]


@pytest.mark.parametrize("rule", [SizeRule(32, 32), SizeRule(256, 256), SizeRule(256, 256, fixed=True)])
def test_probes_keep_to_the_size_rule(rule: SizeRule) -> None:
    shapes, batches = set(), set()
    for name, lightness in probes(dataclasses.replace(LAB, size=rule)):
        assert lightness.dtype == np.float32, name
        assert lightness.shape[2] % rule.multiple_of == lightness.shape[3] % rule.multiple_of == 0
        shapes.add(lightness.shape[2:])
        batches.add(len(lightness))
    assert batches == {1, 3, 8}
    assert len(shapes) > 1 or rule.fixed
    assert not rule.fixed or shapes == {(256, 256)}


def test_probes_of_a_pixels_graph_are_images_of_any_size() -> None:
    images = dict(probes(PIXELS))
    assert all(image.dtype == np.uint8 and image.shape[-1] == 3 for image in images.values())
    assert any(image.shape[1] % 32 for image in images.values())
    assert sum(name.startswith("photograph") for name in images) == 7


def test_probes_of_a_model_that_takes_hints_are_without_and_with_them() -> None:
    images = dict(probes(dataclasses.replace(LAB, takes_hints=True)))
    assert images.keys() > dict(probes(LAB)).keys()
    hinted = [inputs for name, inputs in images.items() if name.endswith(" with hints")]
    assert len(hinted) > 7
    assert all(inputs.shape[1] == 4 and inputs[:, 3].any() for inputs in hinted)
    only_of_hints = compare(
        lambda inputs: zeros(inputs),
        lambda inputs: zeros(inputs) + (inputs[:, 1:3] if inputs.shape[1] == 4 else 0),
        images.items(),
    )
    assert only_of_hints["worst"].endswith("with hints")
    assert only_of_hints["max_ab"] == 60


def test_fingerprint_recognises_its_generator_and_no_other() -> None:
    contract = dataclasses.replace(LAB, fingerprint=fingerprint(wavy, LAB))
    assert ModelContract.from_json(contract.to_json(), "x") == contract
    assert compare_with_fingerprint(wavy, contract)["max"] < 0.02
    scaled = compare_with_fingerprint(lambda lightness: 1.05 * wavy(lightness), contract)
    with pytest.raises(VerificationError):
        enforce(scaled, limit_of(contract))


def test_fingerprint_of_pixels() -> None:
    contract = dataclasses.replace(PIXELS, fingerprint=fingerprint(lambda rgb: rgb // 2, PIXELS))
    assert compare_with_fingerprint(lambda rgb: rgb // 2, contract)["max"] == 0
    assert compare_with_fingerprint(lambda rgb: rgb, contract)["p99"] > 5


@pytest.mark.parametrize("known", [{}, {"photograph gone.webp": [[[0, 0]]]}, {"flat 50": [[[0, 0]]]}])
def test_contract_without_a_usable_fingerprint_is_refused(known: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="fingerprint"):
        compare_with_fingerprint(wavy, dataclasses.replace(LAB, fingerprint=known))


def test_empty_folder_of_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images"):
        list(probes(LAB, tmp_path))


def test_of_a_large_folder_some_images_of_each_part_are_compared(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "_MOST_IMAGES", 3)
    names = [name for name, _ in photographs(LAB, photo_folder)]
    assert names == [f"photograph {name}0.png" for name in ("astronaut", "cat", "coffee")]
