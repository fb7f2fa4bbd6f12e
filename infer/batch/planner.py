"""Decides what to do about outputs that exist, and records those that a run makes. It does no other work."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from colorize_gan.core.errors import ImageError
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.places import Place, Places, free_places
from colorize_gan.infer.batch.references import NO_REFERENCES, References
from colorize_gan.infer.batch.results import NO_MEMORY, ItemResult, OnExists
from colorize_gan.infer.batch.sidecars import Sidecars
from colorize_gan.infer.batch.state import Entry, Standing, State, digest_of
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.hints import HintFile
from colorize_gan.infer.reference import ReferenceFile

_FACTS = (
    "note",
    "width",
    "height",
    "bits",
    "hints",
    "reference",
    "colorfulness",
    "max_lightness_error",
    "made_by",
)
"""Fields of `ItemResult` that the state keeps."""

_NO_SIDECARS = Sidecars("none", Path())


@dataclass(frozen=True)
class Task:
    """A work item, its places, and what is known of it before the work. Other processes may work on it."""

    item: WorkItem
    source: Place
    target: Place
    version: Version | None = None
    """Version of the input; None where it could not be read."""
    ended: ItemResult | None = None
    """How it ended where there is nothing to do."""
    hints: HintFile | None = None
    """The colours that are known, from the file beside the photograph."""
    reference: ReferenceFile | None = None
    """The file of a picture whose colours go to what looks alike."""
    settings: str = ""
    """A digest of all that decides about the output."""

    @classmethod
    def of(cls, item: WorkItem, places: Places) -> Self:
        """Return that of an item of which nothing is known yet."""
        return cls(item, places.place(item.source), places.place(item.target), item.version)

    def moved_to(self, target: Place) -> Self:
        """Return it with another target."""
        item = dataclasses.replace(self.item, target=target.path)
        return dataclasses.replace(self, item=item, target=target)


class Planner:
    """Makes tasks of work items and notes how they end, in the process that has the state. Thread-safe."""

    def __init__(
        self,
        state: State,
        places: Places,
        settings: str,
        on_exists: OnExists,
        sidecars: Sidecars = _NO_SIDECARS,
        references: References = NO_REFERENCES,
    ) -> None:
        """Prepare for a run.

        Args:
            state: knows the outputs that are there, and records those that are made.
            places: where inputs and outputs are.
            settings: a digest of all that decides about an output, but its hints and its reference.
            on_exists: what happens where there is one.
            sidecars: the hints of photographs.
            references: the pictures whose colours they get.
        """
        self._state, self._places = state, places
        self._sidecars, self._references = sidecars, references
        self._settings, self._on_exists = settings, on_exists

    def plan(self, items: Iterable[WorkItem]) -> Iterator[Task]:
        """Yield a task for each item; its output is noted as begun before it can appear."""
        waiting = iter(items)
        while tasks := [self._task(item) for item in itertools.islice(waiting, self._state.batch_ahead)]:
            try:
                begun = [task for task in tasks if not task.ended]
                self._state.start({task.item.target: task.source.full_name for task in begun})
            except OSError as error:
                yield from (task if task.ended else _failed(task, error) for task in tasks)
            else:
                yield from tasks

    def finish(self, task: Task, result: ItemResult) -> ItemResult:
        """Note how a task ended; return its result, a failure where that could not be noted."""
        if task.ended or not task.version or not result.target or result.output_size is None:
            return result
        if any(member.status == "failed" for member in result.members):
            return result  # the next run tries them again
        facts = {name: value for name in _FACTS if (value := getattr(result, name)) is not None}
        entry = Entry.of(task.version, task.settings, result.output_size, facts, task.source.full_name)
        try:
            self._state.finish(result.target, entry)
        except OSError as error:
            return failure(task.item, error)
        return result

    def _task(self, item: WorkItem) -> Task:
        task = Task.of(item, self._places)
        try:
            version = item.version or task.source.version()
            task = self._with_known_colors(
                dataclasses.replace(task, version=version, settings=self._settings)
            )
            if self._on_exists == "rename":
                return task.moved_to(next(free_places(task.target)))
            ended = None if self._on_exists == "overwrite" else self._end_of(task, version)
        except (ImageError, OSError) as error:
            return _failed(task, error)
        return dataclasses.replace(task, ended=ended)

    def _with_known_colors(self, task: Task) -> Task:
        sidecar, reference = self._sidecars.of(task.item), self._references.of(task.item)
        known = {"hints": sidecar and sidecar.digest, "reference": reference and reference.digest}
        known = {name: digest for name, digest in known.items() if digest}
        if not known:
            return task
        settings = digest_of({"settings": task.settings, **known})
        hints = sidecar.file if sidecar else None
        return dataclasses.replace(task, hints=hints, reference=reference, settings=settings)

    def _end_of(self, task: Task, version: Version) -> ItemResult | None:
        """Return how an item ends for what is there; None where its output is to be made.

        Raises:
            ImageError: what is there must not be there, or is another input's.
        """
        item = task.item
        standing = self._state.standing(item.target)
        if not standing.exists:
            return None
        if self._on_exists == "error":
            raise ImageError(f"{item.target} exists")
        if standing.is_current(version, task.settings):
            return _left(task, standing, "up to date")
        if other := standing.other_input(task.source.full_name, version):
            raise ImageError(
                f"{item.target} was made from {other}; use another `out`, or `on_exists` overwrite or rename"
            )
        if standing.is_ours:
            return None
        return _left(task, standing, f"{standing.unknown}; `on_exists` overwrite replaces it")


def _left(task: Task, standing: Standing, reason: str) -> ItemResult:
    """Return how a task ends whose output stays."""
    item = task.item
    if standing.fault:
        return ItemResult(item.source, item.target, "failed", standing.fault)
    facts = {name: standing.facts[name] for name in _FACTS if name in standing.facts}
    if task.reference and "reference" in facts:  # the same picture may have another name by now
        facts["reference"] = str(task.reference.path)
    return ItemResult(item.source, item.target, "skipped", reason, **facts)


def failure(item: WorkItem, error: Exception) -> ItemResult:
    """Return the result of an item that ended with an `ImageError`, `OSError` or `MemoryError`."""
    reason = str(error)
    if isinstance(error, OSError):
        reason = f"{error.filename or item.target}: {error.strerror or error}"
    elif isinstance(error, MemoryError):
        reason = NO_MEMORY
    return ItemResult(item.source, item.target, "failed", reason)


def _failed(task: Task, error: Exception) -> Task:
    return dataclasses.replace(task, ended=failure(task.item, error))
