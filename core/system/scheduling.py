"""Keeping libraries from changing how the operating system schedules this process's threads."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextlib.contextmanager
def scheduling_kept() -> Iterator[None]:
    """Give the calling thread, and threads born in the block, the scheduling that the thread had before.

    That is policy, priority and the CPUs it may run on. Some libraries change them where they may, as root:
    SVT-AV1 asks for real time, before which nothing else on the machine runs.
    """
    if sys.platform != "linux":
        yield
        return
    policy, priority, cpus = os.sched_getscheduler(0), os.sched_getparam(0), os.sched_getaffinity(0)
    before = _threads()
    try:
        yield
    finally:
        for thread in (_threads() - before) | {0}:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                if os.sched_getscheduler(thread) != policy or os.sched_getparam(thread) != priority:
                    os.sched_setscheduler(thread, policy, priority)
                if os.sched_getaffinity(thread) != cpus:
                    os.sched_setaffinity(thread, cpus)


def _threads() -> set[int]:
    return {int(path.name) for path in _THREADS.iterdir()}
