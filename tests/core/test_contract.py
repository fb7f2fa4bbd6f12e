import json

import pytest

from colorize_gan.core.contract import SCHEMA, ModelContract, SizeRule
from colorize_gan.core.errors import ModelError

CONTRACT = ModelContract(
    "lite2", "efficientnet_lite2", 256, size=SizeRule(32, 64), quality={"psnr": 24.5}, parity={"p99": 0.01}
)


def test_json_round_trip_is_equal() -> None:
    assert ModelContract.from_json(CONTRACT.to_json(), "file") == CONTRACT


def test_file_that_does_not_tell_of_hints_takes_none() -> None:
    values = json.loads(CONTRACT.to_json())
    del values["takes_hints"]
    assert ModelContract.from_json(json.dumps(values), "file") == CONTRACT
    assert CONTRACT.input_names == ("L",)


def test_limit_is_read_under_its_former_name() -> None:
    values = json.loads(CONTRACT.to_json()) | {"parity": {"p99": 0.01, "floor": 0.5}}
    assert ModelContract.from_json(json.dumps(values), "file").parity == {"p99": 0.01, "limit": 0.5}


def test_newer_schema_is_refused_with_the_file_name() -> None:
    newer = json.dumps(json.loads(CONTRACT.to_json()) | {"schema": SCHEMA + 1})
    with pytest.raises(ModelError, match=rf"photo\.onnx: contract schema {SCHEMA + 1}"):
        ModelContract.from_json(newer, "photo.onnx")


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schema": 1}', '{"schema": 1, "size": 5}'])
def test_what_is_no_contract_is_refused_with_the_file_name(text: str) -> None:
    with pytest.raises(ModelError, match=r"photo\.onnx"):
        ModelContract.from_json(text, "photo.onnx")


@pytest.mark.parametrize(
    "wrong",
    [
        {"takes_hints": "no"},
        *({"precision": "fp8"}, {"graph": "rgb"}, {"name": None}, {"schema": True}),
        *({"render_size": "256"}, {"render_size": 0}, {"render_size": True}),
        *({"name": name} for name in ("", ".", "..", "../x", "/x", "a\\b", 'a"b', "a\nb", "\udcff")),
        *({"size": {"multiple_of": 32.0, "minimum": 32.0}}, {"size": {"fixed": "no"}}),
    ],
)
def test_values_that_no_model_can_have_are_refused_with_the_file_name(wrong: dict[str, object]) -> None:
    text = json.dumps(json.loads(CONTRACT.to_json()) | wrong)
    with pytest.raises(ModelError, match=r"photo\.onnx: the model contract is not valid"):
        ModelContract.from_json(text, "photo.onnx")


@pytest.mark.parametrize(
    ("rule", "length", "fitted"),
    [
        (SizeRule(32, 32), 300, 288),
        (SizeRule(32, 32), 305, 320),
        (SizeRule(32, 64), 3, 64),
        (SizeRule(256, 256, fixed=True), 900, 256),
    ],
)
def test_size_rule_fits_lengths(rule: SizeRule, length: int, fitted: int) -> None:
    assert rule.fit(length) == fitted


@pytest.mark.parametrize("rule", [(0, 32), (32, 16), (32, 40)])
def test_impossible_size_rule_is_refused(rule: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match="size rule"):
        SizeRule(*rule)
