"""How fast photographs are colorized, from file to file: `python benchmarks/pipeline.py`.

On photographs enlarged from `examples/photos`, with grain, runs in turns the loop that colorizers publish,
`colorize-batch` on each backend, and its bounds: the codecs alone and the model alone, on all cores. Writes
`benchmarks/pipeline.json`, the plot `pipeline.png` beside it, and prints the tables.
"""

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_gan.infer.stages import STAGES

RESULT = Path(__file__).with_suffix(".json")
PHOTOGRAPHS = sorted((Path(__file__).parent.parent / "examples" / "photos").iterdir())
WORKER = Path(__file__).with_name("pipeline_worker.py")
GRAIN = 3.0  # standard deviation, in 8-bit levels
BACKENDS = ("onnxruntime", "openvino") if importlib.util.find_spec("openvino") else ("onnxruntime",)
ROUNDS, STARTUP_ROUNDS = 3, 7
REPEATS = 4  # of a folder, to see whether memory grows


@dataclass(frozen=True)
class Case:
    """A folder of photographs."""

    name: str
    width: int
    height: int
    suffix: str
    count: int


CASES = (
    Case("12 MP JPEG", 4000, 3000, ".jpg", 10),
    Case("2 MP JPEG", 1600, 1200, ".jpg", 24),
    Case("1 MP JPEG", 1200, 900, ".jpg", 30),
    Case("0.3 MP JPEG", 640, 480, ".jpg", 40),
    Case("12 MP PNG", 4000, 3000, ".png", 3),
    Case("0.3 MP PNG", 640, 480, ".png", 30),
    Case("12 MP TIFF, 16 bits", 4000, 3000, ".tif", 3),
    Case("0.3 MP TIFF, 16 bits", 640, 480, ".tif", 30),
)


def main() -> None:
    """Measure, print, plot and write."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = [measure(case, root) for case in CASES]
        result = {"machine": machine(), "rows": rows, "startup": startup(root)}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    plot(rows, RESULT.with_suffix(".png"))
    print(tables(result))  # noqa: T201


def machine() -> dict[str, Any]:
    """Say what it was measured on."""
    flags = Path("/proc/cpuinfo").read_text() if platform.system() == "Linux" else ""
    fast = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags]
    return {"cores": os.cpu_count(), "cpu": platform.processor() or platform.machine(), "bf16": fast}


def write_photographs(case: Case, folder: Path) -> None:
    """Write grey photographs of the case's size; every other JPEG has three channels, as scanners write."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(case.count):
        grey = cv2.imread(str(PHOTOGRAPHS[number % len(PHOTOGRAPHS)]), cv2.IMREAD_GRAYSCALE)
        grey = _cropped(grey, case.width / case.height)
        large = cv2.resize(grey, (case.width, case.height), interpolation=cv2.INTER_CUBIC)
        grainy = large + rng.normal(0, GRAIN, large.shape)
        path = folder / f"{number:03}{case.suffix}"
        if case.suffix == ".tif":
            deep = np.clip(grainy * 257, 0, 65535).astype(np.uint16)
            cv2.imwrite(str(path), deep)
        else:
            pixels = np.clip(grainy, 0, 255).astype(np.uint8)
            cv2.imwrite(str(path), cv2.merge([pixels] * 3) if number % 2 else pixels)


def _cropped(grey: np.ndarray, aspect: float) -> np.ndarray:
    height, width = grey.shape
    crop_height, crop_width = min(height, int(width / aspect)), min(width, int(height * aspect))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return grey[top : top + crop_height, left : left + crop_width]


def measure(case: Case, root: Path) -> dict[str, Any]:
    """Run every way in turns; return medians of times and of ratios taken within a round."""
    folder = root / case.name
    write_photographs(case, folder)
    ways = ["naive", "codec", *(f"{kind}-{name}" for kind in ("batch", "model") for name in BACKENDS)]
    rounds = [{way: run(way, folder, root) for way in ways} for _ in range(ROUNDS)]
    row: dict[str, Any] = {"case": case.name, "images": case.count}
    for way in ways:
        row[way] = {
            "ms": round(statistics.median(each[way]["ms"] for each in rounds), 1),
            "stages_ms": rounds[0][way]["stages_ms"],
            "rss_mb": max(each[way]["rss_mb"] for each in rounds),
        }
    for backend in BACKENDS:
        own = row[f"batch-{backend}"]
        own["images_per_second"] = round(1000 / own["ms"], 1)
        own["times_naive"] = _ratio(rounds, "naive", f"batch-{backend}")
        own["times_bound"] = round(
            statistics.median(
                each[f"batch-{backend}"]["ms"] / (each["codec"]["ms"] + each[f"model-{backend}"]["ms"])
                for each in rounds
            ),
            2,
        )
        own["times_slower_half"] = round(
            statistics.median(
                each[f"batch-{backend}"]["ms"] / max(each["codec"]["ms"], each[f"model-{backend}"]["ms"])
                for each in rounds
            ),
            2,
        )
        own["rss_mb_after_more"] = run(f"batch-{backend}", folder, root, REPEATS)["rss_mb"]
    return row


def _ratio(rounds: list[dict[str, Any]], above: str, below: str) -> float:
    return round(statistics.median(each[above]["ms"] / each[below]["ms"] for each in rounds), 2)


def run(way: str, folder: Path, root: Path, repeats: int = 1) -> dict[str, Any]:
    """Measure one way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=root) as out:
        command = [sys.executable, str(WORKER), way, str(folder), out, str(repeats)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def startup(root: Path) -> dict[str, float]:
    """Compare one small photograph, from prompt to file, with what nobody can do without."""
    folder = root / "one"
    write_photographs(Case("one", 640, 480, ".jpg", 1), folder)
    imports = [sys.executable, "-c", "import cv2, onnxruntime"]
    rounds = []
    for number in range(STARTUP_ROUNDS):
        batch = [Path(sys.executable).with_name("colorize-batch"), folder, "--out", root / f"o{number}", "-q"]
        own, least = seconds([*batch, "--backend", "onnxruntime", "--device", "cpu"]), seconds(imports)
        model = run("startup", folder, root)["ms"] / 1000
        rounds.append({"colorize_batch_s": own, "imports_s": least, "model_s": model})
    medians = {key: round(statistics.median(each[key] for each in rounds), 3) for key in rounds[0]}
    ratios = (each["colorize_batch_s"] / (each["imports_s"] + each["model_s"]) for each in rounds)
    return medians | {"ratio": round(statistics.median(ratios), 2)}


def seconds(command: list[Any]) -> float:
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - started


def tables(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "| photographs | backend | images/s | times the naive loop | of codecs + model | peak MB (naive) |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        for backend in BACKENDS:
            own = row[f"batch-{backend}"]
            lines.append(
                f"| {row['case']} | {backend} | {own['images_per_second']} | {own['times_naive']} "
                f"| {own['times_bound']} | {own['rss_mb_after_more']} ({row['naive']['rss_mb']}) |"
            )
    start = result["startup"]
    lines += ["", f"One 0.3 MP photograph, prompt to file: {start}"]
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw where the time of an image goes: one bar a way, its stages stacked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(rows) // 2, figsize=(13, 7), layout="constrained")
    for axis, row in zip(axes.flat, rows, strict=True):
        ways = {"naive loop": row["naive"]} | {name: row[f"batch-{name}"] for name in BACKENDS}
        bottoms = np.zeros(len(ways))
        for stage in STAGES:
            heights = np.array([way["stages_ms"].get(stage, 0) for way in ways.values()])
            axis.bar(list(ways), heights, bottom=bottoms, label=stage)
            bottoms += heights
        axis.set_title(row["case"])
        axis.tick_params(axis="x", rotation=15)
    axes[0, 0].set_ylabel("ms an image")
    axes[1, 0].set_ylabel("ms an image")
    axes[0, 0].legend()
    cores = os.cpu_count()
    figure.suptitle(
        f"Where the time of an image goes. The naive loop uses {cores} cores for one image, "
        f"colorize-batch works on {cores} images at once"
    )
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
