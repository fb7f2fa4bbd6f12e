"""Admits requests: a bounded queue in front of the workers, and bounded memory for bodies and answers."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from colorize_gan.infer.server.limits import MEGABYTE

_T = TypeVar("_T")
_WEIGHT = 0.1  # of the newest in the mean time of a photograph


class BusyError(Exception):
    """There is no room for one more."""


class Memory:
    """The bytes that requests hold, together at most ``megabytes``. For one event loop."""

    def __init__(self, megabytes: float) -> None:
        """Start with none held."""
        self._most = megabytes * MEGABYTE
        self.held = 0
        """Bytes that requests hold."""
        self.requests = 0
        """Requests that may hold some."""

    @contextlib.contextmanager
    def share(self) -> Iterator["Share"]:
        """Open the share of one request; what it holds is given back at the end."""
        share = Share(self)
        self.requests += 1
        try:
            yield share
        finally:
            share.replace(0)
            self.requests -= 1

    def take(self, count: int) -> None:
        """Count bytes as held, or, when negative, as given back."""
        self.held += count

    @property
    def is_full(self) -> bool:
        """True if more is held than there should be."""
        return self.held > self._most


class Share:
    """The part of the `Memory` that one request holds."""

    def __init__(self, memory: Memory) -> None:
        """Start with nothing."""
        self._memory, self._held = memory, 0

    def add(self, count: int) -> None:
        """Hold ``count`` more bytes.

        Raises:
            BusyError: all requests together hold too much.
        """
        self._memory.take(count)
        self._held += count
        if self._memory.is_full:
            raise BusyError

    def replace(self, count: int) -> None:
        """Hold ``count`` bytes in place of what was held: an answer that is made has to be kept."""
        self._memory.take(count - self._held)
        self._held = count


class Pool:
    """Worker threads with a bounded queue in front. For one event loop."""

    def __init__(self, workers: int, queue: int) -> None:
        """Start with nothing to do."""
        self._workers, self._queue = workers, queue
        self._threads = ThreadPoolExecutor(workers, "colorize")
        # one more a worker is handed over early, so that no worker waits for the event loop
        self._ready = asyncio.Semaphore(2 * workers)
        self._mean_seconds = 0.0
        self.unfinished = 0
        """Photographs in progress or waiting."""

    @property
    def waiting(self) -> int:
        """Photographs that no worker has begun."""
        return max(0, self.unfinished - self._workers)

    @property
    def is_full(self) -> bool:
        """True if the next one would be refused."""
        return self.unfinished >= self._workers + self._queue

    def seconds_to_wait(self) -> int:
        """Return when to come again, by how long photographs took lately."""
        return max(1, math.ceil(self.waiting * self._mean_seconds / self._workers))

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run ``work`` on a worker, after those before it.

        Cancelled while it waits, it is never begun; later, its result is dropped.

        Raises:
            BusyError: the queue is full.
        """
        if self.is_full:
            raise BusyError
        self.unfinished += 1
        try:
            await self._ready.acquire()
        except asyncio.CancelledError:
            self.unfinished -= 1
            raise
        loop = asyncio.get_running_loop()
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._finish))
        # not cancelled: the executor would keep the photograph, uncounted, until a worker comes to it
        return await asyncio.shield(asyncio.wrap_future(future))

    def took(self, seconds: float) -> None:
        """Take note of how long a photograph took."""
        self._mean_seconds += _WEIGHT * (seconds - self._mean_seconds)

    async def close(self) -> None:
        """Wait until the workers are done."""
        await asyncio.to_thread(self._threads.shutdown)

    def _finish(self) -> None:
        self.unfinished -= 1
        self._ready.release()
