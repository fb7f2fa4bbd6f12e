"""Which files of a folder are pictures, and which are nobody's."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from colorize_gan.core.errors import DataError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.images.formats import SUFFIXES

GALLERY_MARK = ".colorize-gallery"
"""File in a folder of thumbnails, which are nobody's pictures."""

HINTS_SUFFIX = ".hints.json"
"""Follows the whole name of a photograph: `old.jpg` has its hints in `old.jpg.hints.json`."""

_log = logging.getLogger(__name__)
_SYSTEM = ("thumbs.db", "desktop.ini")


def find_images(folder: StrPath) -> list[Path]:
    """Return all image files below ``folder``, sorted, hidden ones left out.

    Folders that cannot be searched, as the lost+found of a disk, are logged.

    Raises:
        DataError: there are none, or no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    errors: list[OSError] = []
    files = walk_files(folder, recursive=True, errors=errors)
    found = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    for error in errors:
        _log.warning("%s: cannot be searched (%s)", error.filename, error.strerror)
    if not found:
        raise DataError(f"{folder}: no images ({', '.join(sorted(SUFFIXES))}) in it")
    return found


def walk_files(folder: Path, recursive: bool, errors: list[OSError]) -> Iterator[Path]:
    """Yield the files below ``folder``, sorted, without hidden and system ones; ``errors`` gets what fails.

    Links to folders come last, and each folder once: circles end, and a link to what is there anyway adds
    nothing.
    """
    waiting, seen = [folder], set[str]()
    links: list[Path] = []
    while waiting or links:
        current = waiting.pop(0) if waiting else links.pop(0)
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        try:
            names = sorted(os.listdir(current))  # noqa: PTH208 - iterdir() gives paths, which are slow
        except OSError as error:
            errors.append(error)
            continue
        if GALLERY_MARK in names:
            continue
        paths = [current / name for name in names if not is_hidden(Path(name))]
        folders = {path: path.is_symlink() for path in paths if os.path.isdir(path)}  # noqa: PTH112
        yield from (path for path in paths if path not in folders)
        if recursive:
            waiting[:0] = [path for path, is_link in folders.items() if not is_link]
            links += [path for path, is_link in folders.items() if is_link]


def is_hidden(relative: PurePath) -> bool:
    """Tell whether a path below a folder is a hidden or a system one."""
    return any(part.startswith(".") or part.lower() in _SYSTEM for part in relative.parts)
