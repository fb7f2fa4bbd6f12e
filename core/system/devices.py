"""Names of devices, as the setting `device` takes them, and what is known of the one that is there."""

import ctypes
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from colorize_gan.core.errors import UsageError

_CPU_INFO = Path("/proc/cpuinfo")
_KIND = {
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),  # x86
    *("CPU implementer", "CPU part", "CPU variant", "Features"),  # ARM
}


def cuda_number(device: str, cuda_works: Callable[[], bool]) -> int | None:
    """Return the number of the CUDA device that ``device`` means, None for the CPU.

    Raises:
        UsageError: no such device name.
    """
    if device == "auto":
        return 0 if cuda_works() else None
    if device == "cpu":
        return None
    kind, _, number = device.partition(":")
    if kind != "cuda" or not (number or "0").isdecimal():
        raise UsageError(f"`device` {device}: not auto, cpu, cuda or cuda:N")
    return int(number or 0)


def has_nvidia_driver() -> bool:
    """Tell whether the driver's library loads; asking ONNX Runtime would log errors where it does not."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def has_vnni() -> bool:
    """Tell whether the CPU is known to sum products of 8-bit integers in 32 bits; only Linux tells."""
    try:
        words = _CPU_INFO.read_text().split()
    except OSError:
        return False
    return "avx512_vnni" in words or "avx_vnni" in words


def processor() -> str:
    """Return the kind of this machine's processor: its name, and on Linux what it can do.

    A virtual machine's name for it alone may stand for several generations.
    """
    try:
        first = _CPU_INFO.read_text().partition("\n\n")[0]
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(line for line in first.splitlines() if line.partition(":")[0].strip() in _KIND)
