"""How fast a training step is in each number format and memory layout: `python benchmarks/training_step.py`.

Times the pixel-loss step of each generator in every variant, interleaved, on random crops, and writes
`benchmarks/training_step.json` and its table. Ratios are against float32 in PyTorch's standard layout.
"""

import contextlib
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.learner import Learner
from colorize_gan.trainer.precision import Precision
from colorize_gan.trainer.processes import Processes
from colorize_gan.trainer.schedule import Schedule

RESULT = Path(__file__).with_suffix(".json")
ROUNDS, STEPS = 7, 2
GENERATORS = {"efficientnet_lite2": (16, 160), "resnet18": (16, 160), "pix2pix": (4, 256)}


@dataclass(frozen=True)
class Variant:
    """One way to run a step."""

    name: str
    settings: dict[str, Any]
    depthwise_in_float32: bool = True


VARIANTS = (
    Variant("fp32", {"precision": "fp32", "channels_last": False}),
    Variant("fp32, channels_last", {"precision": "fp32"}),
    Variant("bf16 throughout, channels_last", {"precision": "bf16"}, depthwise_in_float32=False),
    Variant("bf16, depthwise fp32, channels_last (default)", {"precision": "bf16"}),
    Variant("the same, compiled", {"precision": "bf16", "compile": True}),
)


def main() -> None:
    """Measure, print and write."""
    rows = [row for arch in GENERATORS for row in measure(arch)]
    machine = {
        "cpu": torch.cpu.get_capabilities().get("architecture", platform.machine()),
        "bf16": [name for name in ("avx512_bf16", "amx_bf16") if torch.cpu.get_capabilities().get(name)],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    RESULT.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    print(table(rows))  # noqa: T201


def measure(arch: str) -> list[dict[str, Any]]:
    """Time all variants of a generator; a variant that fails is a row that says why."""
    batch_size, size = GENERATORS[arch]
    batch = {
        "L": torch.rand(batch_size, 1, size, size) * 100,
        "ab": torch.randn(batch_size, 2, size, size) * 20,
    }
    steps: dict[str, Callable[[], object]] = {}
    failures: dict[str, str] = {}
    for variant in VARIANTS:
        try:
            learner = build(arch, batch_size, size, variant)
            steps[variant.name] = lambda learner=learner: learner.step(batch, 1)  # type: ignore[misc]
            steps[variant.name]()  # compiles, allocates
        except Exception as error:
            failures[variant.name] = f"{type(error).__name__}: {error}".splitlines()[0]
            steps.pop(variant.name, None)
    seconds = interleaved(steps)
    base = seconds.get(VARIANTS[0].name, float("nan"))
    return [
        {"arch": arch, "batch": batch_size, "size": size, "variant": variant.name}
        | (
            {"failed": failures[variant.name]}
            if variant.name in failures
            else {
                "images_per_second": round(batch_size / seconds[variant.name], 1),
                "times_fp32": round(base / seconds[variant.name], 2),
            }
        )
        for variant in VARIANTS
    ]


def build(arch: str, batch_size: int, size: int, variant: Variant) -> Learner:
    """Build the learner of one variant, with random weights."""
    config = TrainConfig(
        arch=arch,
        pretrained="none",
        batch_size=batch_size,
        crop_size=size,
        gan_epochs=0,
        **variant.settings,
    )
    with _depthwise_in_bf16() if not variant.depthwise_in_float32 else contextlib.nullcontext():
        return Learner(config, Schedule.of(config, 100), Processes(torch.device("cpu")))


@contextlib.contextmanager
def _depthwise_in_bf16() -> Iterator[None]:
    with mock.patch.object(Precision, "prepare"):
        yield


def interleaved(steps: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each step, measured in turns."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            times[name].append((time.perf_counter() - start) / STEPS)
    return {name: statistics.median(values) for name, values in times.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown: a line a variant, a column a generator, in multiples of float32."""
    cells = {(row["arch"], row["variant"]): row for row in rows}
    lines = ["| step | " + " | ".join(GENERATORS) + " |", "|---|" + "---:|" * len(GENERATORS)]
    for variant in VARIANTS:
        found = [cells[arch, variant.name] for arch in GENERATORS]
        texts = (f"{row['times_fp32']:.2f}" if "times_fp32" in row else row["failed"] for row in found)
        lines.append(f"| {variant.name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
