"""How fast a training step is in each number format and memory layout.

The pixel-loss step of each generator in every variant, in turns, on random crops.
"""

import contextlib
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import digits, in_turns, median_ratio, seconds_of, table, workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from colorize_gan.trainer.learner import Learner

TITLE = "Training step"
PICTURES = ("training-step.png",)

ROUNDS = 5


@dataclass(frozen=True)
class Variant:
    """One way to run a step."""

    name: str
    settings: dict[str, Any]
    depthwise_in_float32: bool = True
    quick: bool = True


VARIANTS = (
    Variant("fp32", {"precision": "fp32", "channels_last": False}),
    Variant("fp32, channels_last", {"precision": "fp32"}),
    Variant("bf16 throughout, channels_last", {"precision": "bf16"}, depthwise_in_float32=False, quick=False),
    Variant("bf16, depthwise fp32, channels_last (default)", {"precision": "bf16"}),
    Variant("the same, compiled", {"precision": "bf16", "compile": True}, quick=False),
)
GENERATORS = {"efficientnet_lite2": (16, 160), "resnet18": (16, 160), "pix2pix": (4, 256)}
"""Images a batch, and their side in pixels."""
QUICK_GENERATORS = {"efficientnet_lite2": (4, 128)}


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    variants = [variant for variant in VARIANTS if variant.quick or not settings.quick]
    rows = []
    for arch, (count, side) in (QUICK_GENERATORS if settings.quick else GENERATORS).items():
        with workers([arch]) as processes:
            rows += processes[arch].call(measure, arch, count, side, variants)
    return {"threads": rows[0].pop("threads"), "rows": rows}


def measure(arch: str, count: int, side: int, variants: list[Variant]) -> list[dict[str, Any]]:
    """Time variants of a generator; one that fails is a row that says why."""
    import torch

    torch.manual_seed(0)
    batch = {"L": torch.rand(count, 1, side, side) * 100, "ab": torch.randn(count, 2, side, side) * 20}
    steps: dict[str, Callable[[], float]] = {}
    failures: dict[str, str] = {}
    for variant in variants:
        try:
            step = _step(build(arch, count, side, variant), batch)
            step()  # compiles, allocates
            steps[variant.name] = step
        except Exception as error:
            failures[variant.name] = f"{type(error).__name__}: {error}".splitlines()[0]
    times = in_turns(steps, ROUNDS)
    rows = []
    for variant in variants:
        row: dict[str, Any] = {"arch": arch, "batch": count, "size": side, "variant": variant.name}
        if variant.name in failures:
            rows.append(row | {"failed": failures[variant.name]})
            continue
        own = times[variant.name]
        row["images_per_second"] = digits(count / statistics.median(own))
        rows.append(row | {"times_fp32": median_ratio(times[variants[0].name], own)})
    rows[0]["threads"] = torch.get_num_threads()
    return rows


def _step(learner: "Learner", batch: dict[str, Any]) -> Callable[[], float]:
    return lambda: seconds_of(lambda: learner.step(batch, 1))


def build(arch: str, count: int, side: int, variant: Variant) -> "Learner":
    """Build the learner of one variant, with random weights."""
    import torch

    from colorize_gan.trainer.config import TrainConfig
    from colorize_gan.trainer.learner import Learner
    from colorize_gan.trainer.processes import Processes
    from colorize_gan.trainer.schedule import Schedule

    config = TrainConfig(
        arch=arch, pretrained="none", batch_size=count, crop_size=side, gan_epochs=0, **variant.settings
    )
    with _depthwise_in_bf16() if not variant.depthwise_in_float32 else contextlib.nullcontext():
        return Learner(config, Schedule.of(config, 100), Processes(torch.device("cpu")))


@contextlib.contextmanager
def _depthwise_in_bf16() -> Iterator[None]:
    from colorize_gan.trainer.precision import Precision

    with mock.patch.object(Precision, "prepare"):
        yield


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    return (
        "Times float32 in PyTorch's own layout, and images a second in brackets; "
        f"{result['threads']} threads.\n\n" + steps_table(result)
    )


def steps_table(result: dict[str, Any]) -> str:
    """Return a line a variant, a column a generator, in multiples of float32."""
    cells = {(row["arch"], row["variant"]): row for row in result["rows"]}
    arches, variants = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    shapes = {row["arch"]: f"{row['batch']} x {row['size']} px" for row in result["rows"]}
    header = ["step", *(f"{arch}, {shapes[arch]}" for arch in arches)]
    return table(
        header, [[variant, *(_cell(cells[arch, variant]) for arch in arches)] for variant in variants]
    )


def _cell(row: dict[str, Any]) -> str:
    if "failed" in row:
        return str(row["failed"])
    return f"{row['times_fp32']:.2f} ({row['images_per_second']})"


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """See `Section.plots`."""
    from colorize_gan.benchmarks.plots import bars

    good = [row for row in result["rows"] if "failed" not in row]
    variants = list(dict.fromkeys(row["variant"] for row in good))
    found = {(row["arch"], row["variant"]): row["times_fp32"] for row in good}
    series = {
        arch: [found.get((arch, variant), 0) for variant in variants]
        for arch in dict.fromkeys(row["arch"] for row in good)
    }
    return {"training-step.png": bars(variants, series, "times float32")}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    return {
        f"{row['arch']}, {row['variant']}: times fp32": row["times_fp32"]
        for row in result["rows"]
        if row.get("times_fp32") and row["variant"] != VARIANTS[0].name
    }
