"""Times are taken in turns, in processes of their own, and curves are told by their slope."""

import subprocess
import sys

import numpy as np
import pytest

from colorize_gan.benchmarks import machine
from colorize_gan.benchmarks.timing import (
    Worker,
    digits,
    fixed_and_each,
    in_turns,
    median_ratio,
    slope,
    table,
)


def test_every_other_round_runs_backwards() -> None:
    called: list[str] = []
    results = in_turns({name: lambda name=name: called.append(name) or len(called) for name in "abc"}, 2)
    assert called == ["a", "b", "c", "c", "b", "a"]
    assert results == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}


def test_a_slow_round_does_not_move_a_ratio() -> None:
    assert median_ratio([2, 20, 2], [1, 10, 1]) == 2


@pytest.mark.parametrize(("value", "expected"), [(123456.7, 123457), (0.0123456, 0.0123), (12.34, 12.3)])
def test_digits_are_significant_ones(value: float, expected: float) -> None:
    assert digits(value) == expected


def test_growth_is_told_apart() -> None:
    x = [1, 10, 100, 1000]
    assert slope(x, [5 * each for each in x]) == 1
    assert slope(x, [each**2 for each in x]) == 2
    assert slope(x, [7, 7, 7, 7]) == 0


def test_fixed_part_and_bend_are_found() -> None:
    x = [0.1, 1, 10, 100]
    assert fixed_and_each(x, [0.5 + 0.02 * each for each in x]) == (0.5, 0.02)


@pytest.mark.parametrize("y", [[9, 90, 1000], [7, 5, 4]])
def test_parts_of_a_curve_are_never_negative(y: list[float]) -> None:
    fixed, each = fixed_and_each([1, 10, 100], y)
    assert fixed >= 0
    assert each >= 0
    assert fixed + each > 0


def test_memory_of_a_process_is_its_own() -> None:
    big = np.ones(500_000_000, np.uint8)
    worker = Worker()
    try:
        assert worker.peak_mb() < 400 < machine.peak_mb()  # getrusage would give it that of this process
        worker.call(np.ones, 300_000_000, np.uint8)
        assert worker.peak_mb() > 300
    finally:
        worker.close()
    assert big.any()


def test_a_process_ends_with_the_one_that_started_it() -> None:
    code = """
import os
from colorize_gan.benchmarks.timing import Worker
if __name__ == "__main__":
    print(Worker().call(os.getpid), flush=True)
    os.kill(os.getpid(), 9)
"""
    # the worker has the pipe, too: it is read to its end when both are gone
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert done.returncode == -9
    assert int(done.stdout) > 0


def test_errors_of_a_process_come_back() -> None:
    worker = Worker()
    try:
        with pytest.raises(ValueError, match="invalid literal"):
            worker.call(int, "x")
    finally:
        worker.close()


def test_gpu_memory_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.gpu_memory_mb(1) is None
    monkeypatch.setattr(machine, "_nvidia_smi", lambda _: "17, 350 MiB\n42, 1000 MiB\n17, 50 MiB")
    assert machine.gpu_memory_mb(17) == 400
    assert machine.gpu_memory_mb(3) is None


def test_table_is_markdown() -> None:
    assert table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
