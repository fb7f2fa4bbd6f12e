"""Parts of TIFF that libvips lacks: telling which pages are thumbnails, and writing the tags of EXIF.

The layout is that of TIFF 6.0, section 2; Pillow reads and makes the directories.
"""

import contextlib
import struct
from collections.abc import Sequence
from typing import BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from colorize_gan.core.images.metadata import DAMAGED, Metadata, empty_directory, without_warnings

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF
_SUBFILE_TYPE, _REDUCED = 0x00FE, 1
_HEADER, _ENTRY = 16, 12  # bytes
_SHORT, _LONG, _BYTES = 3, 4, 7
_UNIT, _NO_UNIT, _IPTC = 0x0128, 1, 0x83BB


def is_tiff(content: bytes) -> bool:
    """Tell whether a file's content is TIFF or BigTIFF."""
    return content[:4] in _MAGIC


def has_thumbnails_only(pages: Sequence[Directory]) -> bool:
    """Tell whether all pages of a TIFF after the first are smaller versions of it, as scanners add them."""
    try:
        return all(int(page.get(_SUBFILE_TYPE, 0)) & _REDUCED for page in pages[1:])
    except DAMAGED:
        return False


def pages_of(file: BinaryIO) -> list[Directory]:
    """Read the directories of a TIFF, one a page, up to one that is damaged."""
    pages: list[Directory] = []
    header = file.read(_HEADER)
    with without_warnings(), contextlib.suppress(*DAMAGED):
        offset, seen = empty_directory(header).next, {0}
        while offset not in seen:
            seen.add(offset)
            page = empty_directory(header)
            file.seek(offset)
            page.load(file)
            for tag in list(page):  # values are made when they are asked for; what is odd is warned of then
                with contextlib.suppress(*DAMAGED):
                    page[tag]
            pages.append(page)
            offset = page.next
    return pages


def with_tags(content: bytes, metadata: Metadata) -> bytes:
    """Add EXIF's tags to a little-endian TIFF; those of its pixels stay."""
    tail, own = bytearray(), _entries(content, struct.unpack_from("<L", content, 4)[0])
    tags, directory = {}, metadata.directory()
    for pointer, subdirectory in metadata.subdirectories.items():
        start = len(content) + len(tail)
        tags[pointer] = struct.pack("<HHLL", pointer, _LONG, 1, start)
        tail += subdirectory.tobytes(start)
    if len(directory):
        start = len(tail)
        tail += directory.tobytes(len(content) + start)
        tags |= _entries(tail, start)
    if metadata.pixels_per_mm is None:
        own[_UNIT] = struct.pack("<HHLL", _UNIT, _SHORT, 1, _NO_UNIT)
    if metadata.iptc and _IPTC not in tags:
        start = len(content) + len(tail)
        tags[_IPTC] = struct.pack("<HHLL", _IPTC, _BYTES, len(metadata.iptc), start)
        tail += metadata.iptc + bytes(4 + len(metadata.iptc) % 2)  # so much is behind it always
    entries = sorted((tags | own).items())
    first = struct.pack("<L", len(content) + len(tail))
    tail += struct.pack("<H", len(entries)) + b"".join(entry for _, entry in entries) + bytes(4)
    return b"".join([content[:4], first, memoryview(content)[8:], tail])


def _entries(content: bytes | bytearray, offset: int) -> dict[int, bytes]:
    """Return the raw entries of a directory by their tag."""
    (count,) = struct.unpack_from("<H", content, offset)
    starts = range(offset + 2, offset + 2 + count * _ENTRY, _ENTRY)
    raw = (bytes(content[start : start + _ENTRY]) for start in starts)
    return {int.from_bytes(entry[:2], "little"): entry for entry in raw}
