from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from colorize_gan.cli.export import colorize_export


@pytest.mark.parametrize(
    ("graph", "kind", "dims"),
    [
        ("lab", "TYPE_FP32", ([1, -1, -1], [2, -1, -1])),
        ("pixels", "TYPE_UINT8", ([-1, -1, 3], [-1, -1, 3])),
    ],
)
def test_repository_fits_tritons_schema_and_the_file(
    exported: dict[str, Path], tmp_path: Path, graph: str, kind: str, dims: tuple[list[int], list[int]]
) -> None:
    arguments = ["--graph", graph, "--triton", str(tmp_path / "models")]
    result = CliRunner().invoke(colorize_export, [str(exported["onnx"]), "--out", str(tmp_path), *arguments])
    assert result.exit_code == 0, result.output
    [folder] = (tmp_path / "models").iterdir()
    config = text_format.Parse((folder / "config.pbtxt").read_text(), ModelConfig())
    assert (config.name, config.backend) == (folder.name, "onnxruntime")
    assert config.max_batch_size == (16 if graph == "lab" else 1)
    assert config.HasField("dynamic_batching") == (graph == "lab")
    model = onnx.load(folder / "1" / "model.onnx")
    for tensor, value, wanted in zip(
        (config.input[0], config.output[0]), (model.graph.input[0], model.graph.output[0]), dims, strict=True
    ):
        assert tensor.name == value.name
        assert DataType.Name(tensor.data_type) == kind
        assert list(tensor.dims) == wanted
        assert len(value.type.tensor_type.shape.dim) == len(wanted) + 1
