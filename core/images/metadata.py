"""What an image file says beside its pixels: EXIF, XMP, colour profile and resolution.

EXIF is a TIFF structure (EXIF 3.0, section 4.6), read and written with Pillow's directories, which keep the
type and the bytes of each tag. Of a TIFF file the describing tags are taken, not those of its pixels.
"""

import contextlib
import dataclasses
import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

_EXIF, _GPS = 0x8769, 0x8825
_SUBDIRECTORIES = (_EXIF, _GPS)
_ORIENTATION, _SOFTWARE = 0x0112, 0x0131
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xA002, 0xA003
_INTEROP = 0xA005  # points to a directory that is not carried over
_ASCII = 2
_DESCRIBING = frozenset(
    # document, description, make, model, page, software, date, artist, host, rating,
    # Windows' texts, copyright, IPTC
    {0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0129, _SOFTWARE, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749}
    | {0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0x8298, 0x83BB}
)
UNKNOWN_RESOLUTION = (72 / 25.4, 72 / 25.4)
_EMPTY = b"II*\0" + bytes(4)
DAMAGED = (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error, OverflowError)
"""What Pillow raises on a damaged directory."""

_one_thread = threading.Lock()


@dataclass(frozen=True)
class Metadata:
    """What goes along with the pixels of an upright sRGB image."""

    tags: Mapping[int, tuple[int, object]] = field(default_factory=dict)
    """EXIF's first directory, without orientation: TIFF type and value of each tag."""
    subdirectories: Mapping[int, Directory] = field(default_factory=dict)
    """EXIF's own and the GPS directory, by the tag that points to them."""
    xmp: bytes = b""
    icc: bytes = b""
    """A colour profile that says sRGB; empty when the file had none."""
    pixels_per_mm: tuple[float, float] = UNKNOWN_RESOLUTION
    """Horizontal and vertical resolution."""

    def made_by(self, software: str) -> "Metadata":
        """Return this with ``software`` added to the Software tag."""
        _, before = self.tags.get(_SOFTWARE, (_ASCII, b""))
        names = [name for name in (before, software.encode()) if isinstance(name, bytes) and name]
        return dataclasses.replace(self, tags={**self.tags, _SOFTWARE: (_ASCII, b"; ".join(names))})

    def directory(self) -> Directory:
        """Return a directory of the `tags`."""
        directory = Directory(_EMPTY)
        for tag, (kind, value) in self.tags.items():
            directory.tagtype[tag] = kind
            directory[tag] = value
        return directory

    def exif(self) -> bytes:
        """Return the EXIF block, a TIFF structure; empty when there are no tags."""
        if not self.tags and not self.subdirectories:
            return b""
        directory = self.directory()
        content = bytearray(_EMPTY)
        for pointer, subdirectory in self.subdirectories.items():
            directory[pointer] = len(content)
            content += subdirectory.tobytes(len(content))
        content[4:8] = struct.pack("<L", len(content))
        return bytes(content + directory.tobytes(len(content)))


def read_tags(
    content: bytes, *, describing: bool = False
) -> tuple[dict[int, tuple[int, object]], dict[int, Directory]]:
    """Read the directories of an EXIF block or a TIFF file.

    Args:
        content: the block, with or without the word Exif before it, or the whole file.
        describing: take the describing tags only, of a file whose others belong to its pixels.

    Returns:
        `Metadata.tags` and `Metadata.subdirectories`; what is damaged in them is left out.
    """
    content = content.removeprefix(b"Exif\0\0")
    subdirectories = {}
    try:
        directory = _load(content, Directory(header_of(content)).next, None)
    except DAMAGED:
        return {}, {}
    for pointer in _SUBDIRECTORIES:
        with contextlib.suppress(*DAMAGED):
            if isinstance(offset := directory.get(pointer), int):
                subdirectories[pointer] = _load(content, offset, pointer)
    kept = {
        tag: (directory.tagtype[tag], value)
        for tag, value in directory.items()
        if tag not in (*_SUBDIRECTORIES, _ORIENTATION) and (not describing or tag in _DESCRIBING)
    }
    return kept, {pointer: found for pointer, found in subdirectories.items() if len(found)}


def header_of(content: bytes) -> bytes:
    """Return the header of a TIFF structure; that of BigTIFF is longer."""
    return content[:16] if content[2:4] in (b"+\0", b"\0+") else content[:8]


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore the warnings that Pillow gives on odd files; one thread at a time: the filters are global."""
    with _one_thread, warnings.catch_warnings(action="ignore"):
        yield


def with_size(subdirectories: Mapping[int, Directory], width: int, height: int) -> None:
    """Correct the size that EXIF repeats, which an upright image may have otherwise."""
    if (exif := subdirectories.get(_EXIF)) is not None:
        for tag, length in ((_PIXEL_WIDTH, width), (_PIXEL_HEIGHT, height)):
            if tag in exif:
                exif[tag] = length


def upright_xmp(xmp: bytes) -> bytes:
    """Return an XMP packet whose orientation is that of an upright image."""
    return re.sub(rb'(tiff:Orientation(?:\s*=\s*["\']|>))\d', rb"\g<1>1", xmp)


def _load(content: bytes, offset: int, group: int | None) -> Directory:
    """Read one directory and make its byte order ours; tags that cannot be read are left out."""
    stream = io.BytesIO(content)
    stream.seek(offset)
    found = Directory(header_of(content), group=group)
    clean = Directory(_EMPTY, group=group)
    with without_warnings():
        found.load(stream)
        for tag in set(found) - {_INTEROP}:
            with contextlib.suppress(*DAMAGED):
                value = found[tag]
                clean.tagtype[tag] = found.tagtype[tag]
                # text is of an encoding that only its author knows: keep its bytes
                clean[tag] = value.encode("latin-1") if isinstance(value, str) else value
    return clean
