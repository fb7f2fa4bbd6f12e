"""Where a picture is read from and written to: what each kind of place can do is chosen once, at the edge."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, Self, TypeVar

from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.searching import Found
from colorize_gan.infer.batch.state import Entry, State
from colorize_gan.infer.batch.work import Selection


class Location(Protocol):
    """One picture's place: a file, an object in a bucket, a member of a shard."""

    @property
    def path(self) -> Path:
        """The name of it in results and messages."""

    def with_stem(self, stem: str) -> Self:
        """Return the place beside it of another name."""

    def exists(self) -> bool:
        """Tell whether there is something.

        Raises:
            OSError: it cannot be told.
        """

    def read(self, max_megapixels: float) -> bytes:
        """Return its bytes, if an image of so many megapixels can have them.

        Raises:
            ImageError: it cannot be read, is empty, or is too large.
        """

    def write(self, content: bytes, *, replace: bool = True) -> None:
        """Write it; it appears when it is complete.

        Raises:
            FileExistsError: it is there, and must not be replaced.
            OSError: it cannot be written.
        """


class Place(Location, Protocol):
    """A place that a run can be told, not inside another one: a file or an object."""

    @property
    def full_name(self) -> str:
        """Its name from the root on; the name of a link of its own stays."""

    @property
    def real_name(self) -> str:
        """The one name of a file that has several."""

    @property
    def url(self) -> str:
        """Its URL; empty of a file."""

    def version(self) -> Version:
        """Look at it.

        Raises:
            OSError: there is none.
        """

    def to_read(self) -> AbstractContextManager[Path]:
        """Yield the path of a file of its content, for the time of the block.

        Raises:
            OSError: it cannot be read.
        """

    def to_write(self) -> AbstractContextManager[Path]:
        """Yield the path of a file to write; it appears after the block, not after an error.

        Raises:
            OSError: it cannot be written.
        """


_L = TypeVar("_L", bound=Location)


class Places(Protocol):
    """All that depends on where a run's inputs and outputs may be."""

    def path_of(self, path: StrPath) -> Path:
        """Return the path that a text names; what is a path stays.

        Raises:
            UsageError: nothing can be read there.
        """

    def place(self, path: Path) -> Place:
        """Return the place of a path."""

    def search(self, entry: Path, out: Path, selection: Selection) -> Found:
        """Yield the work of an input, what gives none, and the suffixes of files that are not images."""

    def read_record(self, out: Path) -> Mapping[str, Entry]:
        """Return what runs have noted of their outputs below ``out`` so far; empty where there was none.

        Raises:
            OSError: it cannot be read.
        """

    def open_state(self, out: Path) -> State:
        """Open what earlier runs have noted of their outputs below ``out``.

        Raises:
            OSError: it cannot be written.
        """

    def view_state(self, out: Path) -> State:
        """Look at the same, for a run that only looks: nothing is written.

        Raises:
            OSError: it cannot be read.
        """


def free_places(target: _L) -> Iterator[_L]:
    """Yield places beside ``target`` where nothing is; another run may take one before it is used."""
    number, place = 0, target
    while True:
        if not place.exists():
            yield place
        number += 1
        place = target.with_stem(f"{target.path.stem}-{number}")
