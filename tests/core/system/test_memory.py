import subprocess
import sys
from pathlib import Path

import pytest

from colorize_gan.core.system import memory

_REPEATED = """
import resource
import numpy as np
from colorize_gan.core.system.memory import keep_freed_memory
if {keep}:
    keep_freed_memory()
def photograph():
    planes = [np.ones(megabytes << 20, np.uint8) for megabytes in (12, 3, 3, 24)]
photograph()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    photograph()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, keep: bool) -> int:
    """Return how many pages the system had to clear for the photographs after the first."""
    command = [sys.executable, "-c", _REPEATED.format(keep=keep)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
def test_the_memory_of_one_photograph_serves_the_next() -> None:
    assert faults(keep=True) < faults(keep=False) / 10


def test_system_that_does_not_tell_the_peak_gives_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    monkeypatch.setattr(memory, "_STATUS", status)
    status.write_text("Name:\tpython\nVmHWM:\t    2048 kB\n")
    assert memory.peak_memory_mb() == 2.1
    status.write_text("Name:\tpython\n")
    assert memory.peak_memory_mb() is None
