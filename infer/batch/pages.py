"""The files that a run reads and writes beside its inputs and outputs: none may take the place of another."""

import itertools
import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.batch.work import Work


def check_pages(
    work: Work, pages: Iterable[Path], thumbnails: Path | None = None, kept: Collection[Path] = ()
) -> None:
    """Refuse a report, gallery or comparison that would take the place of an input, an output or another one.

    Args:
        work: of the run.
        pages: what it reads and writes beside its inputs and outputs.
        thumbnails: folder of a gallery, which is replaced in whole.
        kept: files and folders that it reads, such as hints and references.

    Raises:
        UsageError: that, or there is something that is not a file.
    """
    paths = [path.resolve() for path in pages]
    pictures = (
        {path.resolve() for item in work.items for path in (item.source, item.target)} if paths else set()
    )
    for path, beside in itertools.product(paths, kept):
        if path.is_relative_to(beside.resolve()):
            raise UsageError(f"{path}: the run reads {beside}; give `report` and `gallery` names elsewhere")
    for path, count in Counter(paths).items():
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a regular file; what is there would be replaced")
        if path in pictures or count > 1:
            raise UsageError(
                f"{path}: `report`, `gallery`, `scenes`, `hints`, `reference` and `compare` need names of "
                "their own"
            )
    replaced = thumbnails.resolve() if thumbnails else None
    kept_files = {path.resolve() for path in kept}
    if replaced and any(path.is_relative_to(replaced) for path in pictures | kept_files):
        raise UsageError(f"{thumbnails}: the gallery's thumbnails replace this folder; use another `gallery`")


def check_reference(work: Work, reference: Path | None) -> None:
    """Refuse a reference that an output would replace, and a folder of references that has an input in it.

    Raises:
        UsageError: it is one of these.
    """
    if reference is None:
        return
    is_folder, real = reference.is_dir(), os.path.realpath(reference)
    for item in work.items:
        if _is_within(item.target, real):
            raise UsageError(
                f"`reference` {reference}: {item.target} would be written there; use another `out`"
            )
        if is_folder and _is_within(item.source, real):
            raise UsageError(f"`reference` {reference}: {item.source} is an input; keep references elsewhere")


def _is_within(path: Path, folder: str) -> bool:
    """Tell whether a path is a folder without links, or in it; an object is in none."""
    return isinstance(path, os.PathLike) and Path(os.path.realpath(path)).is_relative_to(folder)
