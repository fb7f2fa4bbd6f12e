"""Tracks free slots of the cluster's workers, for the threads that assign work."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from colorize_gan.infer.batch.results import LeftError

LOOK_SECONDS = 0.5
"""Between two looks at whether the run is over."""


_T = TypeVar("_T", bound=Hashable)


class Roster(Generic[_T]):
    """The workers that are there, and how many items each could take. Thread-safe."""

    def __init__(self, room: int) -> None:
        """Begin with no worker; each will have ``room`` for so many items."""
        self._room = room
        self._free: dict[_T, int] = {}
        self._changed = threading.Condition()
        self._lonely = 0  # who waits for a worker of its own: nobody else takes one before
        self._error: Exception | None = None

    def add(self, worker: _T) -> None:
        """Let a worker be taken."""
        with self._changed:
            self._free[worker] = self._room
            self._changed.notify_all()

    def is_empty(self) -> bool:
        """Tell whether there is no worker."""
        return not self._free

    def remove(self, worker: _T) -> bool:
        """Take a worker off; tell whether it was there."""
        with self._changed:
            return self._free.pop(worker, None) is not None

    def fail(self, error: Exception) -> None:
        """Let all who wait for a worker raise ``error``."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def take(self, is_over: Callable[[], bool], *, alone: bool) -> _T:
        """Wait for the worker with most room, ``alone`` for one that has nothing else to do.

        Raises:
            LeftError: the run is over, and no worker is there.
        """
        with self._changed:
            self._lonely += alone
            try:
                while (worker := self._found(alone=alone)) is None:
                    if is_over() and not self._free:
                        raise LeftError
                    self._changed.wait(LOOK_SECONDS)
            finally:
                self._lonely -= alone
                self._changed.notify_all()
            return worker

    def give_back(self, worker: _T, *, alone: bool) -> None:
        """Return what `take` gave."""
        with self._changed:
            if worker in self._free:
                self._free[worker] += self._room if alone else 1
                self._changed.notify_all()

    def _found(self, *, alone: bool) -> _T | None:
        if self._error:
            raise self._error
        needed = self._room if alone else 1
        worker = max(self._free, key=self._free.__getitem__, default=None)
        if worker is None or self._free[worker] < needed or (self._lonely and not alone):
            return None
        self._free[worker] -= needed
        return worker
