import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result

from colorize_gan.contract import SizeRule
from colorize_gan.errors import VerificationError
from colorize_gan.exporter import formats
from colorize_gan.exporter.cli import colorize_export
from colorize_gan.exporter.export import export_checkpoint
from colorize_gan.exporter.parity import check_parity, probes
from colorize_gan.infer.backends import open_backend
from colorize_gan.trainer.checkpoint import load_checkpoint, load_generator
from colorize_gan.trainer.evaluate import torch_predictor


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_export, list(map(str, arguments)))


@pytest.mark.parametrize("suffix", ["onnx", "torchscript"])
def test_file_equals_the_generator_on_a_photograph(
    exported: dict[str, Path], tiny_checkpoint: Path, photo: np.ndarray, suffix: str
) -> None:
    generator, contract = load_generator(tiny_checkpoint)
    lightness = np.ascontiguousarray(photo[:320, :448, 0], np.float32)[None, None] / 2.55
    expected = torch_predictor(generator)(lightness)
    backend = open_backend(exported[suffix])
    assert np.abs(backend.predict_ab(lightness) - expected).max() < 1e-3
    assert backend.contract == dataclasses.replace(contract, parity=backend.contract.parity)
    assert backend.contract.parity["p99"] <= 0.1


def test_onnx_file_is_clean(exported: dict[str, Path]) -> None:
    model = onnx.load(exported["onnx"], load_external_data=False)
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)
    dims = [
        [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert dims == [["batch", 1, "height", "width"], ["batch", 2, "height", "width"]]
    assert not any(node.metadata_props for node in model.graph.node)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert b"site-packages" not in exported["onnx"].read_bytes()
    operators = {node.op_type for node in model.graph.node}
    assert not operators & {"Dropout", "RandomNormal", "RandomNormalLike", "BatchNormalization"}


def test_half_weights_halve_the_file_and_pass_their_floor(
    tiny_checkpoint: Path, exported: dict[str, Path], tmp_path: Path
) -> None:
    [half] = export_checkpoint(tiny_checkpoint, tmp_path, formats=["onnx"], half_weights=True)
    assert half.path.stat().st_size < 0.52 * exported["onnx"].stat().st_size
    assert 0 < half.contract.parity["p99"] <= half.contract.parity["floor"] == 0.5
    assert open_backend(half.path).contract == half.contract


@pytest.mark.parametrize("format_", ["onnx", "torchscript"])
def test_file_with_other_colors_is_not_kept_and_exits_6(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    def scaled(build):  # type: ignore[no-untyped-def]
        def build_scaled(generator: torch.nn.Module, *arguments: object, **options: object) -> object:
            with torch.no_grad():
                generator.head.weight *= 1.05
            built = build(generator, *arguments, **options)
            with torch.no_grad():
                generator.head.weight /= 1.05
            return built

        return build_scaled

    name = f"build_{format_}"
    monkeypatch.setattr(f"colorize_gan.exporter.export.{name}", scaled(getattr(formats, name)))
    result = run(tiny_checkpoint, "--out", tmp_path, "--format", format_)
    assert result.exit_code == 6
    assert f"tiny.{format_}: colours differ" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_tightened_floor_is_honoured(tiny_checkpoint: Path, tmp_path: Path) -> None:
    arguments = [tiny_checkpoint, "--out", tmp_path, "--format", "onnx", "--weights", "fp16"]
    assert run(*arguments, "--max-delta-e", "0.00001").exit_code == 6


def test_command_names_files_and_the_next_step(tiny_checkpoint: Path, tmp_path: Path) -> None:
    result = run(tiny_checkpoint, "--out", tmp_path / "new", "--format", "torchscript")
    assert result.exit_code == 0
    assert (tmp_path / "new" / "tiny.torchscript").is_file()
    assert "CIEDE2000 p99 0.0" in result.stdout
    assert f"--model {tmp_path / 'new' / 'tiny.torchscript'}" in result.stdout


def test_bad_arguments(tmp_path: Path, tiny_checkpoint: Path) -> None:
    assert run(tmp_path / "gone.pt", "--out", tmp_path).exit_code == 5
    result = run(tiny_checkpoint, "--out", tmp_path, "--format", "onnx,coreml")
    assert (result.exit_code, "coreml: not one of onnx, torchscript" in result.stderr) == (2, True)


def test_parity_gate_sees_errors_that_are_not_finite_or_misshapen() -> None:
    def zeros(lightness: np.ndarray) -> np.ndarray:
        return np.zeros((len(lightness), 2, *lightness.shape[2:]), np.float32)

    size = SizeRule(32, 32)
    assert check_parity(zeros, zeros, size, 0.1)["max"] == 0
    with pytest.raises(VerificationError, match="not finite"):
        check_parity(zeros, lambda lightness: zeros(lightness) * np.nan, size, 0.1)
    with pytest.raises(VerificationError, match="not as expected"):
        check_parity(zeros, lambda lightness: zeros(lightness)[..., 1:], size, 0.1)
    with pytest.raises(VerificationError, match="worst on"):
        check_parity(zeros, lambda lightness: zeros(lightness) + 1, size, 0.1)


def test_probes_keep_to_the_size_rule() -> None:
    for rule in (SizeRule(32, 32), SizeRule(256, 256, fixed=True)):
        shapes = {lightness.shape for _, lightness in probes(rule)}
        assert all(h % rule.multiple_of == w % rule.multiple_of == 0 for _, _, h, w in shapes)
        assert len(shapes) > 1
        assert not rule.fixed or {shape[2:] for shape in shapes} == {(256, 256)}


def test_checkpoint_digest_travels_with_the_file(tiny_checkpoint: Path, exported: dict[str, Path]) -> None:
    assert load_checkpoint(tiny_checkpoint).contract.checkpoint_sha256 == ""
    digests = {open_backend(path).contract.checkpoint_sha256 for path in exported.values()}
    assert digests == {load_generator(tiny_checkpoint)[1].checkpoint_sha256}
