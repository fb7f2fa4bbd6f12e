"""Reading, writing and listing objects of any fsspec filesystem, by the paths of `open_url`."""

import contextlib
import errno
import glob
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from colorize_gan.core.errors import ImageError
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.results import UNREACHABLE
from colorize_gan.infer.remote.urls import open_url

Info = Mapping[str, Any]
"""A filesystem's description of an object; the keys differ."""
TIMES = (
    "LastModified",
    "last_modified",
    "updated",
    "modified",
    "modificationTime",
    "mtime",
    "created",
    "creation_time",
)
"""The keys of filesystems for the time of an object, the last change first."""

_VERSIONS = ("ETag", "etag", "md5Hash", "CRC", *TIMES)
"""The keys of filesystems for a value that changes when an object does, the best first."""


@contextlib.contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    """Turn what a filesystem raises into an `OSError` with the name of the object and a reason."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such object or bucket", str(path)) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, "access denied", str(path)) from error
    except Exception as error:  # each filesystem has those of the libraries below it
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(errno.EIO, f"{UNREACHABLE}: {reason}", str(path)) from error


def list_objects(url: Path) -> tuple[Path, dict[str, Info]]:
    """Find objects in one listing.

    Args:
        url: of one object, of all below a prefix, or, where there is nothing of that name, a glob.

    Returns:
        The prefix, or the fixed part of the glob, and what is below it by its name there, sorted; one
        object is below itself, as "".

    Raises:
        OSError: they cannot be listed.
    """
    with _errors_named(url):
        fs, path = _parts(url)
        fs.invalidate_cache()
        found = _find(fs, path)
        if found or not glob.has_magic(path):
            return url, _names_below(path, found)
        fixed = itertools.takewhile(lambda part: not glob.has_magic(part), path.split("/"))
        base = "/".join(fixed)
        _, colon, archive = str(url).partition("::")
        root = open_url(f"{str(url).partition('://')[0]}://{base}{colon}{archive}")
        return root, _names_below(base, fs.glob(path, detail=True))


def _find(fs: Any, path: str) -> Mapping[str, Info]:
    try:
        found: Mapping[str, Info] = fs.find(path, detail=True)
    except FileNotFoundError:
        if not glob.has_magic(path):
            raise
        return {}
    return found


def _names_below(base: str, found: Mapping[str, Info]) -> dict[str, Info]:
    length = len(base.rstrip("/"))
    files = {name: info for name, info in found.items() if info["type"] == "file"}
    return {name[length:].removeprefix("/"): files[name] for name in sorted(files)}


def is_there(path: Path) -> bool:
    """Tell whether there is an object of that name.

    Raises:
        OSError: it cannot be told.
    """
    with _errors_named(path):
        fs, name = _parts(path)
        fs.invalidate_cache()
        return bool(fs.exists(name))


def look_at(url: Path) -> Info:
    """Return what the filesystem says of an object.

    Raises:
        OSError: there is none, or it cannot be told.
    """
    with _errors_named(url):
        fs, path = _parts(url)
        fs.invalidate_cache()
        info: Info = fs.info(path)
        return info


def version_of(info: Info) -> Version:
    """Return what tells whether an object is still the same."""
    changes = next((info[key] for key in _VERSIONS if info.get(key)), "")
    return Version(info["size"], etag=str(changes).strip('"'))


def read_object(source: Path) -> bytes:
    """Return the bytes of an object.

    Raises:
        ImageError: it cannot be read, or is empty.
    """
    try:
        with _errors_named(source):
            fs, path = _parts(source)
            content: bytes = fs.cat_file(path)
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from error
    if not content:
        raise ImageError("the file is empty")
    return content


def write_object(target: Path, content: bytes) -> None:
    """Write an object: it appears when it is complete.

    Raises:
        OSError: it cannot be written.
    """
    with _errors_named(target):
        fs, path = _parts(target)
        fs.pipe_file(path, content)


@contextlib.contextmanager
def copy_to_read(source: Path) -> Iterator[Path]:
    """Yield the path of a copy of an object for the time of the block.

    Raises:
        OSError: it cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "input"
        with _errors_named(source):
            fs, path = _parts(source)
            fs.get_file(path, str(copy))
        yield copy


@contextlib.contextmanager
def file_to_write(target: Path) -> Iterator[Path]:
    """Yield the path of a file that becomes an object after the block, not after an error.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / target.name
        yield part
        with _errors_named(target):
            fs, path = _parts(target)
            fs.put_file(str(part), path)


def read_objects(folder: Path, names: Sequence[str]) -> list[bytes]:
    """Return the contents of objects, read side by side.

    Raises:
        OSError: one cannot be read.
    """
    with _errors_named(folder):
        fs, path = _parts(folder)
        paths = [f"{path.rstrip('/')}/{name}" for name in names]
        contents = fs.cat_ranges(paths, [None] * len(paths), [None] * len(paths), on_error="raise")
        return list(contents)


def delete_objects(folder: Path, names: Sequence[str]) -> None:
    """Delete objects as far as they are there.

    Raises:
        OSError: they cannot be deleted.
    """
    with _errors_named(folder):
        fs, path = _parts(folder)
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                fs.rm_file(f"{path.rstrip('/')}/{name}")


def _parts(url: Path) -> tuple[Any, str]:
    opened: Any = url
    return opened.fs, opened.path
