"""The display of a running training: a bar, TensorBoard scalars and pictures, and `metrics.jsonl`."""

import json
import math
import statistics
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from colorize_gan.core.files.atomic import atomic_path

_METRICS_NAME = "metrics.jsonl"
_STEPS_BETWEEN_LOGS = 25


class Progress:
    """Logs of one run, closed at the end of a `with` block."""

    def __init__(self, run_dir: Path, step: int, total: int, batch_size: int) -> None:
        """Open the logs in ``run_dir``; the bar goes from ``step`` to ``total``.

        A run that was killed has logged steps after those of its checkpoint, and does them again: they go.
        """
        self._writer = SummaryWriter(str(run_dir), purge_step=step + 1)
        _forget_steps_after(step, run_dir / _METRICS_NAME)
        self._file = (run_dir / _METRICS_NAME).open("a", encoding="utf-8")
        self._bar = tqdm(initial=step, total=total, unit="step", dynamic_ncols=True, mininterval=1)
        self._batch_size = batch_size
        self._restart()

    def _restart(self) -> None:
        self._logged: list[dict[str, float]] = []
        self._seconds = 0.0
        self._mark = time.monotonic()

    def after_step(self, step: int, scalars: dict[str, float]) -> None:
        """Count a step; every few of them, log the means and the speed."""
        self._bar.update()
        self._logged.append(scalars)
        now = time.monotonic()
        self._seconds, self._mark = self._seconds + now - self._mark, now
        if len(self._logged) < _STEPS_BETWEEN_LOGS:
            return
        # a phase may begin among them: average what the last step has
        means = {
            name: statistics.fmean(step[name] for step in self._logged if name in step) for name in scalars
        }
        speed = len(self._logged) * self._batch_size / self._seconds
        self._log(step, means | {"images_per_second": speed})
        self._bar.set_postfix(loss=f"{means['loss/pixel']:.4f}", refresh=False)
        self._restart()

    def show(self, step: int, picture: np.ndarray) -> None:
        """Log a preview ``(H, W, 3)`` uint8."""
        self._writer.add_image("grey, predicted, truth", picture, step, dataformats="HWC")
        self._mark = time.monotonic()  # this was not training time

    def after_evaluation(self, step: int, quality: dict[str, Any]) -> None:
        """Log an evaluation."""
        numbers = {name: value for name, value in quality.items() if isinstance(value, int | float)}
        self._log(step, {f"val/{name}": value for name, value in numbers.items()})
        self._bar.write(f"step {step}: PSNR gain {quality['psnr_gain']:.2f} dB, CF {quality['cf']:.1f}")
        self._mark = time.monotonic()

    def _log(self, step: int, scalars: dict[str, float]) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        self._file.write(json.dumps({"step": step, **scalars}) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        """Return the logs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self._bar.close()
        self._writer.close()
        self._file.close()


def _forget_steps_after(step: int, metrics: Path) -> None:
    if not metrics.exists():
        return
    lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if _step_of(line) <= step]
    if kept != lines:
        with atomic_path(metrics) as part:
            part.write_text("".join(kept), encoding="utf-8")


def _step_of(line: str) -> float:
    """Return the step of a line of metrics; infinity of one that was not written to its end."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf
