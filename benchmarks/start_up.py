"""How long a command takes from prompt to end, against what nobody can do without."""

import importlib.util
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from colorize_gan.benchmarks.photos import Case, write_photographs
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import digits, in_turns, median_ratio, seconds_of, table, workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Start-up"
PICTURES: tuple[str, ...] = ()

ROUNDS, QUICK_ROUNDS = 9, 2
_BATCH = "from colorize_gan.cli.batch import colorize_batch; colorize_batch()"
_HEIGHT, _WIDTH = 480, 640


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    photo = write_photographs(
        Case("one", _WIDTH, _HEIGHT, ".jpg", 1), settings.photos, settings.scratch / "one"
    )
    out = settings.scratch / "out"
    options = ["--model", settings.model, "--backend", "onnxruntime", "--device", "cpu", "-q"]
    colorize = [_BATCH, photo, "--out", out, "--on-exists", "overwrite", *options]
    programs: dict[str, list[object]] = {
        "colorize-batch, one photograph": colorize,
        "colorize-batch --help": [_BATCH, "--help"],
        "import cv2, onnxruntime": ["import cv2, onnxruntime"],
    }
    if importlib.util.find_spec("torch") and not settings.quick:
        programs["import torch"] = ["import torch"]
    works: dict[str, Callable[[], float]] = {name: _program(*parts) for name, parts in programs.items()}
    works["open the model and run it once"] = lambda: _model_seconds(settings.model)
    in_turns(works, 1)  # fills the disk's cache
    times = in_turns(works, QUICK_ROUNDS if settings.quick else ROUNDS)
    needed = zip(times["import cv2, onnxruntime"], times["open the model and run it once"], strict=True)
    ratio = median_ratio(times["colorize-batch, one photograph"], [sum(both) for both in needed])
    return {
        "seconds_of": {name: digits(statistics.median(own)) for name, own in times.items()},
        "ratio": ratio,
    }


def _program(*parts: object) -> Callable[[], float]:
    command = [sys.executable, "-c", *map(str, parts)]
    return lambda: seconds_of(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def _model_seconds(model: Path) -> float:
    with workers(["model"]) as processes:
        return processes["model"].call(open_and_run, model)


def open_and_run(model: Path) -> float:
    """Open the model and run it once, at the size that the network sees of the photograph."""
    from colorize_gan.infer.backends.open import open_backend

    def work() -> None:
        contract = (backend := open_backend(model, "onnxruntime", "cpu")).contract
        scale = contract.render_size / min(_HEIGHT, _WIDTH)
        size = [contract.size.fit(side * scale) for side in (_HEIGHT, _WIDTH)]
        backend.run(np.full((1, 1, *size), 50, np.float32))

    return seconds_of(work)


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    return (
        f"{table(['program', 'seconds'], list(result['seconds_of'].items()))}\n\n"
        f"One 0.3 MP photograph from prompt to file takes {result['ratio']} times what importing OpenCV and "
        "ONNX Runtime, and opening the model and running it once, take together."
    )


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """Draw nothing: five figures are a table."""
    return {}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    return {"what is needed as a part of one photograph": digits(1 / result["ratio"])}
