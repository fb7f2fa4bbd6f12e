"""Smaller and faster number formats for an ONNX generator. Inputs and outputs stay float32."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.system.process import telemetry_off

with telemetry_off():
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

_SMALLEST_HALVED = 1024  # elements; below, two bytes saved are not worth a rounding

INT8_EXCEPTIONS = (1 / 6, 1 / 3, 2 / 3, 5 / 6)
"""Which part of the convolutions, from the first on, stays float32: from the fastest to the most exact.

The first see most: what they round, all others build upon. The last are a U-Net's largest, and round little.
"""


def store_weights_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 behind a Cast, which runtimes fold when they load."""
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
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
    return halved


def restore_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undo `store_weights_as_half`, but for the rounding."""
    restored = onnx.ModelProto()
    restored.CopyFrom(model)
    graph = restored.graph
    halves = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    casts = [node for node in graph.node if node.op_type == "Cast" and node.input[0] in halves]
    for cast in casts:
        tensor = halves[cast.input[0]]
        weights = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(weights, cast.output[0]))
        graph.node.remove(cast)
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

    Other signs were measured slower than float32 on CPUs.

    Args:
        model: the float32 generator.
        inputs: photographs, by the names of the graph's inputs, whose activations set the ranges.
        exceptions: which part of the convolutions, from the first on, stays float32.
    """
    own = onnx.ModelProto()
    own.CopyFrom(model)  # the quantizer moves its weights to a file
    convolutions = [node.name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    kept = convolutions[: max(1, round(exceptions * len(convolutions)))]
    with tempfile.TemporaryDirectory() as folder, _quiet_root_logger():
        path = Path(folder) / "int8.onnx"
        quantize_static(
            own,
            path,
            _Photographs(inputs),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=kept,
        )
        quantized = onnx.load(path)
    quantized.ir_version = model.ir_version
    return quantized


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
