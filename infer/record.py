"""Which outputs are up to date: a record in the output folder that survives any way a run can end.

While a run works it appends to a journal of its own: a line before an output may appear and one after it has.
The journals of ended runs are folded into the record, so that several runs may share a folder.
"""

import contextlib
import glob
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from filelock import FileLock, Timeout

from colorize_gan.encoding import PART_PREFIX, atomic_path, run_name

FOLDER = ".colorize-batch"
"""Hidden folder in the output folder that the record is kept in."""

_RECORD, _LOCK, _JOURNALS = "record.jsonl", "lock", "*.journal"


class Version(NamedTuple):
    """What tells whether an input is still the same."""

    size: int
    """In bytes."""
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at a file.

        Raises:
            OSError: there is none.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Entry:
    """What an output was made from."""

    size: int
    """Of the input, in bytes."""
    mtime_ns: int
    """Of the input."""
    settings: str
    """Digest of the model and of all that decides about the output."""
    output_size: int
    """In bytes."""
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    """What was found out about the output: fields of `ItemResult`."""


class Record:
    """The record of one output folder, open for one run. Thread-safe."""

    ahead = 1
    """How many outputs are best begun in one call."""

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

    def is_current(self, target: Path, source: Version, settings: str) -> bool:
        """Tell whether ``target`` was made from this input with these settings, and is what was made."""
        entry = self._entries.get(self._name(target))
        if entry is None:
            return False
        try:
            size = target.stat().st_size
        except OSError:
            return False
        return entry == Entry(*source, settings, size)

    def facts(self, target: Path) -> dict[str, Any]:
        """Return what was found out about a current output."""
        entry = self._entries.get(self._name(target))
        return entry.facts if entry else {}

    def owns(self, target: Path) -> bool:
        """Tell whether ``target`` was made, or begun, by a run of this record."""
        return self._name(target) in self._entries

    def begin(self, targets: Iterable[Path]) -> None:
        """Note that ``targets`` may appear from now on.

        Raises:
            OSError: that cannot be noted.
        """
        for target in targets:
            self._append({"output": self._name(target)})

    def done(self, target: Path, size: int, source: Version, settings: str, facts: Mapping[str, Any]) -> None:
        """Note that ``target``, of ``size`` bytes, is complete, and what it was made from.

        Raises:
            OSError: that cannot be noted.
        """
        self._append({"output": self._name(target), **asdict(Entry(*source, settings, size, dict(facts)))})

    def _append(self, line: dict[str, object]) -> None:
        self._lines.write(_to_line(line))  # one write: lines of threads do not mix

    def _name(self, target: Path) -> str:
        return target.relative_to(self._out).as_posix()

    def _fold(self) -> dict[str, Entry | None]:
        """Merge the journals of ended runs into the record.

        Returns:
            The record and what other runs have done so far; None stands for an output that was begun.
        """
        entries = _read(self._folder / _RECORD)
        journals = sorted(self._folder.glob(_JOURNALS), key=lambda path: path.stat().st_mtime_ns)
        ended = [path for path in journals if _has_ended(path)]
        for path in ended:
            begun = _read(path)
            self._remove_parts(path.stem.rpartition(".")[0], begun)
            entries |= {name: entry for name, entry in begun.items() if entry or self._is_there(name)}
        if ended:
            with atomic_path(self._folder / _RECORD) as part:
                part.write_bytes(b"".join(map(_entry_line, sorted(entries.items()))))
        for path in ended:
            path.unlink()
            _running_path(path).unlink(missing_ok=True)
        for path in set(journals) - set(ended):
            entries |= _read(path)
        return entries

    def _is_there(self, name: str) -> bool:
        """Tell whether an output that was begun came to be: what takes its name later is not the run's."""
        return os.path.lexists(self._out / name)

    def _remove_parts(self, run: str, begun: dict[str, Entry | None]) -> None:
        if run == run_name():  # which cleans up after itself, and may be writing other files
            return
        for folder in {(self._out / name).parent for name in begun}:
            for part in folder.glob(f"{PART_PREFIX}{glob.escape(run)}-*.part*"):
                part.unlink(missing_ok=True)


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


def _read(path: Path) -> dict[str, Entry | None]:
    """Read a record or journal; a line that was cut short, or is of another version, counts as begun."""
    entries: dict[str, Entry | None] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            values = json.loads(line)
            name = values.pop("output")
            entries[name] = Entry(**values) if values else None
    return entries


def _entry_line(item: tuple[str, Entry | None]) -> bytes:
    name, entry = item
    return _to_line({"output": name, **(asdict(entry) if entry else {})})


def _to_line(values: dict[str, object]) -> bytes:
    return json.dumps(values).encode() + b"\n"
