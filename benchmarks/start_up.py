"""How long a command takes from prompt to end, against what nobody can do without."""

import importlib.util
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from colorize_gan.benchmarks import naive_loop
from colorize_gan.benchmarks.photos import Case, write_photographs
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import digits, in_turns, median_ratio, seconds_of, table, workers
from colorize_gan.infer.backends.open import open_backend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Start-up"
PICTURES: tuple[str, ...] = ()

ROUNDS, QUICK_ROUNDS = 9, 2
_BATCH = "from colorize_gan.cli.batch import colorize_batch; colorize_batch()"
_SMALL, _LARGE = "0.3 MP", "12 MP"
_HEIGHT, _WIDTH = 480, 640
_CASES = Case(_SMALL, _WIDTH, _HEIGHT, ".jpg", 1), Case(_LARGE, 4000, 3000, ".jpg", 1)
_OURS, _NAIVE = "colorize-batch, one photograph of {}", "the naive loop, one photograph of {}"


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    small, large = (write_photographs(case, settings.photos, settings.scratch / case.name) for case in _CASES)
    programs: dict[str, Sequence[object]] = {
        _OURS.format(_SMALL): ["-c", *_ours(settings, small)],
        _NAIVE.format(_SMALL): _naive(settings, small),
        _OURS.format(_LARGE): ["-c", *_ours(settings, large)],
        _NAIVE.format(_LARGE): _naive(settings, large),
        "colorize-batch --help": ["-c", _BATCH, "--help"],
        "import cv2, onnxruntime": ["-c", "import cv2, onnxruntime"],
    }
    if importlib.util.find_spec("torch") and not settings.quick:
        programs["import torch"] = ["-c", "import torch"]
    works: dict[str, Callable[[], float]] = {name: _program(*parts) for name, parts in programs.items()}
    works["open the model and run it once"] = lambda: _model_seconds(settings.model)
    in_turns(works, 1)  # fills the disk's cache
    times = in_turns(works, QUICK_ROUNDS if settings.quick else ROUNDS)
    needed = zip(times["import cv2, onnxruntime"], times["open the model and run it once"], strict=True)
    return {
        "seconds_of": {name: digits(statistics.median(own)) for name, own in times.items()},
        "ratio": median_ratio(times[_OURS.format(_SMALL)], [sum(both) for both in needed]),
        "times_naive": {
            size: median_ratio(times[_NAIVE.format(size)], times[_OURS.format(size)])
            for size in (_SMALL, _LARGE)
        },
    }


def _ours(settings: Settings, photos: Path) -> list[object]:
    out = settings.scratch / "out"
    options = ["--model", settings.model, "--backend", "onnxruntime", "--device", "cpu", "-q"]
    return [_BATCH, photos, "--out", out, "--on-exists", "overwrite", *options]


def _naive(settings: Settings, photos: Path) -> list[object]:
    out = settings.scratch / "naive"
    out.mkdir(exist_ok=True)
    contract = open_backend(settings.model, "onnxruntime", "cpu").contract
    sizes = [contract.render_size, contract.size.multiple_of]
    return [naive_loop.__file__, settings.model, *sizes, out, *photos.iterdir()]


def _program(*parts: object) -> Callable[[], float]:
    command = [sys.executable, *map(str, parts)]
    return lambda: seconds_of(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def _model_seconds(model: Path) -> float:
    with workers(["model"]) as processes:
        return processes["model"].call(open_and_run, model)


def open_and_run(model: Path) -> float:
    """Open the model and run it once, at the size that the network sees of the photograph."""

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
        "ONNX Runtime, and opening the model and running it once, take together. "
        + " ".join(
            f"For one of {size}, colorize-batch is {times} times as fast as the naive loop."
            for size, times in result["times_naive"].items()
        )
    )


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """Draw nothing: five figures are a table."""
    return {}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    return {"what is needed as a part of one photograph": digits(1 / result["ratio"])} | {
        f"one photograph of {size}, in multiples of the naive loop": times
        for size, times in result["times_naive"].items()
    }
