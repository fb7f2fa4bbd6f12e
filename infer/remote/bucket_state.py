"""The record of outputs in object storage, where nothing can be appended to, renamed or locked.

A run writes objects of lines: what it is about to begin, many at a time, and now and then what is done. No
object is ever changed, and each is read and written again in another one before it is deleted. So whoever
deletes it, at any time, loses nothing; and a line that is out of date makes an output again, no more.
"""

import contextlib
import itertools
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from colorize_gan.core.files.atomic import run_name
from colorize_gan.infer.batch.folder_state import FOLDER
from colorize_gan.infer.batch.state import Entry, NotingNothing, Standing, lines_of, read_lines
from colorize_gan.infer.remote.storage import (
    TIMES,
    Info,
    delete_objects,
    is_there,
    list_objects,
    read_objects,
    write_object,
)

_LINES, _SECONDS = 256, 30  # a killed run does again what was done since the last object of lines
_TRIES = 5


class BucketState:
    """The record of one URL, open for one run. Thread-safe."""

    batch_ahead = _LINES

    def __init__(self, out: Path) -> None:
        """Open the record of ``out``, and see whether it can be written.

        Raises:
            OSError: it cannot.
        """
        self._out, self._folder = out, out / FOLDER
        run = f"{run_name()}.{secrets.token_hex(4)}"
        self._names = (f"{run}.{number:06}.jsonl" for number in itertools.count())
        self._guard = threading.Lock()
        self._own: dict[str, Entry] = {}
        self._written, self._waiting = list[str](), dict[str, Entry]()
        self._flushed = time.monotonic()
        for tries_left in reversed(range(_TRIES)):
            try:
                self._sizes, self._entries = self._merge()
                break
            except FileNotFoundError:  # another run has merged the same objects meanwhile
                if not tries_left:
                    raise

    def _merge(self) -> tuple[dict[str, int], dict[str, Entry]]:
        """Read all objects of lines and make one of them; return the sizes of the outputs, and the lines."""
        lines, sizes = _listed(self._out)
        entries = _read(self._out, lines)
        self._write(entries)
        with contextlib.suppress(OSError):
            delete_objects(self._out, list(lines))
        return sizes, entries

    def close(self) -> None:
        """Make one object of this run's; where that fails, the next run does."""
        begun = [name for name, entry in self._own.items() if not entry.is_done and name not in self._sizes]
        entries = self._entries | self._own
        with contextlib.suppress(OSError):  # what cannot be looked at stays begun
            for name in begun:
                if not is_there(self._out / name):  # one may be, although its writing seemed to fail
                    del entries[name]
        with contextlib.suppress(OSError):
            written = list(self._written)
            self._write(entries)
            delete_objects(self._folder, written)

    def standing(self, target: Path) -> Standing:
        """See `State.standing`: what was there when this was opened."""
        return _standing(self._name(target), self._sizes, self._entries)

    def start(self, inputs: Mapping[Path, str]) -> None:
        """See `State.start`."""
        begun = {self._name(target): Entry(made_from=made_from) for target, made_from in inputs.items()}
        with self._guard:
            if begun:
                self._write(begun)
            self._own |= begun

    def finish(self, target: Path, entry: Entry) -> None:
        """See `State.finish`: the note is written with many, or when the last is old."""
        with self._guard:
            self._own[self._name(target)] = self._waiting[self._name(target)] = entry
            if len(self._waiting) >= _LINES or time.monotonic() - self._flushed > _SECONDS:
                self._write(self._waiting)
                self._waiting, self._flushed = {}, time.monotonic()

    def _write(self, entries: Mapping[str, Entry]) -> None:
        name = next(self._names)
        write_object(self._folder / name, lines_of(entries))
        self._written.append(name)

    def _name(self, target: Path) -> str:
        return _name(target, self._out)


class BucketView(NotingNothing):
    """The record of one URL, for a run that only looks. It writes nothing."""

    def __init__(self, out: Path) -> None:
        """List what is below ``out``, and read the record.

        Raises:
            OSError: it cannot be listed or read.
        """
        self._out = out
        try:
            _, self._sizes = _listed(out)
        except FileNotFoundError:  # the first output makes it
            self._sizes = {}
        self._entries = read_record(out)

    def standing(self, target: Path) -> Standing:
        """See `State.standing`: what was there when this was opened."""
        return _standing(_name(target, self._out), self._sizes, self._entries)


def read_record(out: Path) -> dict[str, Entry]:
    """Return what the runs below a URL have noted so far, without opening it.

    Raises:
        OSError: it cannot be read.
    """
    folder = out / FOLDER
    try:
        _, found = list_objects(folder)
        return _read(folder, found)
    except FileNotFoundError:  # there is none, or another run has merged it meanwhile
        return {}
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out)) from error


def _listed(out: Path) -> tuple[dict[str, Info], dict[str, int]]:
    """Return the objects of lines below a URL, and the sizes of all others."""
    _, found = list_objects(out)
    lines = {name: info for name, info in found.items() if name.startswith(f"{FOLDER}/")}
    return lines, {name: info["size"] for name, info in found.items() if name not in lines}


def _standing(name: str, sizes: Mapping[str, int], entries: Mapping[str, Entry]) -> Standing:
    return Standing(name in sizes, entries.get(name), sizes.get(name))


def _name(target: Path, out: Path) -> str:
    return str(target).removeprefix(str(out).rstrip("/") + "/")


def _read(folder: Path, found: Mapping[str, Info]) -> dict[str, Entry]:
    """Return the lines in objects, the later ones in the place of the earlier."""

    def written(name: str) -> tuple[object, str]:
        return next((found[name][key] for key in TIMES if found[name].get(key)), ""), name

    entries: dict[str, Entry] = {}
    for content in read_objects(folder, sorted(found, key=written)):
        entries |= read_lines(content)
    return entries
