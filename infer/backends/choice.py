"""The rule by which ``auto`` takes a runtime on the CPU.

1. A folder or film that was begun on a runtime is finished on it, so that its colours stay as they are.
2. Else the runtime that is done first: seconds to open it, and for each picture on one of the threads. Where
   the number of pictures is not known, they are many, and only the seconds of a picture count. The file's own
   runtime is taken unless another one is clearly faster. One that fails or has other colours is left out.
3. Those seconds come from a trial, made once on a machine. A trial takes about as long as 25 pictures on one
   thread. So with fewer than 50 pictures a thread it is not made: the file's own runtime is taken.
"""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from colorize_gan.infer.backends.protocol import Backend
from colorize_gan.infer.backends.trial import Trial, recall_trials, try_backends

_PICTURES_A_THREAD = 50
_CLEARLY = 0.95  # of the time of the file's own runtime


class Choice(NamedTuple):
    """The runtime that was taken, and why."""

    backend: str
    why: str


def choose_backend(
    model: Path, names: Sequence[str], load: Callable[[str], Backend], pictures: int | None, begun_with: str
) -> Choice:
    """Choose the runtime for a model file by the rule above.

    Args:
        model: the file.
        names: the runtimes that are installed, the file's own first.
        load: see `try_backends`.
        pictures: how many are to be colorized; None for many.
        begun_with: runtime that earlier outputs were made on; empty where there are none.

    Raises:
        ColorizeError: the file's own runtime fails.
    """
    if begun_with in names:
        return Choice(begun_with, "the outputs that are there were made on it")
    trials = recall_trials(model, names)
    if trials is None and pictures is not None and pictures < (least := pays_from()):
        return Choice(names[0], f"{_counted(pictures)}; a trial of other runtimes pays from {least} on")
    return fastest(trials or try_backends(model, names, load), pictures)


def pays_from() -> int:
    """Return from how many pictures on a trial pays."""
    return _PICTURES_A_THREAD * _threads()


def fastest(trials: Sequence[Trial], pictures: int | None) -> Choice:
    """Return the runtime that is done first.

    Args:
        trials: those of a model file, its own runtime first.
        pictures: how many there are to do; None for many.
    """
    own = trials[0]
    others = [each for each in trials[1:] if not each.fault]
    best = min(others, key=lambda each: _seconds(each, pictures), default=own)
    taken = best if _seconds(best, pictures) < _CLEARLY * _seconds(own, pictures) else own
    times = "; ".join(f"{each.backend} {described(each)}" for each in trials)
    return Choice(taken.backend, f"{_counted(pictures)}, {_threads()} at once: {times}")


def described(trial: Trial) -> str:
    """Say how a trial went."""
    if trial.fault:
        return f"is left out: {trial.fault}"
    return f"({trial.precision}) {trial.picture_seconds:.3f} s a picture, {trial.open_seconds:.2f} s to open"


def taken_from(trial: Trial, own: Trial) -> int | None:
    """Return from how many pictures on a runtime is taken, and not the file's own; None for never."""
    if trial.fault or trial.picture_seconds >= _CLEARLY * own.picture_seconds:
        return None
    saved = _CLEARLY * own.picture_seconds - trial.picture_seconds
    lost = trial.open_seconds - _CLEARLY * own.open_seconds
    return max(1, math.floor(lost * _threads() / saved) + 1)


def _seconds(trial: Trial, pictures: int | None) -> float:
    if pictures is None:
        return trial.picture_seconds
    return trial.open_seconds + pictures * trial.picture_seconds / _threads()


def _threads() -> int:
    return os.cpu_count() or 1


def _counted(pictures: int | None) -> str:
    return "many pictures" if pictures is None else f"{pictures} picture{'' if pictures == 1 else 's'}"
