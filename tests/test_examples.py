"""The programs in `examples/`, on other runtimes, give the colours of the one in Python."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from colorize_gan.core.images.decode import read_rgb8
from colorize_gan.infer import Colorizer

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "photos" / "cat.jpg"


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="module")
def languages() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "languages", ROOT / "benchmarks" / "studies" / "languages.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(languages: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return languages.pixels_graph(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def expected(languages: ModuleType, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    colored = tmp_path_factory.mktemp("expected") / "cat.png"
    languages.run_python(model, PHOTO, colored)
    return colored


def test_python_gives_the_colours_of_the_package(expected: Path) -> None:
    colorizer = Colorizer(backend="onnxruntime")
    difference = read_rgb8(expected).astype(int) - colorizer.colorize(read_rgb8(PHOTO))
    assert np.abs(difference).max() <= 1


@needs("node", "npm")
def test_node_gives_the_colours_of_python(
    languages: ModuleType, model: Path, expected: Path, tmp_path: Path
) -> None:
    languages.install_node()
    languages.run_node(model, PHOTO, tmp_path / "cat.png")
    assert languages.difference(tmp_path / "cat.png", expected)["p99"] < 0.5


@needs("cmake", "c++")
def test_cpp_gives_the_colours_of_python(
    languages: ModuleType, model: Path, expected: Path, tmp_path: Path
) -> None:
    run = languages.build_cpp(tmp_path / "build")
    run(model, PHOTO, tmp_path / "cat.png")
    assert languages.difference(tmp_path / "cat.png", expected)["p99"] < 0.5
