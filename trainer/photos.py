"""Where training photographs come from: a folder of image files, or a packed set of `colorize-prepare`."""

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from colorize_gan.core.errors import DataError, ImageError
from colorize_gan.core.files.folders import find_images
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.images.decode import decode_rgb8, read_rgb8

PACK_NAME, INDEX_NAME = "photos.bin", "photos.json"


class Photo(Protocol):
    """One photograph of a set."""

    @property
    def digest(self) -> str:
        """Sha256 of its content, in hex."""

    def read(self) -> np.ndarray:
        """Return 8-bit sRGB ``(H, W, 3)``; a `DataError` names what cannot be read."""


@dataclass(frozen=True)
class FilePhoto:
    """An image file."""

    path: Path

    @functools.cached_property
    def digest(self) -> str:
        """See `Photo`."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self) -> np.ndarray:
        """See `Photo`."""
        try:
            return read_rgb8(self.path)
        except ImageError as error:
            raise DataError(f"{self.path}: {error}; remove it from the photographs") from error


@dataclass(frozen=True)
class PackedPhoto:
    """A JPEG inside a pack."""

    pack: Path
    offset: int
    length: int
    digest: str

    def read(self) -> np.ndarray:
        """See `Photo`."""
        with self.pack.open("rb") as file:
            file.seek(self.offset)
            data = np.frombuffer(file.read(self.length), np.uint8)
        try:
            return decode_rgb8(data)
        except ImageError as error:
            raise DataError(f"{self.pack}: damaged at byte {self.offset}; prepare it again") from error


def find_photos(folder: StrPath) -> list[Photo]:
    """Return the photographs of a packed set or of all image files below a folder, in order of their digests.

    That order is as good as random, is the same whatever the files are called, and is the order in a pack.

    Raises:
        DataError: no such folder, no images in it, or a damaged pack.
    """
    folder = Path(folder)
    if (folder / INDEX_NAME).is_file():
        return list(_read_index(folder))
    photos: list[Photo] = [FilePhoto(path) for path in find_images(folder)]
    return sorted(photos, key=lambda photo: photo.digest)


def _read_index(folder: Path) -> Iterable[PackedPhoto]:
    pack = folder / PACK_NAME
    try:
        entries = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))["photos"]
        size = pack.stat().st_size
        photos = [PackedPhoto(pack, offset, length, digest) for offset, length, digest in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / INDEX_NAME}: the packed set cannot be read ({error!r})") from error
    if sum(photo.length for photo in photos) != size:
        raise DataError(f"{pack}: does not fit its index; prepare it again")
    return photos


def split_photos(photos: Sequence[Photo], val_fraction: float) -> tuple[list[Photo], list[Photo]]:
    """Split into (training, validation) by content.

    A photograph keeps its side whatever it is called and whatever is added beside it, and copies of it
    land on the same side.
    """
    train: list[Photo] = []
    val: list[Photo] = []
    for photo in photos:
        position = int(photo.digest[:16], 16) / 2**64
        (val if position < val_fraction else train).append(photo)
    return train, val
