"""From the INPUTs of a command to work items: which file is read, and where its colours go."""

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorize_gan.errors import UsageError
from colorize_gan.images import SUFFIXES


@dataclass(frozen=True)
class WorkItem:
    """One image to read and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class BadInput:
    """An INPUT that gives no work, and why."""

    source: Path
    reason: str


@dataclass(frozen=True)
class Selection:
    """Which files below a folder are taken, and how their targets are named."""

    recursive: bool = True
    include: Sequence[str] = ()
    """Globs on the path below the input folder or the file name, whatever the case; empty for all."""
    exclude: Sequence[str] = ()
    suffix: str | None = None
    """Suffix of the targets, with its dot; None to keep each source's."""

    @property
    def is_narrow(self) -> bool:
        """Tell whether there are globs."""
        return bool(self.include or self.exclude)

    def takes(self, relative: Path) -> bool:
        """Tell whether a path below an input folder is chosen."""
        included = not self.include or _matches(relative, self.include)
        return included and not _matches(relative, self.exclude)


def find_work(
    inputs: Iterable[Path], out: Path, selection: Selection
) -> tuple[list[WorkItem], list[BadInput]]:
    """Find the images of all inputs; each folder's tree is mirrored below ``out``.

    Raises:
        UsageError: two images would be written to one file, also where only the case differs.
    """
    items: list[WorkItem] = []
    bad: list[BadInput] = []
    for entry in inputs:
        for found in _work_of(entry, out, selection):
            if isinstance(found, WorkItem):
                items.append(found)
            else:
                bad.append(found)
    return _without_collisions(items), bad


def _work_of(entry: Path, out: Path, selection: Selection) -> Iterator[WorkItem | BadInput]:
    if entry.is_dir():
        yield from _work_of_folder(entry, out, selection)
    elif not entry.exists():
        yield BadInput(entry, "no such file or folder")
    elif entry.suffix.lower() not in SUFFIXES:
        yield BadInput(entry, f"not an image type that can be colorized ({', '.join(sorted(SUFFIXES))})")
    else:
        yield _item(entry, Path(entry.name), out, selection)


def _work_of_folder(folder: Path, out: Path, selection: Selection) -> Iterator[WorkItem | BadInput]:
    if out.resolve().is_relative_to(folder.resolve()):
        yield BadInput(folder, f"the output folder {out} is inside it; choose one outside")
        return
    errors: list[OSError] = []
    count = 0
    for relative in _walk(folder, selection.recursive, errors):
        if relative.suffix.lower() in SUFFIXES and selection.takes(relative):
            count += 1
            yield _item(folder / relative, relative, out, selection)
    for error in errors:
        yield BadInput(Path(error.filename), f"cannot be searched ({error.strerror})")
    if not count and not errors:
        yield BadInput(folder, f"no {'matching ' if selection.is_narrow else ''}images in this folder")


def _walk(folder: Path, recursive: bool, errors: list[OSError]) -> Iterator[Path]:
    """Yield the paths of files relative to ``folder``, sorted, without hidden files and folders."""
    for parent, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(parent, name).relative_to(folder)


def _item(source: Path, relative: Path, out: Path, selection: Selection) -> WorkItem | BadInput:
    if not source.is_file():  # a pipe would keep the run waiting
        return BadInput(source, "not a regular file")
    target = out / relative
    if selection.suffix is not None:
        target = target.with_suffix(selection.suffix)
    if target.resolve() == source.resolve():
        return BadInput(source, "would be overwritten by its own output; choose another --out")
    return WorkItem(source, target)


def _matches(relative: Path, patterns: Sequence[str]) -> bool:
    names = (relative.as_posix(), relative.name)
    return any(
        fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns for name in names
    )


def _without_collisions(items: Iterable[WorkItem]) -> list[WorkItem]:
    """Drop items named twice; refuse two sources for one target."""
    taken: dict[str, WorkItem] = {}
    for item in items:
        # Windows and macOS see one file where only the case differs
        other = taken.setdefault(str(item.target).casefold(), item)
        if other.source.resolve() != item.source.resolve():
            raise UsageError(
                f"{other.source} and {item.source} would both be written to {item.target}; use two --out"
            )
    return list(taken.values())
