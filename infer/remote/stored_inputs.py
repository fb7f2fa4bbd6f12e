"""Work items of URLs: as those of folders, files and globs, from one listing."""

from pathlib import Path, PurePosixPath

from colorize_gan.core.files.folders import is_hidden
from colorize_gan.infer.batch.searching import Found
from colorize_gan.infer.batch.work import BadInput, Selection, WorkItem
from colorize_gan.infer.remote.storage import Info, list_objects, version_of


def work_of_url(url: Path, out: Path, selection: Selection) -> Found:
    """Yield work, what gives none, and the suffixes of objects that are not images."""
    if url in (out, *out.parents):
        yield BadInput(url, f"the output folder {out} is inside it; choose one outside")
        return
    try:
        base, found = list_objects(url)
    except OSError as error:
        yield BadInput(url, error.strerror or "cannot be listed")
        return
    if "" in found:
        yield _work_of_object(url, url.name, out, found[""], selection)
        return
    below, own = f"{str(base).rstrip('/')}/", f"{str(out).rstrip('/')}/"
    names = [name for name in found if not (below + name).startswith(own)]
    names = [name for name in names if _is_odd(name) or not is_hidden(PurePosixPath(name))]
    if not selection.recursive and base == url:
        names = [name for name in names if "/" not in name]
    count = 0
    for name in names:
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in selection.suffixes:
            yield suffix
        elif selection.takes(PurePosixPath(name)):
            count += 1
            yield _work_of_member(base, name, out, found[name], selection)
    if not count:
        yield BadInput(url, f"no {selection.kind.split()[1]}s are there, or match")


def _work_of_object(url: Path, name: str, out: Path, info: Info, selection: Selection) -> WorkItem | BadInput:
    if url.suffix.lower() in selection.suffixes:
        return WorkItem(url, selection.renamed(out / name), version_of(info))
    known = ", ".join(sorted(selection.suffixes))
    return BadInput(url, f"not {selection.kind} type that can be colorized ({known})")


def _work_of_member(
    base: Path, name: str, out: Path, info: Info, selection: Selection
) -> WorkItem | BadInput:
    if _is_odd(name):
        return BadInput(base, f"holds {name!r}, a name that no folder or URL can have")
    return WorkItem(base / name, selection.renamed(out / name), version_of(info))


def _is_odd(name: str) -> bool:
    """Tell whether a name would lead out of the output folder, or to another name there."""
    return "::" in name or bool({"", ".", ".."} & set(name.split("/")))
