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
from typing import Any, Self

from filelock import FileLock, Timeout

from colorize_gan.core.files.atomic import PART_PREFIX, atomic_path, run_name
from colorize_gan.infer.batch.input_state import Version

FOLDER = ".colorize-batch"
"""Hidden folder in the output folder that the record is kept in."""

_UNKNOWN = -1
_RECORD, _LOCK, _JOURNALS = "record.jsonl", "lock", "*.journal"


@dataclass(frozen=True)
class Entry:
    """What an output was made from, or, where that is all that is known, what it was begun from."""

    size: int = _UNKNOWN
    """Of the input, in bytes."""
    mtime_ns: int = 0
    """Of the input."""
    settings: str = ""
    """Digest of the model and of all that decides about the output."""
    output_size: int = 0
    """In bytes."""
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    """What was found out about the output: fields of `ItemResult`."""
    etag: str = ""
    """Of the input; empty of a file."""
    made_from: str = field(default="", compare=False)
    """Full path or URL of the input."""

    @classmethod
    def of(
        cls, source: Version, settings: str, size: int, facts: Mapping[str, Any], made_from: str = ""
    ) -> Self:
        """Return the entry of an output of ``size`` bytes."""
        return cls(source.size, source.mtime_ns, settings, size, dict(facts), source.etag, made_from)

    @property
    def source(self) -> Version:
        """The input, as it was."""
        return Version(self.size, self.mtime_ns, self.etag)

    @property
    def is_done(self) -> bool:
        """Whether the output is complete."""
        return self.size != _UNKNOWN


_DEFAULTS = asdict(Entry())


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
        size = self._size(target) if entry else None
        return size is not None and entry == Entry.of(source, settings, size, {})

    def has(self, target: Path) -> bool:
        """Tell whether there is something of that name."""
        return os.path.lexists(target)

    def facts(self, target: Path) -> dict[str, Any]:
        """Return what was found out about a current output."""
        entry = self._entries.get(self._name(target))
        return entry.facts if entry else {}

    def owns(self, target: Path) -> bool:
        """Tell whether ``target`` was made, or begun, by a run of this record."""
        return self._name(target) in self._entries

    def other_input(self, target: Path, made_from: str, source: Version) -> str:
        """Return the input that ``target`` was made from, if it is not this one; else an empty text.

        One that was moved and did not change is the same.
        """
        entry = self._entries.get(self._name(target))
        return entry.made_from if entry and made_from != entry.made_from and source != entry.source else ""

    def begin(self, inputs: Mapping[Path, str]) -> None:
        """Note that outputs may appear from now on, each made from the input of that full path or URL.

        Raises:
            OSError: that cannot be noted.
        """
        for target, made_from in inputs.items():
            self._append(self._name(target), Entry(made_from=made_from))

    def done(self, target: Path, entry: Entry) -> None:
        """Note that ``target`` is complete, and what it was made from.

        Raises:
            OSError: that cannot be noted.
        """
        self._append(self._name(target), entry)

    def _append(self, name: str, entry: Entry) -> None:
        self._lines.write(lines_of({name: entry}))  # one write: lines of threads do not mix

    def _size(self, target: Path) -> int | None:
        try:
            return target.stat().st_size
        except OSError:
            return None

    def _name(self, target: Path) -> str:
        return target.relative_to(self._out).as_posix()

    def _fold(self) -> dict[str, Entry]:
        """Merge the journals of ended runs into the record; return it with what other runs have done."""
        entries = _read(self._folder / _RECORD)
        journals = sorted(self._folder.glob(_JOURNALS), key=lambda path: path.stat().st_mtime_ns)
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


def read_lines(lines: bytes) -> dict[str, Entry]:
    """Read lines of outputs; one of another version counts as begun, one that was cut short as none."""
    entries: dict[str, Entry] = {}
    for line in lines.splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            values = json.loads(line)
            name = values.pop("output")
            entries[name] = Entry()
            entries[name] = Entry(**values)
    return entries


def lines_of(entries: Mapping[str, Entry]) -> bytes:
    """Return a line for each output, sorted."""
    return b"".join(_line(name, entries[name]) for name in sorted(entries))


def _line(name: str, entry: Entry) -> bytes:
    values = {key: value for key, value in asdict(entry).items() if value != _DEFAULTS[key]}
    return json.dumps({"output": name, **values}).encode() + b"\n"
