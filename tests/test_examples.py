"""The programs in `examples/`, on other runtimes, give the colours of the one in Python."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from programs import build_cpp, difference, install_node, pixels_graph, run_node, run_python

from colorize_gan.core.images.decode import read_rgb8
from colorize_gan.infer import Colorizer

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "photos" / "cat.jpg"


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


@needs("node", "npm")
def test_node_gives_the_colours_of_python(model: Path, expected: Path, tmp_path: Path) -> None:
    install_node()
    run_node(model, PHOTO, tmp_path / "cat.png")
    assert difference(tmp_path / "cat.png", expected) < 0.5


@needs("cmake", "c++")
def test_cpp_gives_the_colours_of_python(model: Path, expected: Path, tmp_path: Path) -> None:
    run = build_cpp(tmp_path / "build")
    run(model, PHOTO, tmp_path / "cat.png")
    assert difference(tmp_path / "cat.png", expected) < 0.5
