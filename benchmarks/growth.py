"""How time and memory grow with the size of an image, of a batch, of a folder and of a video."""

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from colorize_gan.benchmarks import runtimes, ways
from colorize_gan.benchmarks.clips import pan
from colorize_gan.benchmarks.photos import Case, write_photographs
from colorize_gan.benchmarks.runtimes import Format
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import digits, fixed_and_each, in_turns, seconds_of, slope, table, workers
from colorize_gan.infer import Colorizer, colorize_folder
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.batch.results import BatchOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Growth"
PICTURES = ("growth-time.png", "growth-memory.png")

_ROUNDS = 3
_TINY = 32  # pixels, of the files of a large folder
_CLIP_SIZE, _CLIP_RENDER_SIZE = (96, 160), 64


@dataclass(frozen=True)
class Axis:
    """The quantity that grows."""

    name: str
    unit: str
    steps: tuple[float, ...]
    quick_steps: tuple[float, ...]
    why: str
    """The cause of bends in its curves."""


AXES = (
    Axis(
        "image size",
        "MP",
        (0.1, 0.3, 1, 3, 10, 25, 50),
        (0.1, 1, 3),
        "One photograph at a time, on one core; the naive loop has all. The network sees it at its render "
        "size: the fixed part. Codecs, and what is done for every pixel, are the other. Memory begins "
        "with the libraries and the model; then JPEG keeps planes of 8 bits, the naive loop whole images in "
        "float.",
    ),
    Axis(
        "batch",
        "images",
        (1, 2, 4, 8, 16),
        (1, 4),
        "On one CPU thread a batch is no more than its images one after another: time has no bend. Memory "
        "begins with the runtime and the model, and each image adds its activations.",
    ),
    Axis(
        "number of files",
        "files",
        (10, 100, 1_000, 10_000, 100_000),
        (10, 100, 500),
        f"Files of {_TINY} x {_TINY} pixels and a model that answers at once: only the handling of files is "
        "left. Threads and the record are opened once: that is the fixed part. A second run finds all "
        "outputs up to date. Memory grows by the list of files and the record of outputs.",
    ),
    Axis(
        "video length",
        "frames",
        (25, 100, 400, 1_600),
        (10, 40),
        "Opening the clip and the encoder is the fixed part. Frames pass through and none is kept: memory "
        "stays as it is once the queues and the encoder's look-ahead are full.",
    ),
)


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    measures = (_image_size, _batch, _files, _video)
    rows = []
    for axis, measure in zip(AXES, measures, strict=True):
        steps = axis.quick_steps if settings.quick else axis.steps
        for curve, points in measure(settings, steps).items():
            rows += [
                _fit(axis, curve, "seconds", steps, [point[0] for point in points]),
                _fit(axis, curve, "MB", steps, [point[1] for point in points]),
            ]
    return {"curves": [row for row in rows if row is not None]}


Points = dict[str, list[tuple[float, float | None]]]
"""Seconds, and peak MB where they can be told, of each step, by curve."""


def _fit(
    axis: Axis, curve: str, quantity: str, steps: Sequence[float], values: Sequence[float | None]
) -> dict[str, Any] | None:
    """Describe a curve by its slope, and as a fixed part and one that is proportional."""
    found = [value for value in values if value is not None]
    if len(found) < len(steps):
        return None
    fixed, each = fixed_and_each(steps, found)
    errors = [abs((fixed + each * x) / y - 1) for x, y in zip(steps, found, strict=True)]
    return {
        "axis": axis.name,
        "unit": axis.unit,
        "curve": curve,
        "quantity": quantity,
        "x": list(steps),
        "y": [digits(value) for value in found],
        "slope": slope(steps, found),
        "slope_last": slope(steps[-2:], found[-2:]),
        "fixed": fixed,
        "each": each,
        "bend": digits(fixed / each) if steps[0] * each < fixed < steps[-1] * each else None,
        "largest_error": round(max(errors), 2),
    }


def _image_size(settings: Settings, steps: Sequence[float]) -> Points:
    """Time one photograph at a time, on one core but for the naive loop."""
    points: Points = {}
    out = settings.scratch / "out"
    for curve, way, suffix in (
        ("JPEG", "batch-onnxruntime", ".jpg"),
        ("PNG", "batch-onnxruntime", ".png"),
        ("JPEG, naive loop", "naive", ".jpg"),
    ):
        for megapixels in steps:
            height = 2 * round(math.sqrt(megapixels * 1e6 / 1.5) / 2)
            case = Case(f"{curve} {megapixels}", 3 * height // 2, height, suffix, 1)
            folder = write_photographs(case, settings.photos, settings.scratch / case.name)
            with workers([curve]) as processes:
                work = functools.partial(
                    processes[curve].call, ways.measure, way, settings.model, folder, out
                )
                in_turns({curve: work}, 1)  # warms up
                times = in_turns({curve: work}, _ROUNDS)[curve]
                seconds = statistics.median(each["ms"] for each in times) / 1000
                points.setdefault(curve, []).append((seconds, processes[curve].peak_mb()))
    return points


def _batch(settings: Settings, steps: Sequence[float]) -> Points:
    curve = "ONNX Runtime, 256 px"
    points: Points = {curve: []}
    with workers([curve]) as processes:
        call = processes[curve].call
        call(runtimes.open_here, settings.model, Format("ONNX Runtime", "", "model.onnx", "onnxruntime"))
        for count in map(int, steps):
            times = [call(runtimes.milliseconds_here, count, 256) for _ in range(_ROUNDS + 1)]
            points[curve].append((count * statistics.median(times[1:]) / 1000, processes[curve].peak_mb()))
    return points


def _files(settings: Settings, steps: Sequence[float]) -> Points:
    points: Points = {"first run": [], "second run, all up to date": []}
    for count in map(int, steps):
        folder, out = settings.scratch / f"{count}", settings.scratch / f"{count} out"
        _write_tiny(folder, count)
        for curve in points:
            with workers([curve]) as processes:
                seconds = processes[curve].call(colorize_all, settings.model, folder, out)
                points[curve].append((seconds, processes[curve].peak_mb()))
    return points


def _write_tiny(folder: Path, count: int) -> None:
    """Write one photograph so many times."""
    folder.mkdir()
    content = cv2.imencode(".jpg", np.arange(_TINY**2, dtype=np.uint8).reshape(_TINY, _TINY))[1].tobytes()
    for number in range(count):
        (folder / f"{number:06}.jpg").write_bytes(content)


def colorize_all(model: Path, folder: Path, out: Path) -> float:
    """Colorize a folder with a model that answers at once; return the seconds."""
    instant = Instant(model)
    colorizer = Colorizer(instant, render_size=_TINY)

    def work() -> None:
        for result in colorize_folder([folder], out, colorizer, options=BatchOptions(on_exists="skip")):
            if result.status == "failed":
                raise RuntimeError(f"{result.source}: {result.reason}")

    return seconds_of(work)


class Instant:
    """A `Backend` that gives one colour, at once, with the contract of a model."""

    name, device, precision, sha256, why = "instant", "cpu", "fp32", "", ""

    def __init__(self, model: Path) -> None:
        """Take the contract of a model."""
        self.contract = open_backend(model, "native", "cpu").contract

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`."""
        return np.full((len(inputs), 2, *inputs.shape[2:]), 20, np.float32)


def _video(settings: Settings, steps: Sequence[float]) -> Points:
    curve = f"{_CLIP_SIZE[1]} x {_CLIP_SIZE[0]}"
    points: Points = {curve: []}
    first = pan(settings.photos, 10, settings.scratch / "first.mp4", _CLIP_SIZE)
    for count in map(int, steps):
        clip = pan(settings.photos, count, settings.scratch / f"{count}.mp4", _CLIP_SIZE)
        with workers([curve]) as processes:
            processes[curve].call(colorize_clip, settings.model, first)  # warms up
            seconds = processes[curve].call(colorize_clip, settings.model, clip)
            points[curve].append((seconds, processes[curve].peak_mb()))
    return points


def colorize_clip(model: Path, clip: Path) -> float:
    """Colorize a video; return the seconds."""
    from colorize_gan.benchmarks.video import colorize

    colorizer = Colorizer(model, backend="onnxruntime", device="cpu", render_size=_CLIP_RENDER_SIZE)
    return seconds_of(lambda: colorize(clip, clip.with_suffix(".out.mp4"), colorizer))


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    parts = [
        "A slope of 1 on log-log axes is proportional growth, 0 is none. The fit is `fixed + each * x`, by "
        "least squares of relative errors: the curve bends where both parts are equal, if it gets there."
    ]
    header = ["curve", "of", "slope", "at the end", "fixed", "each", "bend at", "largest error of the fit"]
    for axis in AXES:
        rows = [
            [
                row["curve"],
                row["quantity"],
                f"{row['slope']:.2f}",
                f"{row['slope_last']:.2f}",
                row["fixed"],
                f"{row['each']} / {row['unit'].removesuffix('s')}",
                "" if row["bend"] is None else f"{row['bend']} {row['unit']}",
                f"{row['largest_error']:.2f}",
            ]
            for row in result["curves"]
            if row["axis"] == axis.name
        ]
        parts += [f"**{axis.name.capitalize()}.** {axis.why}", table(header, rows, 2)]
    return "\n\n".join(parts)


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """See `Section.plots`."""
    quantities = {"growth-time.png": ("seconds", "seconds"), "growth-memory.png": ("MB", "peak memory, MB")}
    return {picture: _plot(result, *shown) for picture, shown in quantities.items()}


def _plot(result: dict[str, Any], quantity: str, label: str) -> "Figure":
    from matplotlib import pyplot

    from colorize_gan.benchmarks.plots import Curve, curves

    figure, panels = pyplot.subplots(2, 2, figsize=(10, 7.5), layout="constrained")
    for axis, panel in zip(AXES, panels.flat, strict=True):
        rows = [row for row in result["curves"] if (row["axis"], row["quantity"]) == (axis.name, quantity)]
        drawn = [Curve(f"{row['curve']}: slope {row['slope']:.2f}", row["x"], row["y"]) for row in rows]
        curves(panel, drawn, axis.unit, label)
        panel.set_title(axis.name, fontsize=10)
    return figure


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the naive loop against JPEG, and what a unit costs at the last step but one against the last."""
    found = {(row["axis"], row["curve"], row["quantity"]): row for row in result["curves"]}
    own = [found["image size", "JPEG", quantity] for quantity in ("seconds", "MB")]
    naive = [found["image size", "JPEG, naive loop", quantity] for quantity in ("seconds", "MB")]
    multiples = {
        f"{x} MP JPEG: {row['quantity']} of the naive loop in multiples of ours": digits(theirs / ours)
        for row, other in zip(own, naive, strict=True)
        for x, ours, theirs in zip(row["x"], row["y"], other["y"], strict=True)
    }
    return multiples | {
        f"{axis}, {curve}: seconds of one at {row['x'][-2]} in multiples of at {row['x'][-1]}": digits(
            (row["y"][-2] / row["x"][-2]) / (row["y"][-1] / row["x"][-1])
        )
        for (axis, curve, quantity), row in found.items()
        if quantity == "seconds" and axis != "image size"
    }
