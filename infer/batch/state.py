"""The record of existing outputs: the questions of the planner, and the lines that answer them."""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from colorize_gan.infer.batch.input_state import Version

_UNKNOWN = -1


@dataclass(frozen=True)
class Entry:
    """The input that an output was made from. If that is not known, the input that it was begun from."""

    size: int = _UNKNOWN
    """Size of the input, in bytes."""
    mtime_ns: int = 0
    """Modification time of the input."""
    settings: str = ""
    """Digest of the model and of all that decides about the output."""
    output_size: int = 0
    """In bytes."""
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    """Facts about the output: fields of `ItemResult`."""
    etag: str = ""
    """ETag of the input; empty for a file."""
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
        """True if the output is complete."""
        return self.size != _UNKNOWN


_DEFAULTS = asdict(Entry())


@dataclass(frozen=True)
class Standing:
    """How it stands with one output before a run."""

    exists: bool
    """True if something has its name."""
    entry: Entry | None = None
    """The record of it; None if no run has made or begun it."""
    size: int | None = None
    """In bytes, where it is there and was noted."""
    fault: str = ""
    """The fault in it that making it again would not mend."""
    unknown: str = "the output exists and no run has made it"
    """The reason to give if nothing is recorded."""

    @property
    def is_ours(self) -> bool:
        """True if a run has made or begun it."""
        return self.entry is not None

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts about it: fields of `ItemResult`."""
        return self.entry.facts if self.entry else {}

    def is_current(self, source: Version, settings: str) -> bool:
        """Tell whether it was made from this input with these settings, and is what was made."""
        return self.size is not None and self.entry == Entry.of(source, settings, self.size, {})

    def other_input(self, made_from: str, source: Version) -> str:
        """Return the input that it was made from, if it is not this one; else an empty text.

        One that was moved and did not change is the same.
        """
        entry = self.entry
        return entry.made_from if entry and made_from != entry.made_from and source != entry.source else ""


class State(Protocol):
    """The record of the outputs of earlier runs in one place; open for one run. Thread-safe.

    The planner alone asks it. So up to date, ours and resumed mean the same wherever outputs are.
    """

    @property
    def batch_ahead(self) -> int:
        """How many outputs are best begun in one call."""

    def standing(self, target: Path) -> Standing:
        """Tell how it stands with an output."""

    def start(self, inputs: Mapping[Path, str]) -> None:
        """Note that outputs may appear from now on, each made from the input of that full path or URL.

        Raises:
            OSError: that cannot be noted.
        """

    def finish(self, target: Path, entry: Entry) -> None:
        """Note that ``target`` is complete, and what it was made from.

        Raises:
            OSError: that cannot be noted.
        """

    def close(self) -> None:
        """End; what could not be put in order, the next run does."""


class NotingNothing:
    """The part of a `State` that notes nothing: for a run without a record, and for one that only looks."""

    batch_ahead = 1

    def start(self, inputs: Mapping[Path, str]) -> None:
        """Note nothing."""

    def finish(self, target: Path, entry: Entry) -> None:
        """Note nothing."""

    def close(self) -> None:
        """End."""


def usual_backend(entries: Mapping[str, Entry], model: str) -> str:
    """Return the backend that made most of the outputs of a model; empty where none is known.

    Args:
        entries: the record of the outputs.
        model: digest of the model's file.
    """
    makers = (str(entry.facts.get("made_by", "")).partition(":") for entry in entries.values())
    known = Counter(backend for backend, _, digest in makers if digest and model.startswith(digest))
    return next((backend for backend, _ in known.most_common(1)), "")


def digest_of(settings: Mapping[str, Any]) -> str:
    """Return a digest of all that decides about an output, as JSON has it."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


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
