"""The checkpoint of an exported file: to train on from it, and to make every format from what is shipped."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from colorize_gan.core.errors import ModelError, UsageError, VerificationError
from colorize_gan.core.files.atomic import lasting_path
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.parity import compare, enforce, probes
from colorize_gan.exporter.export import ExportedFile, check_gate, gate, milliseconds_of, path_of
from colorize_gan.exporter.precisions import STORED_PRECISIONS, restore_weights
from colorize_gan.exporter.source import CheckpointSource, load_source
from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend
from colorize_gan.infer.backends.protocol import RunBackend
from colorize_gan.trainer.checkpoint import Checkpoint, load_generator
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.evaluate import torch_predictor
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.network import Generator

_LOADED = {
    nn.Conv2d: ("weight", "bias"),
    nn.Linear: ("weight",),
    _BatchNorm: ("weight", "bias"),
}  # what has another name in the graph, or none
_TOLERANCE = 0.01  # CIE units of ab: what other orders of summation make


def restore_file(
    source: StrPath, out: StrPath, *, verify: bool = True, max_delta_e: float | None = None
) -> ExportedFile:
    """Write the checkpoint of a lab ONNX file into ``out`` and prove it equal to the file.

    Args:
        source: the file.
        out: folder, created when missing; the checkpoint is named after the contract.
        verify: whether the colours are compared.
        max_delta_e: see `ExportOptions`.

    Raises:
        ModelError: see `restore_checkpoint`.
        UsageError: it is a checkpoint.
        VerificationError: the checkpoint gives other colours; it is not kept.
    """
    check_gate(max_delta_e, verify=verify)
    source, out = Path(source), Path(out)
    opened = load_source(source)
    if isinstance(opened, CheckpointSource):
        raise UsageError(f"{source.name}: is a checkpoint; give an ONNX file")
    path = path_of(out, opened.contract, "pt")
    out.mkdir(parents=True, exist_ok=True)
    with lasting_path(path) as part:
        generator, contract = load_generator(restore_checkpoint(source, part))
        restored = RunBackend(contract, torch_predictor(generator))
        record: dict[str, Any] = {}
        if verify:
            record = compare(opened.run, restored.run, probes(contract))
            try:
                enforce(record, gate(contract, max_delta_e))
            except VerificationError as error:
                raise VerificationError(f"{path.name} on cpu: {error}; the file was not kept") from error
            record |= {"verified_on": "eager cpu"}
    proven = dataclasses.replace(contract, parity=record)
    return ExportedFile(path, proven, milliseconds_of(restored, contract))


def restore_checkpoint(model: StrPath, path: StrPath) -> Path:
    """Write the checkpoint of a lab ONNX file of a trained network; return its path.

    The export has folded BatchNorm into the convolutions before it. Here it does nothing but add their bias:
    the colours are the file's, a run from it gives it statistics, and another export folds it again.

    Raises:
        ModelError: not such a file.
    """
    model, path = Path(model), Path(path)
    backend = OnnxRuntimeBackend(model, "cpu")
    found = backend.contract
    if found.graph != "lab" or found.precision not in STORED_PRECISIONS:
        raise ModelError(f"{model}: a {found.precision} {found.graph} graph; use the fp32 lab file")
    generator = build_generator(found.architecture).eval()
    if any(isinstance(layer, nn.ConvTranspose2d) for layer in generator.modules()):
        raise ModelError(f"{model}: {found.architecture} cannot be restored from ONNX; use its checkpoint")
    try:
        _load(generator, restore_weights(onnx.load(model)).graph)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{model}: its weights are not those of {found.architecture}") from error
    lightness = np.random.default_rng(0).uniform(0, 100, (1, 1, 64, 96)).astype(np.float32)
    if not np.allclose(torch_predictor(generator)(lightness), backend.run(lightness), atol=_TOLERANCE):
        raise ModelError(f"{model}: gives other colours than {found.architecture} with its weights")
    contract = dataclasses.replace(found, precision="fp32", parity={}, fingerprint={}, checkpoint_sha256="")
    Checkpoint(contract, TrainConfig(), 0, generator.state_dict(), {}).save(path)
    return path


def _load(generator: Generator, graph: onnx.GraphProto) -> None:
    """Put the weights of a graph into a generator; `KeyError` or `RuntimeError` where they do not fit."""
    values = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer
    }
    order = _in_order(generator)
    loaded = {
        f"{name}.{kind}"
        for name, module in generator.named_modules()
        for layer, kinds in _LOADED.items()
        if isinstance(module, layer)
        for kind in kinds
    }
    with torch.no_grad():
        _load_matrices([layer for layer in order if isinstance(layer, nn.Linear)], graph, values)
        _load_convolutions(
            [layer for layer in order if not isinstance(layer, nn.Linear)], generator, graph, values
        )
        for name, parameter in generator.named_parameters():
            if name not in loaded:
                parameter.copy_(values[name])


def _load_matrices(layers: list[nn.Linear], graph: onnx.GraphProto, values: dict[str, Tensor]) -> None:
    """Load layers in the order in which they run; the graph has their weights transposed, without names."""
    matrices = [
        values[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in values and values[node.input[1]].ndim == 2
    ]
    if len(matrices) != len(layers):
        raise KeyError(f"{len(layers)} matrices")
    for layer, matrix in zip(layers, matrices, strict=True):
        layer.weight.copy_(matrix.T)


def _load_convolutions(
    layers: list[nn.Module], generator: Generator, graph: onnx.GraphProto, values: dict[str, Tensor]
) -> None:
    """Load convolutions, and make neutral the BatchNorms that were folded into them."""
    # the exporter leaves out a bias of zeros
    biases = {node.input[1]: node.input[2:] for node in graph.node if node.op_type == "Conv"}
    names = {module: name for name, module in generator.named_modules()}
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if not isinstance(layer, nn.Conv2d):
            continue
        name = f"{names[layer]}.weight"
        layer.weight.copy_(values[name])
        shift = layer.bias
        if isinstance(following, _BatchNorm):
            _make_neutral(following)
            shift = following.bias
        if shift is not None:
            shift.zero_()
        for bias in biases[name]:
            assert shift is not None
            shift.copy_(values[bias])


def _in_order(generator: Generator) -> list[nn.Module]:
    """Return convolutions, BatchNorms and matrices as they run."""
    order: list[nn.Module] = []
    layers = [
        module for module in generator.modules() if isinstance(module, nn.Conv2d | nn.Linear | _BatchNorm)
    ]
    hooks = [layer.register_forward_hook(lambda layer, *_: order.append(layer)) for layer in layers]
    side = 2 * generator.size_rule.multiple_of
    with torch.no_grad():
        generator(torch.full((1, 1, side, side), 50.0))
    for hook in hooks:
        hook.remove()
    return order


def _make_neutral(norm: _BatchNorm) -> None:
    """Make BatchNorm add its bias and do nothing else."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    norm.weight.fill_((1 + norm.eps) ** 0.5)
