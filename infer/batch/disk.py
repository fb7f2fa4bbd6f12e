"""Files of this machine, as the places of a run."""

import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from colorize_gan.core.files.atomic import atomic_path, write_atomically
from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.folder_state import FolderState, FolderView, read_record
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.places import Place
from colorize_gan.infer.batch.searching import Found, work_of_files
from colorize_gan.infer.batch.state import Entry, State
from colorize_gan.infer.batch.work import Selection


@dataclass(frozen=True)
class FilePlace:
    """A file: see `Place`."""

    path: Path
    folder: Path = Path()
    """Where a relative path begins; the working folder, unless told otherwise."""
    url = ""

    @property
    def file(self) -> Path:
        """Its path in this process."""
        return self.folder / self.path

    @property
    def full_name(self) -> str:
        """The folder without links; a link of the file's own name stays: some point to each new content."""
        return str(_without_links(self.file.parent.absolute()) / self.path.name)

    @property
    def real_name(self) -> str:
        """Its name without links."""
        return os.path.realpath(self.file)

    def with_stem(self, stem: str) -> Self:
        """See `Location.with_stem`."""
        return type(self)(self.path.with_stem(stem), self.folder)

    def version(self) -> Version:
        """See `Place.version`."""
        return Version.of(self.file)

    def exists(self) -> bool:
        """Tell whether there is something of that name, also a link that leads nowhere."""
        return os.path.lexists(self.file)

    def read(self, max_megapixels: float) -> bytes:
        """See `Location.read`."""
        from colorize_gan.core.images.decode import read_content  # heavy: the search needs none of it

        return read_content(self.file, max_megapixels)

    def write(self, content: bytes, *, replace: bool = True) -> None:
        """See `Location.write`; its folder is created when missing."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.file, content, replace=replace)

    def to_read(self) -> AbstractContextManager[Path]:
        """Yield its path."""
        return nullcontext(self.file)

    @contextmanager
    def to_write(self) -> Iterator[Path]:
        """See `Place.to_write`; its folder is created when missing."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.file) as part:
            yield part


@dataclass(frozen=True)
class Disk:
    """Files and folders: see `Places`."""

    folder: Path = Path()
    """Where the places of relative paths begin, also in other processes that they are sent to."""

    def path_of(self, path: StrPath) -> Path:
        """See `Places.path_of`."""
        return Path(path)

    def place(self, path: Path) -> Place:
        """See `Places.place`."""
        return FilePlace(path, self.folder)

    def search(self, entry: Path, out: Path, selection: Selection) -> Found:
        """See `Places.search`."""
        return work_of_files(entry, out, selection)

    def read_record(self, out: Path) -> Mapping[str, Entry]:
        """See `Places.read_record`."""
        return read_record(out)

    def open_state(self, out: Path) -> State:
        """See `Places.open_state`."""
        return FolderState(out)

    def view_state(self, out: Path) -> State:
        """See `Places.view_state`."""
        return FolderView(out)


DISK = Disk()


@functools.lru_cache
def _without_links(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
