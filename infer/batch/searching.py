"""Work items of files, folders and globs of this machine."""

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from colorize_gan.core.files.folders import GALLERY_MARK, HINTS_SUFFIX, is_hidden, walk_files
from colorize_gan.infer.batch.work import BadInput, Selection, WorkItem

Found = Iterator[WorkItem | BadInput | str]
"""Work, what gives none, and the suffixes of files that are not images."""


def work_of_files(entry: Path, out: Path, selection: Selection) -> Found:
    """Yield the work of a file, folder or glob, inputs without any, and suffixes of non-images."""
    if os.path.isdir(entry):  # noqa: PTH112 - Path.is_dir() raises on names that are too long
        yield from _work_of_folder(entry, out, out, selection)
    elif not os.path.lexists(entry) and glob.has_magic(str(entry)):
        yield from _work_of_glob(entry, out, selection)
    else:
        yield _work_of_file(entry, Path(entry.name), out, selection)


def _work_of_file(path: Path, relative: Path, out: Path, selection: Selection) -> WorkItem | BadInput:
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists() raises on names that are too long
        return BadInput(path, "no such file or folder")
    if path.suffix.lower() not in selection.suffixes:
        known = ", ".join(sorted(selection.suffixes))
        return BadInput(path, f"not {selection.kind} type that can be colorized ({known})")
    return _item(path, out / relative, selection)


def work_of_list(paths: Sequence[Path], out: Path, selection: Selection) -> Found:
    """Do the same of files that are named one by one, below the folder that they have in common."""
    if not paths:
        yield BadInput(Path("-"), "no paths on standard input")
        return
    full = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - absolute() keeps ..
    base = os.path.commonpath([path.parent for path in full])
    for path, absolute in zip(paths, full, strict=True):
        yield _work_of_file(path, absolute.relative_to(base), out, selection)


def _work_of_glob(pattern: Path, out: Path, selection: Selection) -> Found:
    fixed = list(itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    base = Path(*fixed)
    # ** goes into no links, so that circles end
    matches = sorted(base.glob(str(Path(*pattern.parts[len(fixed) :]))))
    shown = [match for match in matches if not _is_left_out(match, base, out)]
    if not shown:
        yield BadInput(pattern, "nothing matches it")
        return
    if "**" in pattern.parts:
        yield from _not_searched(base, pattern.parts[len(fixed) : pattern.parts.index("**")])
    walked = set[Path]()
    for match in shown:  # what is in a folder comes after it
        if selection.recursive and not walked.isdisjoint(match.parents):
            continue
        relative = match.relative_to(base)
        if os.path.isdir(match):  # noqa: PTH112
            if not out.resolve().is_relative_to(match.resolve()):  # else it is refused
                walked.add(match)
            yield from _work_of_folder(match, out / relative, out, selection)
        else:
            yield from _work_of_member(match, relative, out / relative, selection)


def _not_searched(base: Path, before: Sequence[str]) -> Iterator[BadInput]:
    """Yield the folders that ``**`` goes into and cannot search, without hidden ones: pathlib says nothing.

    ``before`` are the parts of the pattern between ``base`` and the first ``**``.
    """
    errors: list[OSError] = []
    for folder in base.glob(str(Path(*before))) if before else [base]:
        for _, names, _ in os.walk(folder, onerror=errors.append):
            names[:] = [name for name in names if not is_hidden(PurePath(name))]
    yield from map(_unsearchable, errors)


def _unsearchable(error: OSError) -> BadInput:
    return BadInput(Path(error.filename), f"cannot be searched ({error.strerror})")


def _is_left_out(match: Path, base: Path, out: Path) -> bool:
    """Tell whether a match of a glob is hidden, or of a run's own making."""
    is_thumbnail = (match.parent / GALLERY_MARK).exists() or (match.parent.parent / GALLERY_MARK).exists()
    return is_hidden(match.relative_to(base)) or is_thumbnail or match.resolve().is_relative_to(out.resolve())


def _work_of_folder(folder: Path, target: Path, out: Path, selection: Selection) -> Found:
    if out.resolve().is_relative_to(folder.resolve()):
        yield BadInput(folder, f"the output folder {out} is inside it; choose one outside")
        return
    errors: list[OSError] = []
    count = 0
    for path in walk_files(folder, selection.recursive, errors):
        relative = path.relative_to(folder)
        for found in _work_of_member(path, relative, target / relative, selection):
            count += not isinstance(found, str)
            yield found
    yield from map(_unsearchable, errors)
    if not count and not errors:
        yield BadInput(
            folder,
            f"no {'matching ' if selection.is_narrow else ''}{selection.kind.split()[1]}s in this folder",
        )


def _work_of_member(path: Path, relative: Path, target: Path, selection: Selection) -> Found:
    """Yield the work for a file that was found rather than named. Other files than images are no error."""
    if path.name.endswith(HINTS_SUFFIX):
        return  # belongs to the work of its photograph
    if path.suffix.lower() not in selection.suffixes:
        yield path.suffix.lower()
    elif selection.takes(relative):
        yield _item(path, target, selection)


def _item(source: Path, target: Path, selection: Selection) -> WorkItem | BadInput:
    if not os.path.isfile(source):  # noqa: PTH113 - Path.is_file() raises on some; a pipe would keep waiting
        return BadInput(source, "not a regular file, or not to be reached")
    target = selection.renamed(target)
    if target.resolve() == source.resolve():
        return BadInput(source, "would be overwritten by its own output; choose another `out`")
    return WorkItem(source, target)
