"""The programs in `examples/`, on other runtimes, give the colours of the one in Python."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from programs import build_cpp, difference, install_node, pixels_graph, run_node, run_python

from colorize_gan.core.images.decode import read_rgb8
from colorize_gan.infer import Colorizer, Hint

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "photos" / "cat.jpg"
HINTS = "0.3,0.4,#c03020", "0.75,0.5,#2040c0"


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pixels_graph(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def expected(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    colored = tmp_path_factory.mktemp("expected") / "cat.png"
    run_python(model, PHOTO, colored)
    return colored


def test_python_gives_the_colours_of_the_package(expected: Path) -> None:
    colorizer = Colorizer(backend="onnxruntime")
    difference = read_rgb8(expected).astype(int) - colorizer.colorize(read_rgb8(PHOTO))
    assert np.abs(difference).max() <= 1


@pytest.fixture(scope="module")
def hinted_model(hinted: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pixels_graph(tmp_path_factory.mktemp("hinted"), hinted["onnx"])


@pytest.fixture(scope="module")
def hinted_colors(hinted_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    colored = tmp_path_factory.mktemp("hinted") / "cat.png"
    run_python(hinted_model, PHOTO, colored, *HINTS)
    return colored


def test_python_passes_hints(
    hinted: dict[str, Path], hinted_model: Path, hinted_colors: Path, tmp_path: Path
) -> None:
    colorizer, photo = Colorizer(hinted["onnx"], backend="onnxruntime"), read_rgb8(PHOTO)
    expected = colorizer.colorize(photo, [Hint(0.3, 0.4, "#c03020"), Hint(0.75, 0.5, "#2040c0")])
    assert np.abs(read_rgb8(hinted_colors).astype(int) - expected).max() <= 1
    run_python(hinted_model, PHOTO, tmp_path / "cat.png")
    assert np.abs(read_rgb8(tmp_path / "cat.png").astype(int) - colorizer.colorize(photo)).max() <= 1


@needs("node", "npm")
def test_node_gives_the_colours_of_python(
    model: Path, expected: Path, hinted_model: Path, hinted_colors: Path, tmp_path: Path
) -> None:
    install_node()
    run_node(model, PHOTO, tmp_path / "cat.png")
    assert difference(tmp_path / "cat.png", expected) < 0.5
    run_node(hinted_model, PHOTO, tmp_path / "hinted.png", *HINTS)
    assert difference(tmp_path / "hinted.png", hinted_colors) < 0.5
    run_node(hinted_model, PHOTO, tmp_path / "hinted.png")
    assert difference(tmp_path / "hinted.png", hinted_colors) > 3


@needs("cmake", "c++")
def test_cpp_gives_the_colours_of_python(
    model: Path, expected: Path, hinted_model: Path, hinted_colors: Path, tmp_path: Path
) -> None:
    run = build_cpp(tmp_path / "build")
    run(model, PHOTO, tmp_path / "cat.png")
    assert difference(tmp_path / "cat.png", expected) < 0.5
    run(hinted_model, PHOTO, tmp_path / "hinted.png", *HINTS)
    assert difference(tmp_path / "hinted.png", hinted_colors) < 0.5
    run(hinted_model, PHOTO, tmp_path / "hinted.png")
    assert difference(tmp_path / "hinted.png", hinted_colors) > 3
