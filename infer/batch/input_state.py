"""Tells whether an input is still the same."""

from pathlib import Path
from typing import NamedTuple, Self


class Version(NamedTuple):
    """Identifies one version of an input."""

    size: int
    """In bytes."""
    mtime_ns: int = 0
    """0 of an object."""
    etag: str = ""
    """An object's tag, which changes with its content; a digest of a sequence of images; empty for a file."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at a file.

        Raises:
            OSError: there is none.
        """
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns)
