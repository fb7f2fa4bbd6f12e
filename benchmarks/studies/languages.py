"""The same photographs on other runtimes, against Python.

Runs the programs in `examples/` and the browser page on the example photographs. Needs `make web`, npm,
cmake, a C++ compiler and chromium. Writes `languages.json` beside it and prints its table.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino

from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.images.decode import read_rgb8
from colorize_gan.exporter.export import ExportOptions, export_file
from colorize_gan.infer import Colorizer
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.web.server import PageServer
from colorize_gan.infer.web.site import Site

ROOT = Path(__file__).parents[2]
RESULT = Path(__file__).with_suffix(".json")
EXAMPLES = ROOT / "examples"
PHOTOS = EXAMPLES / "photos"
WEB_RUNTIME = ROOT / "web" / "node_modules" / "onnxruntime-web" / "dist"
PATIENCE = 120_000  # ms

Run = Callable[[Path, Path, Path], None]
"""Colorizes with a pixels graph, from one image file to another."""


def pixels_graph(folder: Path) -> Path:
    """Make the pixels graph of the shipped model; the parity gate has seen it when the model was made."""
    options = ExportOptions(formats=("onnx",), graph="pixels", verify=False)
    [file] = export_file(find_model("lite2"), folder, options)
    return file.path


def run_python(model: Path, photo: Path, colored: Path) -> None:
    """Run the example in Python."""
    _run(sys.executable, EXAMPLES / "python" / "colorize.py", model, photo, colored)


def install_node() -> None:
    """Fetch what the example in Node needs, once."""
    if not (EXAMPLES / "node" / "node_modules").is_dir():
        _run("npm", "ci", cwd=EXAMPLES / "node")


def run_node(model: Path, photo: Path, colored: Path) -> None:
    """Run the example in Node."""
    _run("node", EXAMPLES / "node" / "colorize.js", model, photo, colored)


def build_cpp(folder: Path) -> Run:
    """Compile the example in C++ against the libraries of OpenVINO's wheel; return what runs it."""
    package = Path(openvino.__file__).parent / "cmake"
    _run("cmake", "-S", EXAMPLES / "cpp", "-B", folder, f"-DOpenVINO_DIR={package}")
    _run("cmake", "--build", folder)

    def run(model: Path, photo: Path, colored: Path) -> None:
        plain, made = folder / "in.ppm", folder / "out.ppm"
        cv2.imwrite(str(plain), cv2.imread(str(photo)))
        _run(folder / "colorize", model, plain, made)
        cv2.imwrite(str(colored), cv2.imread(str(made)))

    return run


def run_page(photos: Iterable[Path], folder: Path) -> None:
    """Let the browser page colorize photographs."""
    from playwright.sync_api import sync_playwright

    with PageServer(Site(find_model("lite2"), WEB_RUNTIME), 0) as server, sync_playwright() as running:
        threading.Thread(target=server.serve_forever).start()
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(server.url)
        for photo in photos:
            page.locator("#files").set_input_files(photo)
            button = page.get_by_role("button", name=f"Download {photo.name} in colour")
            with page.expect_download(timeout=PATIENCE) as download:
                button.click(timeout=PATIENCE)
            download.value.save_as(folder / photo.name)
        browser.close()
        server.shutdown()


def difference(first: Path, second: Path) -> dict[str, float]:
    """Return how far two image files are apart: CIEDE2000, and 8-bit levels."""
    pixels = [read_rgb8(path) for path in (first, second)]
    delta_e = ciede2000(*(np.dstack(rgb_to_lab(rgb)) for rgb in pixels))
    return {
        "mean": float(delta_e.mean()),
        "p99": float(np.percentile(delta_e, 99)),
        "max": float(delta_e.max()),
        "levels": cv2.norm(pixels[0], pixels[1], cv2.NORM_INF),
    }


def _run(*command: object, cwd: Path | None = None) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True)


def _worst(results: list[dict[str, float]]) -> dict[str, Any]:
    return {key: round(max(result[key] for result in results), 3) for key in results[0]}


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "grey").mkdir()
        photos = []
        for photo in sorted(PHOTOS.glob("*.jpg")):  # as PNG: no encoder adds to the difference
            photos.append(folder / "grey" / f"{photo.stem}.png")
            cv2.imwrite(str(photos[-1]), cv2.imread(str(photo)))
        model = pixels_graph(folder)
        install_node()
        runs: dict[str, Run] = {
            "python": run_python,
            "Node, onnxruntime-node": run_node,
            "C++, OpenVINO": build_cpp(folder / "build"),
        }
        found: dict[str, list[dict[str, float]]] = {}
        for runtime, run in runs.items():
            for photo in photos:
                made = folder / f"{photo.stem} {list(runs).index(runtime)}.png"
                run(model, photo, made)
                if runtime != "python":
                    found.setdefault(runtime, []).append(difference(made, folder / f"{photo.stem} 0.png"))
        run_page(photos, folder)
        colorizer = Colorizer(backend="onnxruntime")
        for photo in photos:
            expected = folder / f"{photo.stem} expected.png"
            cv2.imwrite(str(expected), colorizer.colorize(cv2.imread(str(photo), 0))[..., ::-1])
            found.setdefault("Chromium, onnxruntime-web", []).append(
                difference(folder / photo.name, expected)
            )
    table = {runtime: _worst(results) for runtime, results in found.items()}
    RESULT.write_text(json.dumps({"photographs": len(photos), "runtimes": table}, indent=2) + "\n")
    print("| runtime | CIEDE2000 mean | p99 | max | levels |\n|---|---:|---:|---:|---:|")  # noqa: T201
    for runtime, values in table.items():
        print(f"| {runtime} | {values['mean']:.3f} | {values['p99']:.3f} | {values['max']:.3f} |", end="")  # noqa: T201
        print(f" {values['levels']:.0f} |")  # noqa: T201


if __name__ == "__main__":
    main()
