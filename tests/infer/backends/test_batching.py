import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from colorize_gan.core.contract import ModelContract
from colorize_gan.infer.backends.batching import BatchingBackend


class Doubler:
    """A backend whose runs wait for a signal, and that has room for so many images."""

    name, device, precision, sha256, why = "doubler", "cpu", "fp32", "", ""
    contract = ModelContract("doubler", "none", 32)

    def __init__(self, room: int = 99) -> None:
        self.room, self.sizes = room, list[int]()
        self.go = threading.Event()

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.go.wait()
        self.sizes.append(len(inputs))
        if len(inputs) > self.room:
            raise MemoryError
        if (inputs < 0).any():
            raise ZeroDivisionError
        return 2 * inputs


def run_all(
    backend: Doubler, batch_size: int, inputs: list[np.ndarray]
) -> tuple[list[np.ndarray], BatchingBackend]:
    """Run inputs from one thread each, all waiting before the first run ends."""
    batching = BatchingBackend(backend, batch_size)
    with ThreadPoolExecutor(len(inputs)) as pool:
        futures = [pool.submit(batching.run, each) for each in inputs]
        while len(batching._waiting) < len(inputs) - 1:
            assert not any(future.done() for future in futures)
            time.sleep(0.001)
        backend.go.set()
        return [future.result() for future in futures], batching


def images(*sides: int) -> list[np.ndarray]:
    return [np.full((1, 1, side, 4), index + 1, np.float32) for index, side in enumerate(sides)]


def test_inputs_that_wait_are_joined_by_size_and_each_gets_its_own() -> None:
    backend = Doubler()
    inputs = images(4, 4, 8, 4, 4, 8)
    outputs, _ = run_all(backend, 4, inputs)
    assert all(np.array_equal(output, 2 * each) for output, each in zip(outputs, inputs, strict=True))
    assert sum(backend.sizes) == 6
    assert 1 < max(backend.sizes) <= 4


def test_batch_is_halved_when_memory_does_not_suffice() -> None:
    backend = Doubler(room=2)
    inputs = images(*[4] * 9)
    outputs, batching = run_all(backend, 8, inputs)
    assert all(np.array_equal(output, 2 * each) for output, each in zip(outputs, inputs, strict=True))
    assert batching.batch_size <= 4
    assert backend.sizes[-1] <= 2


def test_one_image_that_does_not_fit_is_a_memory_error() -> None:
    backend = Doubler(room=0)
    with pytest.raises(MemoryError):
        run_all(backend, 4, images(4, 4))


def test_an_error_reaches_all_who_wait_for_it() -> None:
    backend = Doubler()
    with pytest.raises(ZeroDivisionError):
        run_all(backend, 4, [-each for each in images(4, 4, 4)])
