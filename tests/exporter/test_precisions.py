"""Smaller number formats for weights."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from colorize_gan.exporter.precisions import restore_weights, store_weights_as_half, store_weights_as_int8

RNG = np.random.default_rng(0)
WEIGHTS = {
    "conv": RNG.normal(0, 1, (48, 8, 3, 3)) * np.linspace(0, 1, 48)[:, None, None, None],  # one is all zero
    "matrix": RNG.normal(0, 1, (48, 64)) * np.geomspace(1e-3, 1, 64),
    "offset": RNG.normal(0, 1, (40, 40, 64)),
    "bias": RNG.normal(0, 1, 64),
}


@pytest.fixture
def model() -> onnx.ModelProto:
    """A convolution, a matrix product, and an addition of much and of little."""
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["b", "matrix"], ["c"]),
        helper.make_node("Add", ["c", "offset"], ["d"]),
        helper.make_node("Add", ["d", "bias"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 8, 40, 40])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 40, 40, 64])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in WEIGHTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.random.default_rng(1).normal(size=(1, 8, 40, 40)).astype(np.float32)})[
        0
    ]


def initializers(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_int8_weights_have_a_scale_a_channel_and_the_rest_is_half_or_as_it_was(
    model: onnx.ModelProto,
) -> None:
    stored = store_weights_as_int8(model)
    types = {name: values.dtype for name, values in initializers(stored).items()}
    assert types == {
        "conv.int8": np.int8,
        "conv.scales": np.float32,
        "matrix.int8": np.int8,
        "matrix.scales": np.float32,
        "offset.half": np.float16,
        "bias": np.float32,
    }
    restored = initializers(restore_weights(stored))
    for name, axes in (("conv", (1, 2, 3)), ("matrix", 0)):
        step = np.abs(WEIGHTS[name]).max(axis=axes, keepdims=True) / 127
        assert (np.abs(restored[name] - WEIGHTS[name]) <= 0.501 * step).all()
    assert np.abs(run(stored) - run(model)).max() < 0.05 * np.abs(run(model)).max()


@pytest.mark.parametrize("store", [store_weights_as_half, store_weights_as_int8])
def test_restored_weights_give_what_the_stored_ones_give(model: onnx.ModelProto, store: object) -> None:
    stored = store(model)  # type: ignore[operator]
    restored = restore_weights(stored)
    assert [node.op_type for node in restored.graph.node] == [node.op_type for node in model.graph.node]
    assert initializers(restored).keys() == WEIGHTS.keys()
    assert np.allclose(run(restored), run(stored), atol=1e-4)
    assert len(stored.SerializeToString()) < 0.6 * len(model.SerializeToString())
