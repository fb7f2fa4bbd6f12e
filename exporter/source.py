"""What is exported: a training checkpoint, or a lab ONNX file that is to be given another shape."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ModelError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.parity import Run
from colorize_gan.exporter.formats import DEFAULT_OPSET, build_onnx, build_pt2, build_torchscript
from colorize_gan.exporter.precisions import restore_half_weights
from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.evaluate import torch_predictor


@dataclass(frozen=True)
class Source:
    """A generator to export."""

    name: str
    """What it is, for the record."""
    contract: ModelContract
    """Of the generator: without records of parity or precision."""
    run: Run
    """The reference: L to ab, in float32."""
    formats: tuple[str, ...]
    """Those of `FORMATS` that it can be given."""
    opset: int
    """Of its ONNX files unless told otherwise; of an ONNX source the only one."""
    build: Callable[[str, str, int], object]
    """Build the generator in a format of `FORMATS`, computing in fp32 or bf16, at an ONNX opset."""


def load_source(path: StrPath) -> Source:
    """Open a checkpoint, or a lab ONNX file.

    Raises:
        ModelError: it cannot be used, or its colours are not finite.
    """
    path = Path(path)
    source = _from_onnx(path) if path.suffix == ".onnx" else _from_checkpoint(path)
    side = source.contract.size.minimum
    if not np.isfinite(source.run(np.full((1, 1, side, side), 50, np.float32))).all():
        raise ModelError(f"{path}: its colours are not finite numbers; use an earlier checkpoint")
    return source


def _from_checkpoint(path: Path) -> Source:
    generator, contract = load_generator(path)

    def build(format_: str, precision: str, opset: int) -> object:
        if format_ == "onnx":
            return build_onnx(generator, contract, opset)
        if format_ == "pt2":
            return build_pt2(generator, contract)
        return build_torchscript(generator, dataclasses.replace(contract, precision=precision))

    return Source(
        "the eager float32 generator",
        contract,
        torch_predictor(generator),
        ("onnx", "torchscript", "pt2"),
        DEFAULT_OPSET,
        build,
    )


def _from_onnx(path: Path) -> Source:
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    backend = OnnxRuntimeBackend(path, "cpu")
    contract = backend.contract
    if contract.graph != "lab" or contract.precision not in ("fp32", "fp16-weights"):
        raise ModelError(
            f"{path}: a {contract.precision} {contract.graph} graph; export from the fp32 lab file"
        )
    model = restore_half_weights(onnx.load(path))
    del model.metadata_props[:]
    own_opset = next(entry.version for entry in model.opset_import if entry.domain == "")

    name = f"{path.name} ({contract.precision})"
    contract = dataclasses.replace(contract, parity={}, precision="fp32")
    return Source(name, contract, backend.run, ("onnx", "checkpoint"), own_opset, lambda *_: model)
