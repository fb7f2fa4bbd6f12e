"""The source of an export: a training checkpoint, or a lab ONNX file that is to be given another shape."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from torch import nn

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ModelError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.parity import Run
from colorize_gan.exporter import FORMATS
from colorize_gan.exporter.formats import (
    DEFAULT_OPSET,
    Save,
    build_onnx,
    build_pt2,
    build_torchscript,
    save_pt2,
    save_torchscript,
)
from colorize_gan.exporter.precisions import STORED_PRECISIONS, restore_weights
from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.evaluate import torch_predictor


@dataclass(frozen=True)
class CheckpointSource:
    """A generator in PyTorch: it can become a file of any format."""

    contract: ModelContract
    """Contract of the generator: without records of parity or precision."""
    generator: nn.Module
    run: Run
    """The reference: L to ab, in float32."""

    name = "the eager float32 generator"
    """Description for the record."""
    formats = FORMATS
    opset = DEFAULT_OPSET

    def to_onnx(self, opset: int) -> onnx.ModelProto:
        """Return it as an ONNX model, in float32."""
        return build_onnx(self.generator, self.contract, opset)

    def to_torch(self, format_: str, precision: str) -> Save:
        """Return what writes it as torchscript or pt2, computing in fp32 or bf16."""
        if format_ == "pt2":
            return partial(save_pt2, build_pt2(self.generator, self.contract))
        contract = dataclasses.replace(self.contract, precision=precision)
        return partial(save_torchscript, build_torchscript(self.generator, contract))


@dataclass(frozen=True)
class OnnxSource:
    """A lab ONNX file: it can become other ONNX files, of its own operator set."""

    contract: ModelContract
    """Contract of the generator: without records of parity or precision."""
    run: Run
    """The reference: L to ab, in float32."""
    name: str
    """Description for the record."""
    model: onnx.ModelProto
    opset: int

    formats = ("onnx",)

    def to_onnx(self, opset: int) -> onnx.ModelProto:
        """Return it as it is: ``opset`` is its own."""
        return self.model


Source = CheckpointSource | OnnxSource
"""A generator to export."""


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


def _from_checkpoint(path: Path) -> CheckpointSource:
    generator, contract = load_generator(path)
    return CheckpointSource(contract, generator, torch_predictor(generator))


def _from_onnx(path: Path) -> OnnxSource:
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    backend = OnnxRuntimeBackend(path, "cpu")
    contract = backend.contract
    if contract.graph != "lab" or contract.precision not in STORED_PRECISIONS:
        raise ModelError(
            f"{path}: a {contract.precision} {contract.graph} graph; export from the fp32 lab file"
        )
    model = restore_weights(onnx.load(path))
    del model.metadata_props[:]
    own_opset = next(entry.version for entry in model.opset_import if entry.domain == "")

    name = f"{path.name} ({contract.precision})"
    contract = dataclasses.replace(contract, parity={}, precision="fp32")
    return OnnxSource(contract, backend.run, name, model, own_opset)
