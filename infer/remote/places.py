"""The choice between files and objects: made here once for each path, and nowhere behind it."""

import errno
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.disk import DISK, Disk
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.places import Place, Places
from colorize_gan.infer.batch.searching import Found
from colorize_gan.infer.batch.state import Entry, State
from colorize_gan.infer.batch.work import Selection
from colorize_gan.infer.remote import storage
from colorize_gan.infer.remote.bucket_state import BucketState, BucketView, read_record
from colorize_gan.infer.remote.stored_inputs import work_of_url
from colorize_gan.infer.remote.urls import is_url, path_of


@dataclass(frozen=True)
class ObjectPlace:
    """An object of any fsspec filesystem: see `Place`."""

    path: Path
    """That of `open_url`."""

    @property
    def url(self) -> str:
        """Its URL."""
        return str(self.path)

    full_name = real_name = url

    def with_stem(self, stem: str) -> Self:
        """See `Location.with_stem`."""
        return type(self)(self.path.with_stem(stem))

    def version(self) -> Version:
        """See `Place.version`."""
        return storage.version_of(storage.look_at(self.path))

    def exists(self) -> bool:
        """See `Location.exists`."""
        return storage.is_there(self.path)

    def read(self, max_megapixels: float) -> bytes:
        """See `Location.read`; its size was looked at before."""
        return storage.read_object(self.path)

    def write(self, content: bytes, *, replace: bool = True) -> None:
        """See `Location.write`.

        Raises:
            OSError: it cannot be written; or ``replace`` is false, which no storage can promise.
        """
        if not replace:
            raise OSError(errno.ENOTSUP, "object storage cannot keep what is there", self.url)
        storage.write_object(self.path, content)

    def to_read(self) -> AbstractContextManager[Path]:
        """Yield the path of a copy."""
        return storage.copy_to_read(self.path)

    def to_write(self) -> AbstractContextManager[Path]:
        """See `Place.to_write`."""
        return storage.file_to_write(self.path)


class Storage:
    """Objects, and all below a prefix: see `Places`."""

    def path_of(self, path: StrPath) -> Path:
        """See `Places.path_of`."""
        return path_of(path)

    def place(self, path: Path) -> Place:
        """See `Places.place`."""
        return ObjectPlace(path)

    def search(self, entry: Path, out: Path, selection: Selection) -> Found:
        """See `Places.search`."""
        return work_of_url(entry, out, selection)

    def read_record(self, out: Path) -> Mapping[str, Entry]:
        """See `Places.read_record`."""
        return read_record(out)

    def open_state(self, out: Path) -> State:
        """See `Places.open_state`."""
        return BucketState(out)

    def view_state(self, out: Path) -> State:
        """See `Places.view_state`."""
        return BucketView(out)


STORAGE = Storage()


@dataclass(frozen=True)
class Anywhere:
    """Files and objects, told apart by their paths: see `Places`."""

    disk: Disk = DISK

    def path_of(self, path: StrPath) -> Path:
        """See `Places.path_of`."""
        return path_of(path)

    def place(self, path: Path) -> Place:
        """See `Places.place`."""
        return self._kind_of(path).place(path)

    def search(self, entry: Path, out: Path, selection: Selection) -> Found:
        """See `Places.search`."""
        return self._kind_of(entry).search(entry, out, selection)

    def read_record(self, out: Path) -> Mapping[str, Entry]:
        """See `Places.read_record`."""
        return self._kind_of(out).read_record(out)

    def open_state(self, out: Path) -> State:
        """See `Places.open_state`."""
        return self._kind_of(out).open_state(out)

    def view_state(self, out: Path) -> State:
        """See `Places.view_state`."""
        return self._kind_of(out).view_state(out)

    def _kind_of(self, path: Path) -> Places:
        """The only choice there is."""
        return STORAGE if is_url(path) else self.disk


ANYWHERE = Anywhere()
