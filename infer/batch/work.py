"""The work that the INPUTs of a command give, the inputs that give none, and the choice of files."""

import fnmatch
import os
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

from colorize_gan.core.files.containers import CONTAINERS, VIDEO_SUFFIXES
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.images.formats import SUFFIXES
from colorize_gan.infer.batch.input_state import Version

SHARDS = frozenset({".tar"})
"""Suffixes of WebDataset shards."""


@dataclass(frozen=True, init=False)
class WorkItem:
    """One image or video to read and the file to write."""

    source: Path
    target: Path
    version: Version | None
    """Version of an object, by the listing; a file is looked at when its turn comes."""

    def __init__(self, source: StrPath, target: StrPath, version: Version | None = None) -> None:
        """Take texts for paths of files; the path of an object stays what it is."""
        for name, path in (("source", source), ("target", target)):
            object.__setattr__(self, name, Path(path) if isinstance(path, str | os.PathLike) else path)
        object.__setattr__(self, "version", version)


@dataclass(frozen=True)
class BadInput:
    """An INPUT that gives no work, and why."""

    source: Path
    reason: str


@dataclass(frozen=True)
class Selection:
    """Which files below a folder are taken, and how their targets are named."""

    recursive: bool = True
    include: Sequence[str] = ()
    """Globs on the path below the input folder or the file name, whatever the case; empty for all."""
    exclude: Sequence[str] = ()
    suffix: str | None = None
    """Suffix of the targets of images, with its dot; None to keep each source's."""
    video_suffix: str | None = None
    """The same of videos; where None, WebM (no H.264) and what is not written become `.mkv`."""
    suffixes: Set[str] = SUFFIXES
    """Lower-case suffixes of the files that are taken."""
    listed: Set[str] = frozenset()
    """Those of them that no work is made of: they are only listed."""

    @property
    def kind(self) -> str:
        """The thing that is looked for, for messages."""
        if SUFFIXES & self.suffixes:
            return "an image"
        return "a shard" if self.suffixes == SHARDS else "a video"

    @property
    def is_narrow(self) -> bool:
        """Tell whether there are globs."""
        return bool(self.include or self.exclude)

    def takes(self, relative: PurePath) -> bool:
        """Tell whether a path below an input folder is chosen."""
        included = not self.include or _matches(relative, self.include)
        return included and not _matches(relative, self.exclude)

    def renamed(self, target: Path) -> Path:
        """Return a target, which has the suffix of its source, with the one it is to have."""
        kind = target.suffix.lower()
        suffix = self.suffix
        if kind in VIDEO_SUFFIXES:
            suffix = self.video_suffix or (None if kind in CONTAINERS and kind != ".webm" else ".mkv")
        return target if suffix is None else target.with_suffix(suffix)


class Work(NamedTuple):
    """The work that the INPUTs of a command give."""

    items: list[WorkItem]
    bad: list[BadInput]
    others: Counter[str]
    """Files in folders that are not images (or videos), by suffix: they are left alone."""
    listed: Sequence[Path] = ()
    """Files whose suffix is in `Selection.listed`."""


def _matches(relative: PurePath, patterns: Sequence[str]) -> bool:
    names = (relative.as_posix(), relative.name)
    return any(
        fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns for name in names
    )
