"""Working on many things at once: the results in order, the memory shared."""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2
import pyvips
from threadpoolctl import threadpool_limits

from colorize_gan.core.system.memory import is_out_of_memory

MOST_THREADS = 4
"""Threads that work on one image, at most; with more, a network's last bits can be others."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def threads_for_each(images: int | None) -> int:
    """Return how many threads can work on each of so many images; one where their number is not known."""
    return min(MOST_THREADS, max(1, (os.cpu_count() or 1) // images)) if images else 1


def map_in_order(
    work: Callable[[_T], _R], items: Iterable[_T], workers: int, name: str, ahead: int | None = None
) -> Generator[_R, None, None]:
    """Map ``work`` over ``items`` on threads called ``name``; yield results in the order of the items.

    At most ``ahead`` results, or twice as many as workers, are in progress or not yet taken. An exception of
    ``work`` is raised here. After it, or when the generator is closed, only items in progress are finished.
    """
    pending: deque[Future[_R]] = deque()
    most = ahead or 2 * workers
    with ThreadPoolExecutor(workers, name) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= most:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def for_each(work: Callable[[_T], object], items: Iterable[_T], threads: int, name: str) -> None:
    """Call ``work`` with each item on so many threads called ``name``; on the caller's own if that is one."""
    calls = map(work, items) if threads == 1 else map_in_order(work, items, threads, name)
    deque(calls, maxlen=0)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep OpenCV, NumPy's BLAS and libvips from own threads: those wait in loops and slow the workers."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1, "blas"), one_libvips_thread():
            yield
    finally:
        cv2.setNumThreads(threads)


@contextlib.contextmanager
def one_libvips_thread() -> Iterator[None]:
    """Keep libvips from threads and a cache: its callers are the parallelism, and ask for no image twice."""
    threads, cached = pyvips.vips_lib.vips_concurrency_get(), pyvips.vips_lib.vips_cache_get_max()
    pyvips.vips_lib.vips_concurrency_set(1)
    pyvips.cache_set_max(0)
    try:
        yield
    finally:
        pyvips.vips_lib.vips_concurrency_set(threads)
        pyvips.cache_set_max(cached)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn what OpenCV raises where the memory does not suffice into a `MemoryError`."""
    try:
        yield
    except cv2.error as error:
        # not by its code: that is the one of the last error in any thread.
        # The second is what the Python binding says of an array to be returned
        if not is_out_of_memory(error) and "can not be created" not in str(error):
            raise
        raise MemoryError(str(error)) from error


class RoomToWork:
    """Lets work that ran out of memory run once more, alone."""

    def __init__(self) -> None:
        """Start with nobody at work."""
        self._changed = threading.Condition()
        self._working = self._waiting = 0
        self._alone = False

    def run(self, work: Callable[[], _R]) -> _R:
        """Run ``work`` beside others; after a `MemoryError`, again while nothing else runs.

        Raises:
            MemoryError: there is not enough memory for it alone, either.
        """
        try:
            with self._taken(alone=False), memory_errors():
                return work()
        except MemoryError:
            pass
        with self._taken(alone=True), memory_errors():
            return work()

    @contextlib.contextmanager
    def _taken(self, *, alone: bool) -> Iterator[None]:
        with self._changed:
            self._waiting += alone
            try:  # those who come later wait for one who wants to be alone
                self._changed.wait_for(
                    lambda: not self._alone and not (self._working if alone else self._waiting)
                )
            finally:
                self._waiting -= alone
            self._alone = alone
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._alone = False
                self._changed.notify_all()
