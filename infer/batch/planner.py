"""What a run does about outputs that are there, and its notes on those it makes: all but the work itself."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from colorize_gan.core.errors import ColorizeError, ImageError
from colorize_gan.infer.batch.folder_state import Entry, Record
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.results import NO_MEMORY, ItemResult, OnExists
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.remote.urls import is_url

_FACTS = ("note", "width", "height", "bits", "colorfulness", "max_lightness_error")
"""Fields of `ItemResult` that the record keeps."""


@dataclass(frozen=True)
class Task:
    """A work item and what is known of it before the work. Other processes may work on it."""

    item: WorkItem
    source: Version | None = None
    """Of the input; None where it could not be looked at."""
    ended: ItemResult | None = None
    """How it ended where there is nothing to do."""


class Bookkeeper:
    """Makes tasks of work items and notes how they end, in the process that has the record. Thread-safe."""

    def __init__(self, record: Record, settings: str, on_exists: OnExists) -> None:
        """Prepare for a run with ``settings``, a digest of all that decides about an output."""
        self._record, self._settings, self._on_exists = record, settings, on_exists

    def tasks(self, items: Iterable[WorkItem]) -> Iterator[Task]:
        """Yield a task for each item; its output is in the record as begun before it can appear."""
        waiting = iter(items)
        while tasks := [self._task(item) for item in itertools.islice(waiting, self._record.ahead)]:
            try:
                begun = [task.item for task in tasks if not task.ended]
                self._record.begin({item.target: _full_name(item.source) for item in begun})
            except OSError as error:
                yield from (task if task.ended else _failed(task, error) for task in tasks)
            else:
                yield from tasks

    def done(self, task: Task, result: ItemResult) -> ItemResult:
        """Note how a task ended; return its result, a failure where that could not be noted."""
        if result.status != "written" or not result.target or not task.source:
            return result
        if any(member.status == "failed" for member in result.members):
            return result  # the next run tries them again
        facts = {name: value for name in _FACTS if (value := getattr(result, name)) is not None}
        try:
            made_from = _full_name(task.item.source)
            entry = Entry.of(task.source, self._settings, result.output_size or 0, facts, made_from)
            self._record.done(result.target, entry)
        except OSError as error:
            return failure(task.item, error)
        return result

    def _task(self, item: WorkItem) -> Task:
        try:
            source = item.version or Version.of(item.source)
            reason = self._reason_to_skip(item, source)
        except (ImageError, OSError) as error:
            return _failed(Task(item), error)
        if reason:
            facts = self._record.facts(item.target)
            return Task(item, source, ItemResult(item.source, item.target, "skipped", reason, **facts))
        if self._on_exists == "rename":
            item = dataclasses.replace(item, target=next(free_names(item.target)))
        return Task(item, source)

    def _reason_to_skip(self, item: WorkItem, source: Version) -> str:
        if self._on_exists in ("overwrite", "rename") or not self._record.has(item.target):
            return ""
        if self._on_exists == "error":
            raise ImageError(f"{item.target} exists")
        if self._record.is_current(item.target, source, self._settings):
            return "up to date"
        if other := self._record.other_input(item.target, _full_name(item.source), source):
            raise ImageError(
                f"{item.target} was made from {other}; use another --out, or --on-exists overwrite or rename"
            )
        if self._record.owns(item.target):
            return ""
        return "the output exists and no run has made it; --on-exists overwrite replaces it"


def _full_name(source: Path) -> str:
    # a link of its own name stays: some point to each new content
    return str(source if is_url(source) else _without_links(source.parent.absolute()) / source.name)


@functools.lru_cache
def _without_links(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


def free_names(target: Path) -> Iterator[Path]:
    """Yield names beside ``target`` that nothing has; another run may take one before it is used."""
    names = (target.with_stem(f"{target.stem}-{number}") for number in itertools.count(1))
    return (name for name in itertools.chain([target], names) if not os.path.lexists(name))


def failure(item: WorkItem, error: Exception) -> ItemResult:
    """Return the result of an item that ended with an `ImageError`, `OSError` or `MemoryError`."""
    reason = str(error)
    if isinstance(error, OSError):
        reason = f"{error.filename or item.target}: {error.strerror or error}"
    elif isinstance(error, MemoryError):
        reason = NO_MEMORY
    setting = error.setting if isinstance(error, ColorizeError) else ""
    return ItemResult(item.source, item.target, "failed", reason, setting)


def _failed(task: Task, error: Exception) -> Task:
    return dataclasses.replace(task, ended=failure(task.item, error))
