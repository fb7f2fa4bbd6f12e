"""How everything is timed: in turns, in processes of their own; and what is made of the times."""

import contextlib
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

import numpy as np

from colorize_gan.benchmarks.machine import peak_mb
from colorize_gan.core.system.process import configure_process

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Worker:
    """A process of its own that calls functions one after another: its memory is theirs alone."""

    def __init__(self) -> None:
        """Start it; what it calls is imported there."""
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, initializer=_end_with_parent)

    def call(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call a function of a module there; its exceptions are raised here."""
        return self._pool.submit(function, *args, **kwargs).result()

    def peak_mb(self) -> int:
        """Return the largest resident memory it had, MB."""
        return self.call(peak_mb)

    def close(self) -> None:
        """End it."""
        self._pool.shutdown()


def _end_with_parent() -> None:
    """End this process when that which started it is killed: it would wait for work for ever."""
    configure_process()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def workers(names: Sequence[str]) -> Iterator[dict[str, Worker]]:
    """Run one process a name, until the block ends."""
    started = {name: Worker() for name in names}
    try:
        yield started
    finally:
        for worker in started.values():
            worker.close()


def seconds_of(work: Callable[[], object]) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(works: Mapping[str, Callable[[], _R]], rounds: int) -> dict[str, list[_R]]:
    """Call works in turns, in every other round backwards, so that what changes with time hits all alike.

    Returns:
        The results of each, by round.
    """
    results: dict[str, list[_R]] = {name: [] for name in works}
    for number in range(rounds):
        for name in list(works)[:: 1 if number % 2 == 0 else -1]:
            results[name].append(works[name]())
    return results


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the quotients within a round: what slows a round down slows both."""
    return digits(statistics.median(a / b for a, b in zip(above, below, strict=True)))


def digits(value: float, count: int = 3) -> float:
    """Round to so many significant digits, but not whole numbers."""
    return float(f"{value:.{count}g}") if abs(value) < 10**count else round(value)


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the slope of a line through the points on log-log axes: 1 where y is proportional to x."""
    return round(float(np.polyfit(np.log(x), np.log(y), 1)[0]), 2) + 0.0  # not -0.0


def fixed_and_each(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Fit ``y = fixed + each * x``, with errors relative to y; return both, neither of them negative."""
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    fixed, each = np.linalg.lstsq(np.stack([1 / ys, xs / ys], axis=1), np.ones(len(ys)), rcond=None)[0]
    if fixed < 0:
        fixed, each = 0.0, 1 / float(np.mean(xs / ys))
    elif each < 0:
        fixed, each = 1 / float(np.mean(1 / ys)), 0.0
    return digits(float(fixed)), digits(float(each))


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], text_columns: int = 1) -> str:
    """Return a Markdown table; columns but the first ``text_columns`` hold numbers."""
    rules = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    lines = [header, rules, *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)
