"""A trial of the runtimes that read a model file: the colours and the speed of each on this machine."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.core.contract import ModelContract
from colorize_gan.infer.backends.cache import measured_path, read_measured, write_measured
from colorize_gan.infer.backends.protocol import Backend, sha256_of

_ROUNDS = 5
_ASPECT = 11 / 8  # 352 to 256 pixels: between 4:3 and 3:2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """The result of one runtime with one model on this machine."""

    backend: str
    """One of the names in `BACKENDS_BY_SUFFIX`."""
    precision: str = ""
    """See `Backend.precision`."""
    open_seconds: float = 0.0
    """Seconds from nothing to the colours of a first picture."""
    picture_seconds: float = 0.0
    """Seconds of one further picture, on one thread."""
    p99: float = 0.0
    """CIEDE2000 p99 to the file's own runtime."""
    fault: str = ""
    """The reason why it is left out; empty where it can be used."""


def recall_trials(model: Path, names: Sequence[str]) -> list[Trial] | None:
    """Return the trials of a model file on these runtimes; None where there were none on this machine."""
    return read_measured(_path_of(model), lambda value: _parsed(value, names))


def try_backends(model: Path, names: Sequence[str], load: Callable[[str], Backend]) -> list[Trial]:
    """Try runtimes with a model file, and keep the results for `recall_trials`.

    One that fails, or does not pass the colour gate, gets a `fault`.

    Args:
        model: the file.
        names: the runtimes, the file's own first.
        load: opens the file on the CPU with one of them, and runs it once.

    Raises:
        ColorizeError: the file's own runtime fails.
    """
    _log.info("%s: trying %s, once for this version on this machine", model.name, " and ".join(names))
    own, *others = [_Contender(name) for name in names]
    own.open(load)
    for each in others:
        each.attempt(partial(each.open, load))
        each.attempt(partial(each.check, own))
    for _ in range(_ROUNDS):  # in turns: a busy moment slows all of them
        own.run()
        for each in others:
            each.attempt(each.run)
    trials = [each.result() for each in (own, *others)]
    write_measured(_path_of(model), [dataclasses.asdict(trial) for trial in trials])
    return trials


class _Contender:
    """A runtime on trial."""

    backend: Backend

    def __init__(self, name: str) -> None:
        self._trial = Trial(name)
        self._seconds: list[float] = []

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step, unless an earlier one failed."""
        if self._trial.fault:
            return
        try:
            step()
        except Exception as error:  # each runtime has its own
            self._note(fault=str(error).strip().partition("\n")[0] or type(error).__name__)

    def open(self, load: Callable[[str], Backend]) -> None:
        def first_picture() -> None:
            self.backend = load(self._trial.backend)
            self._picture = _picture(self.backend.contract)
            self.backend.run(self._picture)

        self._note(open_seconds=_seconds(first_picture), precision=self.backend.precision)

    def check(self, own: "_Contender") -> None:
        from colorize_gan.infer.backends.color_gate import enforce_colors, measured_colors

        record = measured_colors(self.backend, lambda: own.backend)
        self._note(p99=record["p99"])
        enforce_colors(self.backend, record)

    def run(self) -> None:
        self._seconds.append(_seconds(partial(self.backend.run, self._picture)))

    def result(self) -> Trial:
        if not self._trial.fault:
            self._note(picture_seconds=float(np.median(self._seconds)))
        return self._trial

    def _note(self, **values: Any) -> None:
        self._trial = dataclasses.replace(self._trial, **values)


def _seconds(step: Callable[[], object]) -> float:
    """Return the seconds of a step: other processes move only the first clock, other threads the second."""
    wall, own = time.perf_counter(), time.process_time()
    step()
    return min(time.perf_counter() - wall, time.process_time() - own)


def _picture(contract: ModelContract) -> np.ndarray:
    """Return noise of the usual size, as the contract's graph takes it."""
    height, width = (contract.size.fit(contract.render_size * factor) for factor in (1, _ASPECT))
    rng = np.random.default_rng(0)
    if contract.graph == "pixels":
        return rng.integers(0, 256, (1, height, width, 3), np.uint8)
    return rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32)


def _path_of(model: Path) -> Path:
    return measured_path("trials", sha256_of(model))


def _parsed(value: Any, names: Sequence[str]) -> list[Trial]:
    """Return trials from JSON.

    Raises:
        ValueError: they are not of these runtimes, or have no times; so do `TypeError` and `KeyError`.
    """
    trials = [Trial(**each) for each in value]
    if [each.backend for each in trials] != list(names) or not all(map(_is_whole, trials)):
        raise ValueError
    return trials


def _is_whole(trial: Trial) -> bool:
    numbers = (trial.open_seconds, trial.picture_seconds, trial.p99)
    texts = (trial.precision, trial.fault)
    return all(isinstance(each, float) and 0 <= each < math.inf for each in numbers) and all(
        isinstance(each, str) for each in texts
    )
