"""Sequences of numbered images: their names, and which numbers there are."""

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colorize_gan.core.errors import VideoError
from colorize_gan.core.images.formats import SUFFIXES
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.video.options import Transfer

STILL_SUFFIXES = SUFFIXES | {".dpx"}
"""Lower-case suffixes of the images that sequences are made of."""

_PLACE = re.compile(r"%(?:0(\d+))?d")
_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)$")
_NAMED_HOLES = 3  # in a message


def is_sequence(path: Path) -> bool:
    """Tell whether a path is the pattern of a sequence, as ``scan_%06d.tif``: it names one number."""
    return len(_PLACE.findall(path.name)) == 1 and path.suffix.lower() in STILL_SUFFIXES


@dataclass(frozen=True)
class Stills:
    """The images of a sequence."""

    pattern: Path
    numbers: tuple[int, ...]
    """Without a hole."""
    transfer: Transfer | None = None
    """How their samples are read; None for what they tell."""

    @classmethod
    def find(cls, pattern: Path, transfer: Transfer | None = None) -> "Stills":
        """Find the images of a pattern.

        Raises:
            VideoError: there are none, or some are missing.
        """
        numbers = sorted(_numbers(pattern))
        if not numbers:
            raise VideoError("no image has such a name")
        if holes := list(_holes(numbers)):
            raise VideoError(_holed(pattern, holes))
        return cls(pattern, tuple(numbers), transfer)

    @property
    def paths(self) -> list[Path]:
        """The images in order."""
        return [path_of(self.pattern, number) for number in self.numbers]

    def version(self) -> Version:
        """Return what tells whether they are still the same.

        Raises:
            OSError: an image cannot be looked at.
        """
        versions = [Version.of(path) for path in self.paths]
        # an image in the place of another may have its size, and an older time than the latest
        digest = hashlib.sha256(repr((self.numbers, versions)).encode()).hexdigest()
        size, changed = sum(one.size for one in versions), max(one.mtime_ns for one in versions)
        return Version(size, changed, digest)


def path_of(pattern: Path, number: int) -> Path:
    """Return the path of an image of a sequence."""
    return pattern.with_name(_PLACE.sub(lambda place: f"{number:0{place[1] or 0}d}", pattern.name))


def pattern_in(folder: Path) -> Path:
    """Return the pattern of the images in a folder.

    Raises:
        VideoError: there are none, or those of several sequences.
    """
    images = [path.name for path in folder.iterdir() if path.suffix.lower() in STILL_SUFFIXES]
    found = [match for name in images if not name.startswith(".") and (match := _NUMBERED.match(name))]
    names = Counter((match[1], match[3]) for match in found)
    if not names:
        raise VideoError("no numbered images are in it")
    if len(names) > 1:
        kinds = ", ".join(f"{start}*{end}" for start, end in sorted(names))
        raise VideoError(f"several sequences are in it ({kinds}); name one by its pattern, as scan_%06d.tif")
    [(start, end)] = names
    digits = {len(match[2]) for match in found}
    place = f"%0{min(digits)}d" if min(digits) > 1 else "%d"
    return folder / f"{start}{place}{end}"


def _numbers(pattern: Path) -> Iterator[int]:
    start, end = (
        re.escape(part) for part in re.split(_PLACE.pattern.replace("(\\d+)", "\\d+"), pattern.name)
    )
    name = re.compile(f"{start}(\\d+){end}")
    if not pattern.parent.is_dir():
        return
    for path in pattern.parent.iterdir():
        match = name.fullmatch(path.name)
        if match and path_of(pattern, int(match[1])).name == path.name:
            yield int(match[1])


def _holes(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last number of each hole."""
    for before, after in itertools.pairwise(numbers):
        if after != before + 1:
            yield before + 1, after - 1


def _holed(pattern: Path, holes: list[tuple[int, int]]) -> str:
    count = sum(last - first + 1 for first, last in holes)
    names = [
        path_of(pattern, first).name + (f" to {path_of(pattern, last).name}" if last > first else "")
        for first, last in holes[:_NAMED_HOLES]
    ]
    more = ", ..." if len(holes) > _NAMED_HOLES else ""
    return f"{count} image{'s are' if count > 1 else ' is'} missing: {', '.join(names)}{more}"
