"""How fast photographs are colorized, from file to file.

In turns: the loop that colorizers publish, `colorize-batch` on each backend, and its bounds: the codecs alone
and the model alone, on all cores.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize_gan.benchmarks import ways
from colorize_gan.benchmarks.machine import BACKENDS
from colorize_gan.benchmarks.photos import Case, write_photographs
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import Worker, digits, in_turns, median_ratio, table, workers
from colorize_gan.infer.timings import STAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Pipeline"
PICTURES = ("pipeline.png",)

ROUNDS = 3
CASES = (
    Case("12 MP JPEG", 4000, 3000, ".jpg", 8),
    Case("2 MP JPEG", 1600, 1200, ".jpg", 24),
    Case("1 MP JPEG", 1200, 900, ".jpg", 30),
    Case("0.3 MP JPEG", 640, 480, ".jpg", 40),
    Case("12 MP PNG", 4000, 3000, ".png", 3),
    Case("0.3 MP PNG", 640, 480, ".png", 30),
    Case("12 MP TIFF, 16 bits", 4000, 3000, ".tif", 3),
    Case("0.3 MP TIFF, 16 bits", 640, 480, ".tif", 30),
)
QUICK_CASES = (Case("2 MP JPEG", 1600, 1200, ".jpg", 4), Case("0.3 MP PNG", 640, 480, ".png", 6))


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    cases = QUICK_CASES if settings.quick else CASES
    backends = [*BACKENDS, *(["onnxruntime-int8"] if ways.in_int8(settings.model).exists() else [])]
    return {"backends": backends, "rows": [measure(case, backends, settings) for case in cases]}


def measure(case: Case, backends: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Run every way in turns; return medians of times and of ratios taken within a round."""
    folder = write_photographs(case, settings.photos, settings.scratch / case.name)
    names = ["naive", "codec", *(f"{kind}-{name}" for kind in ("batch", "model") for name in backends)]
    with workers(names) as processes:
        works = {way: _work(process, way, folder, settings) for way, process in processes.items()}
        for work in works.values():
            work(2)  # warms up
        rounds = in_turns(works, ROUNDS)
        peaks = {way: process.peak_mb() for way, process in processes.items()}
    times = {way: [each["ms"] for each in found] for way, found in rounds.items()}
    row: dict[str, Any] = {"case": case.name, "images": case.count}
    for way in names:
        row[way] = {
            "ms": digits(statistics.median(times[way])),
            "stages_ms": rounds[way][0]["stages_ms"],
            "peak_mb": peaks[way],
        }
    for backend in backends:
        row[f"batch-{backend}"] |= _ratios(times, backend)
    return row


def _work(process: Worker, way: str, folder: Path, settings: Settings) -> Callable[..., dict[str, Any]]:
    out = settings.scratch / "out"
    return lambda limit=None: process.call(ways.measure, way, settings.model, folder, out, limit)


def _ratios(times: dict[str, list[float]], backend: str) -> dict[str, float]:
    own, codec, model = times[f"batch-{backend}"], times["codec"], times[f"model-{backend}"]
    return {
        "images_per_second": digits(1000 / statistics.median(own)),
        "times_naive": median_ratio(times["naive"], own),
        "times_bound": median_ratio(own, [sum(both) for both in zip(codec, model, strict=True)]),
        "times_slower_half": median_ratio(own, [max(both) for both in zip(codec, model, strict=True)]),
    }


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    header = ["photographs", "with", "images/s", "times the naive loop", "of codecs and model alone"]
    header += ["of the slower of both", "peak MB", "naive"]
    rows = []
    for row in result["rows"]:
        for backend in result["backends"]:
            own = row[f"batch-{backend}"]
            ratios_ = [own[name] for name in ("images_per_second", "times_naive", "times_bound")]
            cells = [*ratios_, own["times_slower_half"], own["peak_mb"], row["naive"]["peak_mb"]]
            rows.append([row["case"], backend, *cells])
    return (
        "`colorize-batch` against the loop that most projects publish (everything in float at full size, "
        "OpenCV and ONNX Runtime on all cores), and against decoding and encoding alone and the model alone "
        "on all cores. Medians of rounds in turns.\n\n" + table(header, rows, 2)
    )


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """Draw where the time of an image goes."""
    from matplotlib import pyplot

    from colorize_gan.benchmarks.plots import stacks

    rows = result["rows"]
    columns = (len(rows) + 1) // 2
    figure, axes = pyplot.subplots(
        2, columns, figsize=(3.2 * columns, 6.5), layout="constrained", squeeze=False
    )
    for axis, row in zip(axes.flat, rows, strict=False):
        found = {"naive": row["naive"]}
        found |= {name.replace("-", "\n"): row[f"batch-{name}"] for name in result["backends"]}
        stacks(axis, {name: way["stages_ms"] for name, way in found.items()}, STAGES)
        axis.set_title(row["case"], fontsize=10)
        axis.tick_params(axis="x", labelsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("ms an image")
    axes[0, 0].legend(fontsize=8)
    figure.suptitle(
        "Where the time of an image goes. The naive loop has all cores for one image,\n"
        "colorize-batch one core for each of several images"
    )
    return {"pipeline.png": figure}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    return {
        f"{row['case']} on {backend}: {what}": value
        for row in result["rows"]
        for backend in result["backends"]
        for own in [row[f"batch-{backend}"]]
        for what, value in (
            ("speed in multiples of the naive loop", own["times_naive"]),
            ("speed as a part of codecs and model alone", digits(1 / own["times_bound"])),
        )
    }
