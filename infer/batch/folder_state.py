"""Which outputs are up to date: a record in the output folder that survives any way a run can end.

While a run works it appends to a journal of its own: a line before an output may appear and one after it has.
The journals of ended runs are folded into the record, so that several runs may share a folder.
"""

import contextlib
import glob
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from colorize_gan.core.files.atomic import PART_PREFIX, atomic_path, run_name
from colorize_gan.infer.batch.state import Entry, NotingNothing, Standing, lines_of, read_lines

FOLDER = ".colorize-batch"
"""Hidden folder in the output folder that the record is kept in."""

_RECORD, _LOCK, _JOURNALS = "record.jsonl", "lock", "*.journal"


class FolderState:
    """The record of one output folder, open for one run. Thread-safe."""

    batch_ahead = 1

    def __init__(self, out: Path) -> None:
        """Open the record of ``out``, created when missing, and clear away what killed runs left.

        Raises:
            OSError: the folder cannot be written.
        """
        self._out = out
        self._folder = out / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._folder / _LOCK, thread_local=False)
        self._journal = self._folder / f"{run_name()}.{secrets.token_hex(4)}.journal"
        with self._lock:
            self._entries = self._fold()
            self._running = FileLock(_running_path(self._journal), thread_local=False)
            self._running.acquire()
            self._lines = self._journal.open("ab", buffering=0)

    def close(self) -> None:
        """Fold this run's journal into the record; where the disk is full, the next run does."""
        with self._lock:
            self._lines.close()
            self._running.release()
            with contextlib.suppress(OSError):
                self._fold()

    def standing(self, target: Path) -> Standing:
        """See `State.standing`."""
        return _standing(target, self._entries.get(self._name(target)))

    def start(self, inputs: Mapping[Path, str]) -> None:
        """See `State.start`."""
        for target, made_from in inputs.items():
            self._append(self._name(target), Entry(made_from=made_from))

    def finish(self, target: Path, entry: Entry) -> None:
        """See `State.finish`."""
        self._append(self._name(target), entry)

    def _append(self, name: str, entry: Entry) -> None:
        self._lines.write(lines_of({name: entry}))  # one write: lines of threads do not mix

    def _name(self, target: Path) -> str:
        return _name(target, self._out)

    def _fold(self) -> dict[str, Entry]:
        """Merge the journals of ended runs into the record; return it with what other runs have done."""
        entries = _read(self._folder / _RECORD)
        journals = _journals(self._folder)
        ended = [path for path in journals if _has_ended(path)]
        for path in ended:
            begun = _read(path)
            self._remove_parts(path.stem.rpartition(".")[0], begun)
            entries |= {name: entry for name, entry in begun.items() if entry.is_done or self._is_there(name)}
        if ended:
            with atomic_path(self._folder / _RECORD) as part:
                part.write_bytes(lines_of(entries))
        for path in ended:
            path.unlink()
            _running_path(path).unlink(missing_ok=True)
        for path in set(journals) - set(ended):
            entries |= _read(path)
        return entries

    def _is_there(self, name: str) -> bool:
        """Tell whether an output that was begun came to be: what takes its name later is not the run's."""
        return os.path.lexists(self._out / name)

    def _remove_parts(self, run: str, begun: Iterable[str]) -> None:
        # this process cleans up after itself, and may be writing other files; lost workers of its do not
        whose = "*-*" if run == run_name() else "*"
        for folder in {(self._out / name).parent for name in begun}:
            for part in folder.glob(f"{PART_PREFIX}{glob.escape(run)}-{whose}.part*"):
                part.unlink(missing_ok=True)


class FolderView(NotingNothing):
    """The record of one output folder, for a run that only looks. It writes nothing."""

    def __init__(self, out: Path) -> None:
        """Read the record of ``out``, which need not exist."""
        self._out, self._entries = out, read_record(out)

    def standing(self, target: Path) -> Standing:
        """See `State.standing`."""
        return _standing(target, self._entries.get(_name(target, self._out)))


def read_record(out: Path) -> dict[str, Entry]:
    """Return what the runs in a folder have noted so far, without opening it."""
    folder = out / FOLDER
    entries: dict[str, Entry] = {}
    journals = [_read(path) for path in _journals(folder)]  # first: one may be folded meanwhile
    for found in (_read(folder / _RECORD), *journals):
        entries |= found
    return entries


def _standing(target: Path, entry: Entry | None) -> Standing:
    return Standing(os.path.lexists(target), entry, _size(target) if entry else None)


def _name(target: Path, out: Path) -> str:
    return target.relative_to(out).as_posix()


def _journals(folder: Path) -> list[Path]:
    """Return the journals in a folder, the later ones last; one may be folded by another run meanwhile."""

    def modified(path: Path) -> int:
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_mtime_ns
        return 0

    return sorted(folder.glob(_JOURNALS), key=modified)


def _size(target: Path) -> int | None:
    try:
        return target.stat().st_size
    except OSError:
        return None


def _running_path(journal: Path) -> Path:
    """Return the path of the lock that a run holds as long as it lives."""
    return journal.with_suffix(".running")


def _has_ended(journal: Path) -> bool:
    lock = FileLock(_running_path(journal))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True


def _read(path: Path) -> dict[str, Entry]:
    try:
        return read_lines(path.read_bytes())
    except FileNotFoundError:
        return {}
