"""The programs in `examples/`: built, run, and compared. They need cmake, a C++ compiler, Node and npm."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.images.decode import read_rgb8
from colorize_gan.exporter.export import ExportOptions, export_file
from colorize_gan.infer.backends.bundled import find_model

EXAMPLES = Path(__file__).parents[2] / "examples"

Run = Callable[..., None]
"""Colorizes with a pixels graph, from one image file to another; hints as `X,Y,#RRGGBB` may follow."""


def pixels_graph(folder: Path, model: Path | None = None) -> Path:
    """Make the pixels graph of a lab file, else of the default model, which the parity gate has seen."""
    options = ExportOptions(formats=("onnx",), graph="pixels", verify=False)
    [file] = export_file(model or find_model("lite2"), folder, options)
    return file.path


def run_python(model: Path, photo: Path, colored: Path, *hints: str) -> None:
    """Run the example in Python."""
    _run(sys.executable, EXAMPLES / "python" / "colorize.py", model, photo, colored, *hints)


def install_node() -> None:
    """Fetch what the example in Node needs, once."""
    if not (EXAMPLES / "node" / "node_modules").is_dir():
        _run("npm", "ci", cwd=EXAMPLES / "node")


def run_node(model: Path, photo: Path, colored: Path, *hints: str) -> None:
    """Run the example in Node."""
    _run("node", EXAMPLES / "node" / "colorize.js", model, photo, colored, *hints)


def build_cpp(folder: Path) -> Run:
    """Compile the example in C++ against the libraries of OpenVINO's wheel; return what runs it."""
    import openvino

    package = Path(openvino.__file__).parent / "cmake"
    _run("cmake", "-S", EXAMPLES / "cpp", "-B", folder, f"-DOpenVINO_DIR={package}")
    _run("cmake", "--build", folder)

    def run(model: Path, photo: Path, colored: Path, *hints: str) -> None:
        plain, made = folder / "in.ppm", folder / "out.ppm"
        cv2.imwrite(str(plain), cv2.imread(str(photo)))
        _run(folder / "colorize", model, plain, made, *hints)
        cv2.imwrite(str(colored), cv2.imread(str(made)))

    return run


def difference(first: Path, second: Path) -> float:
    """Return the 99th percentile of CIEDE2000 between two image files."""
    lab = (np.dstack(rgb_to_lab(read_rgb8(path))) for path in (first, second))
    return float(np.percentile(ciede2000(*lab), 99))


def _run(*command: object, cwd: Path | None = None) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True)
