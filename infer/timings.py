"""Where the time goes: the stages of an image."""

import contextlib
import time
from array import array
from collections.abc import Iterator

import numpy as np

STAGES = ("decode", "preprocess", "infer", "merge", "encode")


class StageClock:
    """Times the stages of one image."""

    def __init__(self) -> None:
        """Start with none."""
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time of the block to one of the `STAGES`."""
        started = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0) + time.perf_counter() - started


class StageStatistics:
    """The times of all images of a run, in eight bytes each."""

    def __init__(self) -> None:
        """Start with no image."""
        self._times = {stage: array("d") for stage in STAGES}

    def add(self, seconds: dict[str, float]) -> None:
        """Take in the times of one image."""
        for stage, time_taken in seconds.items():
            self._times[stage].append(time_taken)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return the total ``seconds`` of each stage, and the ``p50_ms`` and ``p95_ms`` of an image."""
        return {stage: _summary(np.array(times)) for stage, times in self._times.items() if times}


def _summary(times: np.ndarray) -> dict[str, float]:
    p50, p95 = np.percentile(times, [50, 95]) * 1000
    return {
        "seconds": round(float(times.sum()), 3),
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
    }
