"""Which files of a folder are pictures, and which are nobody's."""

from pathlib import Path, PurePath

from colorize_gan.errors import DataError
from colorize_gan.suffixes import SUFFIXES

_SYSTEM = ("thumbs.db", "desktop.ini")


def find_images(folder: Path) -> list[Path]:
    """Return all image files below ``folder``, sorted, hidden ones left out.

    Raises:
        DataError: there are none.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not is_hidden(path.relative_to(folder))
        and not path.is_dir()  # what cannot be read is said later
    )
    if not found:
        raise DataError(f"{folder}: no images ({', '.join(sorted(SUFFIXES))}) in it")
    return found


def is_hidden(relative: PurePath) -> bool:
    """Tell whether a path below a folder is a hidden or a system one."""
    return any(part.startswith(".") or part.lower() in _SYSTEM for part in relative.parts)
