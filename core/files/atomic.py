"""Files that appear when they are complete, and the names of those that are not yet."""

import contextlib
import hashlib
import itertools
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from colorize_gan.core.files.paths import StrPath

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


def write_atomically(target: StrPath, content: bytes, *, replace: bool = True) -> None:
    """Write a file that appears when it is complete.

    Raises:
        FileExistsError: there is one, and it must not be replaced.
        OSError: it cannot be written.
    """
    target = Path(target)
    with _hidden(target, _part_of(target)) as part:
        part.write_bytes(content)
        if replace:
            part.replace(target)
        else:
            _publish(part, target)


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
def atomic_path(target: StrPath) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, of its suffix, that becomes it when the block succeeds.

    An `OSError` without a file name, as of a full disk, or with the hidden one gets that of ``target``.
    """
    target = Path(target)
    with _hidden(target, _part_of(target)) as part:
        yield part
        part.replace(target)


@contextlib.contextmanager
def lasting_path(target: StrPath) -> Iterator[Path]:
    """Do as `atomic_path` for a file that is long in the making: what killed runs left of it goes first."""
    target = Path(target)
    with lasting_part(target) as part:
        yield part
        part.replace(target)


@contextlib.contextmanager
def lasting_part(target: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, of a file or folder that the block makes and renames.

    A lock is held as long: parts whose lock is free were left by killed runs, and are removed first.
    """
    mark = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]
    part = _part_of(target, f"{mark}-")
    lock_path = part.with_name(f"{part.name}.lock")
    with named_after(target):
        for left in target.parent.glob(f"{PART_PREFIX}{mark}-*.lock"):
            _sweep(left)
        with _locked(lock_path), _hidden(target, part):
            yield part


def _sweep(lock_path: Path) -> None:
    """Remove what a run has left, once it has ended."""
    with contextlib.suppress(Timeout), _locked(lock_path):
        _remove(lock_path.with_suffix(""))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock whose file goes with it.

    Raises:
        Timeout: it is held.
    """
    lock = FileLock(path, thread_local=False)
    lock.acquire(blocking=False)
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):  # a sweeper was first
            path.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _hidden(target: Path, part: Path) -> Iterator[Path]:
    """Yield the path of a part, which is gone after the block."""
    with named_after(target):
        try:
            yield part
        finally:
            _remove(part)


@contextlib.contextmanager
def named_after(target: Path) -> Iterator[None]:
    """Give an `OSError` without a file name, or with a hidden one, that of what is being made."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and PART_PREFIX in str(error.filename or PART_PREFIX):
            with contextlib.suppress(AttributeError):  # those of PyAV keep theirs
                error.filename = str(target)
        raise


def _part_of(target: Path, mark: str = "") -> Path:
    name = f"{PART_PREFIX}{mark}{_employer}{run_name()}-{next(_numbers)}.part{target.suffix}"
    return target.with_name(name)
