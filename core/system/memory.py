"""How much memory this process has taken, and what it does with what is freed."""

import ctypes
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_MALLOC_SETTINGS = {  # numbers of glibc's malloc.h
    -3: 32 << 20,  # M_MMAP_THRESHOLD: larger blocks are given back at once; before 2.35 the largest allowed
    -1: 256 << 20,  # M_TRIM_THRESHOLD: bytes free at the end of the heap that are kept
    -8: 1,  # M_ARENA_MAX: one heap for all threads: what one has freed, another can take
}
_SIGNS = (
    "out of memory",
    "insufficient memory",
    "can't allocate memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
)


def is_out_of_memory(error: Exception) -> bool:
    """Tell by its text: codecs and runtimes have one exception for all that goes wrong in them."""
    text = str(error).lower()
    return any(sign in text for sign in _SIGNS)


def peak_memory_mb() -> float | None:
    """Return the largest resident memory this process has had, in MB; None where the system does not tell.

    On Linux not by `getrusage`: its figure begins with that of the process that started this one.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        line = next((line for line in lines if line.startswith("VmHWM")), None)  # some sandboxes have none
        return round(int(line.split()[1]) * 1024 / 1e6, 1) if line else None
    if sys.platform != "darwin":
        return None
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)  # bytes there


def keep_freed_memory() -> None:
    """Let glibc keep what one image has freed for the next, in this process from now on.

    Otherwise glibc returns it to the system, which clears it page by page before the next image can use it.
    That takes an eighth of the time of a 12 MP photograph. Call it before there are threads. Other C
    libraries do as they do.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        for setting, value in _MALLOC_SETTINGS.items():
            if not mallopt(setting, value):
                return  # the others alone would make it slower
