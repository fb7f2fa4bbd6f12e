"""The pixels graph against colorize-batch's own arithmetic, and the few documented lines that run it."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import ImageColor

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.cli.evaluate import colorize_eval
from colorize_gan.exporter.export import ExportOptions, export_file
from colorize_gan.infer import Colorizer, Hint
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.open import open_backend

ROOT = Path(__file__).parent.parent.parent


SHAPES = [
    *[(256, 384), (400, 600), (97, 143), (8, 9)],
    *[(240, 315), (480, 630)],  # the network's width lies half-way between two multiples
    *[(250, 40), (300, 1500), (100, 2000), (2000, 100)],  # one side shrinks, the other grows
]


@pytest.fixture(scope="module")
def shipped_pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = ExportOptions(("onnx",), graph="pixels", precisions=("fp16-weights",))
    [file] = export_file(find_model("lite2"), tmp_path_factory.mktemp("shipped"), options)
    return file.path


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_are_those_of_colorize_batch_at_any_size(shipped_pixels: Path, shape: tuple[int, int]) -> None:
    height, width = shape
    rgb = cv2.resize(skimage.data.coffee(), (width, height), interpolation=cv2.INTER_AREA)
    saturated = cv2.applyColorMap(np.ascontiguousarray(rgb[..., 1]), cv2.COLORMAP_JET)
    for image in (rgb, saturated, cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)):
        colored = open_backend(shipped_pixels, "native").run(image[None])[0]
        difference = np.abs(colored.astype(int) - Colorizer("lite2", backend="onnxruntime").colorize(image))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01


def test_images_of_a_batch_do_not_touch_each_other(pixels_file: Path, photo: np.ndarray) -> None:
    backend = open_backend(pixels_file, "native")
    batch = np.stack([photo[:100, :150], photo[200:300, 200:350], photo[:100, :150] // 2])
    together = backend.run(batch)
    for image, colored in zip(batch, together, strict=True):
        assert np.abs(backend.run(image[None])[0].astype(int) - colored).max() <= 1


@pytest.fixture(scope="module")
def hinted_pixels(hinted: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = ExportOptions(("onnx",), graph="pixels", verify=False)
    [file] = export_file(hinted["onnx"], tmp_path_factory.mktemp("hinted"), options)
    return file.path


def test_hints_are_points_of_known_colour(
    hinted: dict[str, Path], hinted_pixels: Path, photo: np.ndarray
) -> None:
    image = photo[:120, :170]
    colorizer = Colorizer(hinted["onnx"], backend="onnxruntime")
    session = onnxruntime.InferenceSession(hinted_pixels, providers=["CPUExecutionProvider"])

    def run(points: np.ndarray) -> np.ndarray:
        [colored] = session.run(None, {"rgb": np.stack([image] * len(points)), "hints": points})
        return np.asarray(colored).astype(int)

    hints = [Hint(0, 0.5, "#4b5320"), Hint(0.7, 0.999, "steelblue"), Hint(1, 0.1, "#000")]
    points = [[hint.x, hint.y, *ImageColor.getrgb(hint.color)] for hint in hints]
    expected, plain = colorizer.colorize(image, hints), colorizer.colorize(image)
    assert np.abs(expected.astype(int) - plain).max() > 3
    nowhere = [[-1.0, 0.5, 255, 0, 0]] * len(hints)
    first, second = run(np.array([points, nowhere], np.float32))
    assert np.abs(first - expected).max() <= 1
    assert np.abs(second - plain).max() <= 1
    assert np.abs(run(np.zeros((1, 0, 5), np.float32))[0] - plain).max() <= 1


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_programs_of_the_package_give_a_pixels_graph_no_hints(
    hinted: dict[str, Path], hinted_pixels: Path, photo: np.ndarray, backend: str
) -> None:
    opened = open_backend(hinted_pixels, backend, "cpu", gate=False)
    assert opened.contract.takes_hints
    image = photo[:120, :170]
    expected = Colorizer(hinted["onnx"], backend="onnxruntime").colorize(image)
    difference = np.abs(opened.run(np.stack([image] * 2))[1].astype(int) - expected)
    assert difference.max() <= (1 if backend == "onnxruntime" else 12)  # OpenVINO may compute in bfloat16


def test_file_is_clean_and_of_named_axes(pixels_file: Path) -> None:
    model = onnx.load(pixels_file)
    assert (model.ir_version, [entry.version for entry in model.opset_import]) == (8, [18])
    for value, name in ((model.graph.input[0], "rgb"), (model.graph.output[0], "colored")):
        assert value.name == name
        assert value.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        axes = [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        assert axes == ["batch", "height", "width", 3]


def test_colorize_batch_and_eval_name_what_they_need(pixels_file: Path, tmp_path: Path) -> None:
    arguments = [str(ROOT / "examples"), "--out", str(tmp_path), "--model", str(pixels_file)]
    result = CliRunner().invoke(colorize_batch, arguments)
    assert result.exit_code == 5
    assert "a pixels graph" in result.stderr
    result = CliRunner().invoke(colorize_eval, [str(pixels_file), str(ROOT / "examples")])
    assert result.exit_code == 5
    assert "evaluate the lab file" in result.stderr


def test_lines_of_the_guide_run_as_printed(shipped_pixels: Path, tmp_path: Path) -> None:
    [code] = re.findall(
        r"```python\n(import cv2\nimport onnxruntime.*?)```",
        (ROOT / "docs/deployment.md").read_text(),
        re.DOTALL,
    )
    assert len(code.strip().splitlines()) <= 10
    (tmp_path / "lite2.pixels.onnx").write_bytes(shipped_pixels.read_bytes())
    grey = cv2.resize(skimage.data.camera(), (256, 256), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "old.png"), grey)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    colored = cv2.imread(str(tmp_path / "colored.png"))[..., ::-1]
    assert np.abs(colored.astype(int) - Colorizer("lite2", backend="onnxruntime").colorize(grey)).max() <= 1
