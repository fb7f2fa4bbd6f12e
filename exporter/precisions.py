"""Smaller and faster number formats for an ONNX generator. Inputs and outputs stay float32."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.system.process import telemetry_off

with telemetry_off():
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

_Stored = tuple[list[TensorProto], list[onnx.NodeProto]]
"""Tensors, and the nodes that make weights of them."""

STORED_PRECISIONS = ("fp32", "fp16-weights", "int8-weights")
"""Those of files that compute in float32: see `restore_weights`."""

_SMALLEST_STORED = 1024  # elements; below, two or three bytes saved are not worth a rounding
_STORED_TYPES = (TensorProto.FLOAT16, TensorProto.INT8)
_CHANNEL_AXES = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0, "MatMul": -1}
"""Where the weights of an operator, its second input, have the output channels."""

INT8_EXCEPTIONS = (1 / 6, 1 / 3, 2 / 3, 5 / 6)
"""Which part of the convolutions, from the first on, stays float32: from the fastest to the most exact.

The first see most: what they round, all others build upon. The last are a U-Net's largest, and round little.
"""


def store_weights_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 behind a Cast, which runtimes fold when they load."""
    return _store(model, _as_half)


def store_weights_as_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of convolutions and matrix products as 8-bit integers, other large ones as float16.

    Each output channel has a scale of its own. Runtimes fold Cast and Mul when they load, while ONNX Runtime
    computes DequantizeLinear again for every image.
    """
    axes = {node.input[1]: _CHANNEL_AXES[node.op_type] for node in _layers(model.graph)}

    def stored(name: str, weights: np.ndarray) -> _Stored:
        return _as_int8(name, weights, axes[name]) if name in axes else _as_half(name, weights)

    return _store(model, stored)


def _store(model: onnx.ModelProto, stored: Callable[[str, np.ndarray], _Stored]) -> onnx.ModelProto:
    """Replace large float32 weights by smaller tensors and the nodes that make them of these."""
    smaller = onnx.ModelProto()
    smaller.CopyFrom(model)
    graph = smaller.graph
    kept, nodes = [], []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        is_small = weights.ndim < 2 or weights.size < _SMALLEST_STORED
        if tensor.data_type != TensorProto.FLOAT or is_small:
            kept.append(tensor)
            continue
        tensors, decoding = stored(tensor.name, weights)
        kept += tensors
        nodes += decoding
    nodes += graph.node
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return smaller


def _layers(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes that multiply by weights: convolutions, and products with a matrix."""
    dims = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    return [
        node
        for node in graph.node
        if node.op_type in _CHANNEL_AXES
        and node.input[1] in dims
        and (node.op_type != "MatMul" or dims[node.input[1]] == 2)
    ]


def _as_half(name: str, weights: np.ndarray) -> _Stored:
    tensor = numpy_helper.from_array(weights.astype(np.float16), f"{name}.half")
    return [tensor], [helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)]


def _as_int8(name: str, weights: np.ndarray, axis: int) -> _Stored:
    others = tuple(set(range(weights.ndim)) - {axis % weights.ndim})
    scales = np.abs(weights).max(axis=others, keepdims=True) / 127
    integers = np.round(weights / np.where(scales, scales, 1)).astype(np.int8)
    tensors = [
        numpy_helper.from_array(integers, f"{name}.int8"),
        numpy_helper.from_array(scales, f"{name}.scales"),
    ]
    return tensors, [
        helper.make_node("Cast", [f"{name}.int8"], [f"{name}.integers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.integers", f"{name}.scales"], [name]),
    ]


def restore_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undo `store_weights_as_half` and `store_weights_as_int8`, but for the rounding."""
    restored = onnx.ModelProto()
    restored.CopyFrom(model)
    graph = restored.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    made: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        first = tensors.get(node.input[0]) if node.input else None
        if node.op_type == "Cast" and first is not None and first.data_type in _STORED_TYPES:
            made[node.output[0]] = numpy_helper.to_array(first).astype(np.float32)
        elif node.op_type == "Mul" and node.input[0] in made:
            made[node.output[0]] = made.pop(node.input[0]) * numpy_helper.to_array(tensors.pop(node.input[1]))
        else:
            continue
        tensors.pop(node.input[0], None)
        graph.node.remove(node)
    del graph.initializer[:]
    graph.initializer.extend(tensors.values())
    graph.initializer.extend(numpy_helper.from_array(weights, name) for name, weights in made.items())
    return restored


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Compute in float16. For GPUs: a CPU is no faster for it."""
    with warnings.catch_warnings():
        # weights below float16's smallest number, which is far below what shows
        warnings.filterwarnings("ignore", message=r"the float32 number .* will be truncated")
        half = float16.convert_float_to_float16(model, keep_io_types=True)
    _keep_output_in_float32(half.graph)
    return half


def _keep_output_in_float32(graph: onnx.GraphProto) -> None:
    """Cast the output back, which the converter forgets after an operator that stays in float32."""
    output = graph.output[0]
    if output.type.tensor_type.elem_type != TensorProto.FLOAT16:
        return
    last = next(node for node in graph.node if output.name in node.output)
    half = f"{output.name}.half"
    last.output[list(last.output).index(output.name)] = half
    graph.node.append(helper.make_node("Cast", [half], [output.name], to=TensorProto.FLOAT))
    output.type.tensor_type.elem_type = TensorProto.FLOAT


def to_int8(
    model: onnx.ModelProto, inputs: Sequence[dict[str, FloatArray]], exceptions: float
) -> onnx.ModelProto:
    """Quantize to 8-bit integers: unsigned activations, signed weights per channel, in QDQ form.

    Other signs were measured slower than float32 on CPUs. In a network with attention, only products with
    weights become integers, because 8 bits do not hold the few large values of other products. Weights that
    stay float32 are stored as float16.

    Args:
        model: the float32 generator.
        inputs: photographs, by the names of the graph's inputs, whose activations set the ranges.
        exceptions: which part of the layers with weights, from the first on, stays float32.
    """
    layers = [node.name for node in _layers(model.graph)]
    others = [node.name for node in model.graph.node if node.op_type in _CHANNEL_AXES]
    others = [name for name in others if name not in layers]  # of attention
    kept = layers[: max(1, round(exceptions * len(layers)))] + others
    with tempfile.TemporaryDirectory() as folder, _quiet_root_logger():
        source, path = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)  # of a model in memory, some quantizers lose the weights
        quantize_static(
            source,
            path,
            _Photographs(inputs),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=kept,
            op_types_to_quantize=list(_CHANNEL_AXES) if others else None,
        )
        quantized = onnx.load(path)
    quantized.ir_version = model.ir_version
    return store_weights_as_half(quantized)


class _Photographs(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: Sequence[dict[str, FloatArray]]) -> None:
        self._feeds = iter(inputs)

    def get_next(self) -> dict[str, FloatArray] | None:
        return next(self._feeds, None)


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Keep the quantizer's advice, which goes to the root logger, from the user."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
