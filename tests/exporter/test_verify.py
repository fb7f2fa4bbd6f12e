import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import numpy_helper

from colorize_gan.cli.verify import colorize_verify
from colorize_gan.core.contract import METADATA_KEY, ModelContract, SizeRule


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_verify, list(map(str, arguments)))


@pytest.fixture
def tampered(exported: dict[str, Path], tmp_path: Path) -> Path:
    """The exported file with one weight tensor scaled by 1.05."""
    model = onnx.load(exported["onnx"])
    head = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("head.weight"))
    scaled = numpy_helper.to_array(head) * np.float32(1.05)
    head.CopyFrom(numpy_helper.from_array(scaled, head.name))
    onnx.save(model, tmp_path / "tampered.onnx")
    return tmp_path / "tampered.onnx"


@pytest.mark.parametrize(
    ("suffix", "against"),
    [("onnx", None), ("onnx", "checkpoint"), ("onnx", "onnx"), ("torchscript", "checkpoint"), ("pt2", None)],
)
def test_exported_file_verifies_by_itself_and_against_its_checkpoint(
    exported: dict[str, Path], tiny_checkpoint: Path, suffix: str, against: str | None
) -> None:
    reference = tiny_checkpoint if against == "checkpoint" else exported["onnx"]
    result = run(exported[suffix], *(["--against", reference] if against else []), "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# tiny\n")
    assert "architecture: test_efficientnet" in result.stdout
    assert "sides are multiples of 32" in result.stdout
    assert "(at most 0.1)" in result.stdout


def test_file_verifies_on_openvino(exported: dict[str, Path], pixels_file: Path) -> None:
    for path in (exported["onnx"], pixels_file):
        result = run(path, "--backend", "openvino", "--max-delta-e", "5")
        assert result.exit_code == 0, result.output
        assert "- here, on openvino cpu, against its fingerprint" in result.stdout
    assert run("lite2", "--backend", "openvino").exit_code == 0
    assert run(exported["torchscript"], "--backend", "openvino").exit_code == 2


def test_pixels_file_verifies(pixels_file: Path) -> None:
    result = run(pixels_file)
    assert result.exit_code == 0, result.output
    assert "any size; inside, the short side is 64 pixels" in result.stdout


def test_tampered_file_is_found_out_on_openvino(tampered: Path) -> None:
    result = run(tampered, "--backend", "openvino", "--max-delta-e", "0.1")  # bfloat16 may differ by more
    assert result.exit_code == 6, result.output


def test_tampered_file_is_found_out(
    tampered: Path, tiny_checkpoint: Path, exported: dict[str, Path], photo_folder: Path
) -> None:
    images = ["--against", tiny_checkpoint, "--images", photo_folder]
    for against in ([], ["--against", exported["onnx"]], images):
        result = run(tampered, *against)
        assert result.exit_code == 6, result.output
        assert "tampered.onnx: colours differ: CIEDE2000 p99" in result.stderr
        assert "worst on" in result.stderr
    assert run(tampered, "--max-delta-e", "50").exit_code == 0


def test_unusable_files_exit_5_by_name(exported: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(exported["onnx"])
    contract = ModelContract.from_json(model.metadata_props[0].value, "x")
    broken = {
        "none": None,
        "newer": dataclasses.replace(contract, schema=contract.schema + 1),
        "blank": dataclasses.replace(contract, fingerprint={}),
    }
    for name, replacement in broken.items():
        del model.metadata_props[:]
        if replacement is not None:
            onnx.helper.set_model_props(model, {METADATA_KEY: replacement.to_json()})
        onnx.save(model, tmp_path / f"{name}.onnx")
    (tmp_path / "truncated.onnx").write_bytes(exported["onnx"].read_bytes()[:9000])
    for name in (*broken, "truncated", "gone"):
        result = run(tmp_path / f"{name}.onnx")
        assert result.exit_code == 5, name
        assert (f"{name}.onnx" if name != "blank" else "tiny: no fingerprint") in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_usage_errors(exported: dict[str, Path], pixels_file: Path, photo_folder: Path) -> None:
    assert run(exported["onnx"], "--images", photo_folder).exit_code == 2
    assert run(exported["onnx"], "--against", pixels_file).exit_code == 2
    assert run(exported["onnx"], "--device", "cuda:9").exit_code == 4
    assert run(exported["onnx"], "--against", "gone.pt").exit_code == 5


def test_broken_image_is_named(exported: dict[str, Path], tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no image")
    result = run(exported["onnx"], "--against", tiny_checkpoint, "--images", tmp_path)
    assert result.exit_code == 2
    assert "broken.png" in result.stderr


def test_contract_that_does_not_fit_the_graph_is_refused(exported: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(exported["onnx"])
    contract = ModelContract.from_json(model.metadata_props[0].value, "x")
    smaller = dataclasses.replace(contract, size=SizeRule(8, 8))
    onnx.helper.set_model_props(model, {METADATA_KEY: smaller.to_json()})
    onnx.save(model, tmp_path / "unfit.onnx")
    result = run(tmp_path / "unfit.onnx")
    assert result.exit_code == 5
    assert "unfit.onnx: does not run" in result.stderr


def test_names_of_bundled_models_stand_for_their_files() -> None:
    done = run("lite2-int8", "--against", "lite2")
    assert done.exit_code == 0, done.output
    assert "against lite2: CIEDE2000" in done.output
