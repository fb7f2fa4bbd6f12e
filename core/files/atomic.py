"""Files that appear when they are complete, and the names of those that are not yet."""

import contextlib
import itertools
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

PART_PREFIX = ".colorizing-"
"""How the names of unfinished files begin; `run_name`, after that of `work_for`, and a number follow."""

_TOKEN = secrets.token_hex(4)  # a container's host and process number may come again
_numbers = itertools.count()
_employer = ""


def run_name() -> str:
    """Return a name that no other process has, on any machine that sees the same files."""
    return f"{socket.gethostname()}-{os.getpid()}-{_TOKEN}"


def work_for(run: str) -> None:
    """Name this process's unfinished files after the run of another one that it works for."""
    global _employer
    _employer = f"{run}-"


def write_atomically(target: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file that appears when it is complete.

    Raises:
        FileExistsError: there is one, and it must not be replaced.
        OSError: it cannot be written.
    """
    part = _part_of(target)
    try:
        part.write_bytes(content)
        if replace:
            part.replace(target)
        else:
            _publish(part, target)
    finally:
        part.unlink(missing_ok=True)


def _publish(part: Path, target: Path) -> None:
    """Rename without replacing: a link fails where the name is taken, whoever took it when."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError from None
        part.replace(target)


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, of its suffix, that becomes it when the block succeeds.

    An `OSError` without a file name, as of a full disk, or with the hidden one gets that of ``target``.
    """
    part = _part_of(target)
    try:
        yield part
        part.replace(target)
    except OSError as error:
        if error.filename in (None, str(part)) and error.errno is not None:
            with contextlib.suppress(AttributeError):  # those of PyAV keep theirs
                error.filename = str(target)
        raise
    finally:
        part.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    return target.with_name(f"{PART_PREFIX}{_employer}{run_name()}-{next(_numbers)}.part{target.suffix}")
