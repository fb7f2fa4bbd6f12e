import dataclasses
import errno
import hashlib
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner, Result
from torch import nn

from colorize_gan.cli.export import colorize_export
from colorize_gan.core import parity
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ModelError, UsageError, VerificationError
from colorize_gan.exporter import conversion
from colorize_gan.exporter.export import ExportOptions, export_file
from colorize_gan.exporter.formats import build_onnx, build_pt2, build_torchscript, save_pt2, save_torchscript
from colorize_gan.exporter.source import load_source
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.trainer import generators, pix2pix
from colorize_gan.trainer.checkpoint import load_checkpoint, load_generator
from colorize_gan.trainer.evaluate import torch_predictor
from colorize_gan.trainer.generators import build_generator

BUILDERS = [build_onnx, build_torchscript, build_pt2]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_export, list(map(str, arguments)))


@pytest.mark.parametrize("suffix", ["onnx", "torchscript", "pt2"])
def test_file_equals_the_generator_on_a_photograph(
    exported: dict[str, Path], tiny_checkpoint: Path, photo: np.ndarray, suffix: str
) -> None:
    generator, contract = load_generator(tiny_checkpoint)
    lightness = np.ascontiguousarray(photo[:320, :448, 0], np.float32)[None, None] / 2.55
    expected = torch_predictor(generator)(lightness)
    backend = open_backend(exported[suffix], "native")
    assert np.abs(backend.run(lightness) - expected).max() < 1e-3
    written = backend.contract
    assert written == dataclasses.replace(contract, parity=written.parity, fingerprint=written.fingerprint)
    assert written.parity["p99"] <= 0.1
    assert written.parity["verified_on"] == f"{backend.name} cpu"


@pytest.mark.parametrize(
    ("architecture", "formats", "precisions"),
    [
        ("pix2pix", ("onnx", "torchscript", "pt2"), ("fp32",)),
        ("test_resnet", ("onnx", "torchscript"), ("fp32", "fp16", "int8")),
        ("efficientnet_lite0", ("onnx", "torchscript"), ("fp32",)),
    ],
)
def test_other_architectures_export_too(
    lively: Callable[[Path, str, str, int], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    formats: tuple[str, ...],
    precisions: tuple[str, ...],
) -> None:
    # all their layers, but few channels
    monkeypatch.setattr(pix2pix, "_WIDTHS", tuple(width // 8 for width in pix2pix._WIDTHS))
    monkeypatch.setattr(generators, "_DECODER_WIDTHS", (32, 16, 8, 8))
    checkpoint = lively(tmp_path, architecture, architecture, 256)
    options = ExportOptions(formats, precisions=precisions)
    files = list(export_file(checkpoint, tmp_path / "files", options))
    assert len(files) == len(formats) - 1 + len(precisions)
    for file in files:
        assert file.contract.parity["p99"] <= file.contract.parity["limit"]
        assert open_backend(file.path).contract == file.contract
        file.path.unlink()


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


def test_smaller_precisions_are_smaller_and_keep_to_their_limits(
    exported: dict[str, Path], tmp_path: Path
) -> None:
    # int8 first: it must leave the others' weights alone
    precisions = ("int8", "fp16-weights", "int8-weights", "fp16")
    files = list(export_file(exported["onnx"], tmp_path, ExportOptions(("onnx",), precisions=precisions)))
    whole = exported["onnx"].stat().st_size
    for file, limit, share in zip(files, (3.0, 0.5, 2.0, 1.0), (0.4, 0.52, 0.28, 0.52), strict=True):
        assert file.path.name == f"tiny.{file.contract.precision}.onnx"
        assert file.path.stat().st_size < share * whole
        assert 0 < file.contract.parity["p99"] <= file.contract.parity["limit"] == limit
        assert open_backend(file.path).contract == file.contract
        graph = onnx.load(file.path).graph
        types = [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)]
        assert types == [onnx.TensorProto.FLOAT] * 2
    operators = {node.op_type for node in onnx.load(files[0].path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators


def test_smaller_files_of_a_model_that_takes_hints_keep_to_their_limits_with_and_without_them(
    hinted: dict[str, Path], tmp_path: Path
) -> None:
    options = ExportOptions(("onnx",), precisions=("int8-weights", "int8"))
    for file, share in zip(export_file(hinted["onnx"], tmp_path, options), (0.28, 0.4), strict=True):
        assert file.path.stat().st_size < share * hinted["onnx"].stat().st_size
        assert file.contract.takes_hints
        assert 0 < file.contract.parity["p99"] <= file.contract.parity["limit"]
        assert file.contract.parity["probes"] == len(list(parity.probes(file.contract)))
        assert any(name.endswith("with hints") for name in file.contract.fingerprint)


def test_torchscript_in_bf16_keeps_to_its_limit(tiny_checkpoint: Path, tmp_path: Path) -> None:
    options = ExportOptions(("torchscript",), precisions=("fp32", "bf16"))
    exact, file = export_file(tiny_checkpoint, tmp_path, options)
    assert [exact.path.name, file.path.name] == ["tiny.torchscript", "tiny.bf16.torchscript"]
    assert (file.contract.precision, file.contract.parity["limit"]) == ("bf16", 1.0)
    assert exact.contract.parity["p99"] < 0.1
    assert 0.001 < file.contract.parity["p99"] <= 1  # it does round
    backend = open_backend(file.path, device="cpu")
    assert backend.precision == "bf16"
    assert backend.run(np.full((2, 1, 96, 64), 50, np.float32)).dtype == np.float32


def test_int8_leaves_more_in_float_when_the_limit_demands_it(tmp_path: Path) -> None:
    def quantized(max_delta_e: float) -> tuple[int, float]:
        options = ExportOptions(("onnx",), precisions=("int8",), max_delta_e=max_delta_e)
        [file] = export_file(find_model("lite2"), tmp_path, options)
        nodes = onnx.load(file.path).graph.node
        return sum(node.op_type == "QuantizeLinear" for node in nodes), file.contract.parity["p99"]

    quantizers, p99 = quantized(99.0)
    fewer, better = quantized(p99 * 0.99)
    assert fewer < quantizers
    assert better < p99


def test_file_with_other_colors_is_not_kept_and_exits_6(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scaled(generator: nn.Module, contract: ModelContract) -> object:
        with torch.no_grad():
            generator.head.weight *= 1.05
        built = build_torchscript(generator, contract)
        with torch.no_grad():
            generator.head.weight /= 1.05
        return built

    monkeypatch.setattr("colorize_gan.exporter.source.build_torchscript", scaled)
    result = run(tiny_checkpoint, "--out", tmp_path / "out", "--format", "torchscript")
    assert result.exit_code == 6
    assert "tiny.torchscript on cpu: colours differ" in result.stderr
    assert "worst on " in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


class Chancy(nn.Module):
    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        return F.dropout(lightness, training=True).repeat(1, 2, 1, 1)


class Choosing(nn.Module):
    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        return lightness.repeat(1, 2 if lightness.sum() > 0 else 1, 1, 1)


@pytest.mark.parametrize(("build", "format_"), [(build_onnx, "onnx"), (build_pt2, "pt2")])
def test_what_pytorch_cannot_export_is_one_line(build: Callable[..., object], format_: str) -> None:
    with pytest.raises(
        UsageError, match=f"`formats` {format_}: PyTorch cannot export densenet with dynamic"
    ) as error:
        build(Choosing().eval(), ModelContract("x", "densenet", 64))
    assert "\n" not in str(error.value)


def test_full_disk_is_an_error_of_the_system(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, contract = load_generator(tiny_checkpoint)

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_torchscript(build_torchscript(generator, contract), contract, tmp_path / "x.torchscript")
    with pytest.raises(OSError, match="No space left"):
        save_pt2(torch.export.export(nn.ReLU(), (torch.zeros(1),)), contract, tmp_path / "x.pt2")


def test_checkpoint_without_finite_weights_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    checkpoint.generator["head.weight"].fill_(torch.nan)
    checkpoint.save(tmp_path / "diverged.pt")
    with pytest.raises(ModelError, match=r"diverged\.pt: its colours are not finite"):
        load_source(tmp_path / "diverged.pt")


@pytest.mark.parametrize("build", BUILDERS)
def test_chance_and_training_mode_are_refused(build: Callable[..., object]) -> None:
    contract = ModelContract("x", "x", 64)
    with pytest.raises(VerificationError, match="random"):
        build(Chancy().eval(), contract)
    generator = build_generator("efficientnet_lite0").eval()
    generator.decoder[0].train()
    with pytest.raises(VerificationError, match=r"decoder\.0 is in training mode"):
        build(generator, contract)


def test_tightened_limit_is_honoured(exported: dict[str, Path], tmp_path: Path) -> None:
    arguments = [exported["onnx"], "--out", tmp_path, "--format", "onnx", "--precision", "fp16-weights"]
    result = run(*arguments, "--max-delta-e", "0.00001")
    assert result.exit_code == 6
    assert "tiny.fp16-weights.onnx on cpu: colours differ" in result.stderr
    assert "worst on " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_unverified_file_says_so(exported: dict[str, Path], tmp_path: Path) -> None:
    result = run(exported["onnx"], "--out", tmp_path, "--format", "onnx", "--no-verify")
    assert result.exit_code == 0
    assert "| not verified |" in result.stdout
    assert open_backend(tmp_path / "tiny.onnx").contract.parity == {}


def test_command_prints_a_table_and_the_next_steps(tiny_checkpoint: Path, tmp_path: Path) -> None:
    result = run(tiny_checkpoint, "--out", tmp_path / "my files", "--format", "torchscript")
    assert result.exit_code == 0
    path = tmp_path / "my files" / "tiny.torchscript"
    assert path.is_file()
    header, _, row = result.stdout.splitlines()
    assert header.startswith("| file | precision | MB | CIEDE2000 p99 |")
    assert row.startswith("| tiny.torchscript | fp32 | ")
    verify = ["colorize-verify", str(path), "--against", str(tiny_checkpoint)]
    assert f"next: {shlex.join(verify)}\n" in result.stderr
    assert f"--model '{path}'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "onnx,coreml"], "coreml: not one of onnx, torchscript, pt2"),
        (["--precision", "int4"], "int4: not one of fp32"),
        (["--format", "torchscript", "--graph", "pixels"], "--graph pixels: for onnx, not torchscript"),
        (["--format", "onnx", "--precision", "bf16"], "--precision bf16: not one that onnx has"),
        (["--format", "pt2", "--precision", "int8"], "--precision int8: not one that pt2 has"),
        (["--format", "pt2", "--triton", "models"], "--triton: needs --format onnx"),
        (["--precision", "int8", "--format", "onnx", "--calibration", "gone"], "gone: no such folder"),
        (["--calibration", "gone"], "--calibration gone: is for --precision int8"),
        (["--no-verify", "--max-delta-e", "1"], "--max-delta-e: does nothing"),
    ],
)
def test_bad_arguments(tmp_path: Path, tiny_checkpoint: Path, arguments: list[str], says: str) -> None:
    result = run(tiny_checkpoint, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "out").exists()


def test_missing_checkpoint(tmp_path: Path) -> None:
    assert run(tmp_path / "gone.pt", "--out", tmp_path).exit_code == 5
    assert run(tmp_path / "gone.onnx", "--out", tmp_path).exit_code == 5


def test_onnx_file_stands_for_its_checkpoint(tmp_path: Path) -> None:
    shipped = find_model("lite2")
    result = run(shipped, "--out", tmp_path, "--precision", "fp32,fp16-weights")
    assert result.exit_code == 0, result.output
    small, whole = tmp_path / "lite2.fp16-weights.onnx", tmp_path / "lite2.onnx"
    assert small.stat().st_size < 0.52 * whole.stat().st_size
    assert open_backend(whole).contract.parity["max"] < 1e-3
    assert open_backend(whole).contract.parity["reference"].startswith("lite2.onnx (")
    assert open_backend(whole).contract.checkpoint_sha256 == open_backend(shipped).contract.checkpoint_sha256


def test_what_an_onnx_file_cannot_become_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    shipped = find_model("lite2")
    for arguments, says in (
        (["--format", "onnx,torchscript"], "--format torchscript: needs a checkpoint, lite2.onnx gives"),
        (["--format", "checkpoint", "--opset", "20"], "--opset: is not for --format checkpoint"),
        (["--opset", "20"], "--opset 20: lite2.onnx is of opset 18"),
    ):
        result = run(shipped, "--out", tmp_path / "out", *arguments)
        assert (result.exit_code, says in result.stderr) == (2, True), result.output
    assert not (tmp_path / "out").exists()


def test_onnx_file_keeps_its_opset(tiny_checkpoint: Path, tmp_path: Path) -> None:
    options = ExportOptions(("onnx",), opset=20, verify=False)
    [newer] = export_file(str(tiny_checkpoint), str(tmp_path), options)
    result = run(newer.path, "--out", tmp_path / "again", "--no-verify")
    assert result.exit_code == 0, result.output
    assert onnx.load(tmp_path / "again" / "tiny.onnx").opset_import[0].version == 20


def test_options_are_checked_before_any_work() -> None:
    with pytest.raises(UsageError, match="`graph` pixels"):
        ExportOptions(graph="pixels")


def test_checkpoint_digest_travels_with_the_file(tiny_checkpoint: Path, exported: dict[str, Path]) -> None:
    assert load_checkpoint(tiny_checkpoint).contract.checkpoint_sha256 == ""
    digest = hashlib.sha256(tiny_checkpoint.read_bytes()).hexdigest()
    assert open_backend(exported["onnx"]).contract.checkpoint_sha256 == digest


def test_of_a_large_calibration_folder_some_of_each_part_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (tmp_path / f"part{number}").mkdir()
        (tmp_path / f"part{number}" / "photo.png").touch()
    read = []

    def take(path: Path, side: int) -> np.ndarray:
        read.append(path.parent.name)
        return np.zeros((1, side, side), np.float32)

    monkeypatch.setattr(parity, "_MOST_IMAGES", 2)
    monkeypatch.setattr(conversion, "read_lightness", take)
    assert len(list(conversion._photographs(tmp_path, ModelContract("m", "resnet18", 32)))) == 2 * 3
    assert read == ["part0", "part3"]
