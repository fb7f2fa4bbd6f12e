"""From the INPUTs of a command to work items: which file is read, and where its colours go."""

import codecs
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.disk import DISK
from colorize_gan.infer.batch.places import Places
from colorize_gan.infer.batch.searching import work_of_list
from colorize_gan.infer.batch.work import BadInput, Selection, Work, WorkItem

Inputs = StrPath | Iterable[StrPath | Sequence[StrPath]]
"""One input, or several; each may be a list of files, as it comes on standard input."""


def find_work(inputs: Inputs, out: StrPath, selection: Selection, places: Places = DISK) -> Work:
    """Find the images of all inputs.

    Args:
        inputs: what ``places`` knows of files, folders and globs; or lists of files. The tree below each
            folder, below the fixed part of each glob and below the common folder of each list is mirrored.
        out: folder of the targets.
        selection: what is taken of folders and globs.
        places: what knows where they may be.

    Raises:
        UsageError: two images would be written to one file, also where only the case differs.
    """
    listed: list[Path] = []
    work = Work([], [], Counter(), listed)
    out = places.path_of(out)
    for entry in _each(inputs):
        if isinstance(entry, Sequence) and not isinstance(entry, str):
            found = work_of_list([Path(path) for path in entry], out, selection)
        else:
            found = places.search(places.path_of(entry), out, selection)
        for each in found:
            if isinstance(each, WorkItem) and each.source.suffix.lower() in selection.listed:
                listed.append(each.source)
            elif isinstance(each, WorkItem):
                work.items.append(each)
            elif isinstance(each, BadInput):
                work.bad.append(each)
            else:
                work.others[each] += 1
    items = _without_collisions(work.items, work.bad, lambda path: places.place(path).real_name)
    return work._replace(items=items, bad=list(dict.fromkeys(work.bad)))


def _each(inputs: Inputs) -> Iterable[StrPath | Sequence[StrPath]]:
    return inputs if isinstance(inputs, Iterable) and not isinstance(inputs, str) else [inputs]


def read_path_list(lines: bytes) -> Sequence[Path]:
    """Return the paths that standard input names, one a line or with zero bytes between them.

    Raises:
        UsageError: it is UTF-16 or UTF-32.
    """
    lines = lines.removeprefix(codecs.BOM_UTF8)
    if lines.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise UsageError("the list on standard input is UTF-16 or UTF-32; save it as UTF-8")
    names = lines.split(b"\0") if b"\0" in lines else lines.splitlines()
    return [Path(os.fsdecode(name)) for name in names if name.strip()]


def _without_collisions(
    items: Sequence[WorkItem], bad: Sequence[BadInput], real_name: Callable[[Path], str]
) -> list[WorkItem]:
    """Drop items named twice; refuse two sources for one target, and a target that is an input."""
    inputs = {real_name(item.source) for item in items} | {real_name(entry.source) for entry in bad}
    taken: dict[str, WorkItem] = {}
    for item in items:
        if real_name(item.target) in inputs:
            raise UsageError(f"{item.source}: its output {item.target} is itself an input; use another `out`")
        # Windows and macOS see one file where only the case or the composition of accents differs
        other = taken.setdefault(unicodedata.normalize("NFC", str(item.target)).casefold(), item)
        if real_name(other.source) != real_name(item.source):
            raise UsageError(
                f"{other.source} and {item.source} would both be written to {item.target}; use two `out`"
            )
    return list(taken.values())
