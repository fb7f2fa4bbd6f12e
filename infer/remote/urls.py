"""URLs of object storage where a path could be; what reads and writes them comes with the extra `cloud`."""

import itertools
import os
import re
from pathlib import Path
from typing import cast

from colorize_gan.core.errors import UsageError
from colorize_gan.core.extras import packages_for
from colorize_gan.core.files.paths import StrPath

URL = re.compile(r"[a-z][a-z0-9]+://")
_LOCAL = ("file://", "local://")
_S3_TRIES = 2  # each is several of the client's: with five, a silent server holds an item for minutes
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_LOGIN = re.compile(r"://[^/]*@")


def path_of(path: StrPath) -> Path:
    """Return the path that a text names, of an URL too; what is a path stays.

    Raises:
        UsageError: see `open_url`.
    """
    if isinstance(path, str):
        return open_url(path) if URL.match(path) else Path(path)
    return cast(Path, path) if is_url(path) else Path(path)


def open_url(url: str) -> Path:
    """Return the path of an URL of fsspec: it does what a local one does, but is no `os.PathLike`.

    Raises:
        UsageError: its filesystem is not known or not installed, or it has a login.
    """
    if _LOGIN.search(url):
        raise UsageError("an URL with a login; leave that to the environment or the storage's own files")
    if url.startswith(_LOCAL):
        return Path(url.partition("://")[2])
    load_filesystems(url)
    from upath import UPath

    return cast(Path, UPath(url))


def load_filesystems(url: str) -> None:
    """Load what reads and writes an URL, and those that are sent to this process.

    Raises:
        MissingPackageError: it is not installed.
        UsageError: it is not known.
    """
    try:
        with packages_for(url):
            import upath  # noqa: F401
            from fsspec import get_filesystem_class

            for part in url.split("::"):
                filesystem = get_filesystem_class(part.partition("://")[0])
                if part.startswith("s3"):
                    filesystem.retries = _S3_TRIES
    except ValueError as error:
        raise UsageError(f"{url}: {error}") from error


def is_url(path: object) -> bool:
    """Tell the path of an URL from a local one."""
    return not isinstance(path, os.PathLike)


def expand_ranges(path: Path) -> list[Path]:
    """Return the paths that ``{000..009}`` in a path stands for, where the shell has left it as it is.

    Raises:
        UsageError: it ends before it begins.
    """
    name = str(path)
    found = _RANGE.search(name)
    if not found:
        return [path]
    first, last = found.groups()
    if int(first) > int(last):
        raise UsageError(f"{name}: {found[0]} begins behind its end; turn it around")
    numbers = range(int(first), int(last) + 1)
    names = [f"{name[: found.start()]}{number:0{len(first)}}{name[found.end() :]}" for number in numbers]
    paths = [open_url(each) if is_url(path) else Path(each) for each in names]
    return list(itertools.chain.from_iterable(map(expand_ranges, paths)))
