"""Where a run finds the hints of its photographs: files beside them, or in a folder of their own."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.core.files.folders import HINTS_SUFFIX
from colorize_gan.infer.batch.results import HintsFrom
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.hints import MOST_BYTES, HintFile, parse_hints


@dataclass(frozen=True)
class Sidecar:
    """The hints of one photograph."""

    file: HintFile
    digest: str
    """The SHA-256 of their file."""


class Sidecars:
    """Files of hints by the photographs they belong to. Files of this machine only: objects have none."""

    def __init__(self, hints: HintsFrom, out: Path) -> None:
        """Look for them.

        Args:
            hints: where they are.
            out: folder of the targets.

        Raises:
            UsageError: no such folder.
        """
        if isinstance(hints, Path) and not hints.is_dir():
            raise UsageError(f"`hints` {hints}: no such folder")
        self._hints, self._out = hints, out

    def of(self, item: WorkItem) -> Sidecar | None:
        """Return the hints of a photograph, if it has any.

        Raises:
            ImageError: their file cannot be used.
        """
        path = self._path(item)
        content = _read(path) if path else None
        if content is None:
            return None
        return Sidecar(parse_hints(content), hashlib.sha256(content).hexdigest())

    def _path(self, item: WorkItem) -> Path | None:
        if self._hints == "none" or not isinstance(item.source, os.PathLike):  # an object is none
            return None
        name = item.source.name + HINTS_SUFFIX
        if self._hints == "auto":
            return _as_written(item.source.parent, name)
        return _as_written(self._hints, str(item.target.relative_to(self._out).with_name(name)))

    def unused(self, items: Iterable[WorkItem]) -> Iterator[Path]:
        """Yield the files of hints that belong to no photograph of the items, nor to one that is there."""
        used = {path for item in items if (path := self._path(item))}
        if self._hints == "auto":
            folders = sorted({path.parent for path in used})
            found = (path for folder in folders for path in sorted(folder.glob(f"*{HINTS_SUFFIX}")))
            found = (path for path in found if path not in used)
            yield from (path for path in found if not path.with_name(_photograph(path)).exists())
        elif self._hints != "none":
            yield from (path for path in sorted(self._hints.rglob(f"*{HINTS_SUFFIX}")) if path not in used)


def _as_written(folder: Path, name: str) -> Path:
    """Return the path of a name in a folder, its accents written as those of the file that is there."""
    forms = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
    paths = [folder / each for each in dict.fromkeys(forms)]
    return next((path for path in paths if os.path.lexists(path)), paths[0])


def _photograph(path: Path) -> str:
    return path.name.removesuffix(HINTS_SUFFIX)


def _read(path: Path) -> bytes | None:
    """Return the content of a file, None where there is none; a link could show any file of the machine."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ImageError(f"hints: {path} is no file")
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise ImageError(f"hints: {path} is a link; put the file itself there") from error
        raise ImageError(f"hints: {path} cannot be read ({error.strerror})") from error
