"""Writing a generator as ONNX or TorchScript, its contract inside."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from colorize_gan.contract import METADATA_KEY, ModelContract
from colorize_gan.infer.torchscript_backend import torchscript_deprecation_silenced

_IR_VERSION = 8  # opset 18 belongs to it: loads from ONNX Runtime 1.14 on
_AXES = ("batch", None, "height", "width")
_SMALLEST_HALVED = 1024  # elements; below, two bytes saved are not worth a rounding


def build_torchscript(generator: nn.Module, contract: ModelContract) -> torch.jit.ScriptModule:
    """Trace and freeze a generator that is in eval mode."""
    with torchscript_deprecation_silenced(), torch.inference_mode():
        return torch.jit.freeze(torch.jit.trace(generator, _example(contract)))


def save_torchscript(module: torch.jit.ScriptModule, contract: ModelContract, path: Path) -> None:
    """Write the module, the contract in its extra files."""
    with torchscript_deprecation_silenced():
        torch.jit.save(module, path, _extra_files={METADATA_KEY: contract.to_json()})


def build_onnx(
    generator: nn.Module, contract: ModelContract, *, opset: int = 18, half_weights: bool = False
) -> onnx.ModelProto:
    """Export a generator that is in eval mode, with dynamic batch, height and width.

    Args:
        generator: the network.
        contract: names and sizes of its input and output.
        opset: ONNX operator set.
        half_weights: store large weights as float16; computing stays float32.
    """
    model = _export(generator, contract, opset)
    _clean(model)
    if half_weights:
        _store_weights_as_half(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def save_onnx(model: onnx.ModelProto, contract: ModelContract, path: Path) -> None:
    """Write the model in one file, the contract in its metadata."""
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    onnx.save(model, path)


def _example(contract: ModelContract) -> torch.Tensor:
    """Return an input on which no axis is 1 or equal to another, so that none is taken for a constant."""
    step = 0 if contract.size.fixed else contract.size.multiple_of
    height = max(contract.size.minimum, 2 * step)
    return torch.rand(2, 1, height, height + step) * 100


def _export(generator: nn.Module, contract: ModelContract, opset: int) -> onnx.ModelProto:
    shape = {0: torch.export.Dim("batch", min=1, max=4096)}
    if not contract.size.fixed:
        shape |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        program = torch.onnx.export(
            generator,
            (_example(contract),),
            dynamo=True,
            opset_version=opset,
            external_data=False,
            input_names=[contract.input_name],
            output_names=[contract.output_name],
            dynamic_shapes=(shape,),
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _clean(model: onnx.ModelProto) -> None:
    """Name the axes, drop the exporter's traces of this machine, and lower the IR version to the opset's."""
    model.ir_version = _IR_VERSION
    del model.metadata_props[:]
    graph = model.graph
    for holder in (graph, *graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output):
        del holder.metadata_props[:]
    del graph.value_info[:]  # inner shapes carry the exporter's symbol names; runtimes infer them again
    for value in (*graph.input, *graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, _AXES, strict=True):
            if name is not None and not axis.HasField("dim_value"):
                axis.dim_param = name


def _store_weights_as_half(model: onnx.ModelProto) -> None:
    """Store large float32 initializers as float16 behind a Cast, which runtimes fold when they load."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or weights.size < _SMALLEST_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
