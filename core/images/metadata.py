"""Metadata of an image file: EXIF, XMP, colour profile and resolution.

EXIF is a TIFF structure (EXIF 3.0, section 4.6), read and written with Pillow's directories, which keep the
type and the bytes of each tag. A TIFF file gives its describing tags, not those of its pixels.
"""

import contextlib
import dataclasses
import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

_EXIF, _GPS = 0x8769, 0x8825
_SUBDIRECTORIES = (_EXIF, _GPS)
_ORIENTATION, _SOFTWARE = 0x0112, 0x0131
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xA002, 0xA003
_MAKER_NOTE, _USER_COMMENT = 0x927C, 0x9286
_SELF_CONTAINED = (b"Nikon\0\2", b"FUJIFILM", b"OLYMPUS\0", b"OM SYSTEM", b"Apple iOS", b"PENTAX \0")
"""Beginnings of camera's notes whose offsets count from their own first byte."""
_FARTHEST = 32_000  # bytes, that a note may lie behind the beginning: what is before it stays empty
_TEXT_TAGS = {"Description": 0x010E, "Author": 0x013B, "Copyright": 0x8298, "Title": 0x010D}
"""EXIF's tags that say what texts of a PNG do."""
_INTEROP = 0xA005  # points to a directory that is not carried over
_ASCII, _UNDEFINED = 2, 7
_HEADER, _INLINE = 8, 4  # bytes of a block's header, and of a value that is in its entry
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:\s*=\s*["\']|>)\s*)(\d)')
_DESCRIBING = frozenset(
    # document, description, make, model, page, software, date, artist, host, rating,
    # Windows' texts, copyright, IPTC; where on Earth it lies (GeoTIFF 1.1, 7.1)
    {0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0129, _SOFTWARE, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749}
    | {0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0x8298, 0x83BB}
    | {33550, 33922, 34264, 34735, 34736, 34737}
)
_EMPTY = b"II*\0" + bytes(4)
DAMAGED = (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error, OverflowError)
"""Errors that Pillow raises on a damaged directory."""

_one_thread = threading.Lock()


@dataclass(frozen=True)
class Metadata:
    """Metadata for the pixels of an upright sRGB image."""

    tags: Mapping[int, tuple[int, object]] = field(default_factory=dict)
    """EXIF's first directory, without orientation: TIFF type and value of each tag."""
    subdirectories: Mapping[int, Directory] = field(default_factory=dict)
    """EXIF's own and the GPS directory, by the tag that points to them."""
    xmp: bytes = b""
    icc: bytes = b""
    """A colour profile that says sRGB; empty when the file had none."""
    pixels_per_mm: tuple[float, float] | None = None
    """Horizontal and vertical resolution; None where the file does not tell."""
    texts: Sequence[tuple[str, str]] = ()
    """Texts of a PNG: see `colorize_gan.core.images.png_reading.Beside`."""
    iptc: bytes = b""
    """Records of IPTC (IIM 4), which other formats than TIFF have."""
    order: bytes = b"II"
    """Byte order of the EXIF block that this was read from: the camera's note has the same."""
    note_at: int = 0
    """Where in it the camera's note was: offsets inside it count from there; 0 where there was none."""

    def made_by(self, software: str) -> "Metadata":
        """Return this with ``software`` added to the Software tag."""
        said = dict(self.texts).get("Software", "").encode()
        _, before = self.tags.get(_SOFTWARE, (_ASCII, said))
        names = [name for name in (before, software.encode()) if isinstance(name, bytes) and name]
        return dataclasses.replace(self, tags={**self.tags, _SOFTWARE: (_ASCII, b"; ".join(names))})

    def directory(self, order: bytes = b"II") -> Directory:
        """Return a directory of the `tags`."""
        directory = _empty(order)
        for tag, (kind, value) in self.tags.items():
            directory.tagtype[tag] = kind
            directory[tag] = value
        return directory

    def with_texts_as_tags(self) -> "Metadata":
        """Return this for a format without texts: those of a PNG in EXIF's tags, where these are free."""
        tags = {
            _TEXT_TAGS[key]: (_ASCII, text.encode())
            for key, text in reversed(self.texts)
            if key in _TEXT_TAGS and text
        }
        subdirectories = dict(self.subdirectories)
        comments = [text for key, text in self.texts if key == "Comment" and text]
        if comments and _USER_COMMENT not in subdirectories.get(_EXIF, {}):
            exif = _copied(subdirectories.get(_EXIF, _empty(b"II", _EXIF)), b"II", _EXIF)
            exif.tagtype[_USER_COMMENT] = _UNDEFINED
            exif[_USER_COMMENT] = b"UNICODE\0" + comments[0].encode("utf-16-le")
            subdirectories[_EXIF] = exif
        return dataclasses.replace(self, tags=tags | dict(self.tags), subdirectories=subdirectories)

    @property
    def has_moving_note(self) -> bool:
        """True if there is a camera's note that is of use at its place only."""
        exif = self.subdirectories.get(_EXIF)
        note = exif.get(_MAKER_NOTE) if exif else None
        return isinstance(note, bytes) and not note.startswith(_SELF_CONTAINED)

    @property
    def can_place_note(self) -> bool:
        """True if an EXIF block can have the note where it was."""
        return _HEADER <= self.note_at <= _FARTHEST

    def without_note(self) -> "Metadata":
        """Return this without the camera's note, unless that can be anywhere."""
        if not self.has_moving_note:
            return self
        exif = _copied(self.subdirectories[_EXIF], b"II", _EXIF)
        del exif[_MAKER_NOTE]
        return dataclasses.replace(self, subdirectories={**self.subdirectories, _EXIF: exif})

    def exif(self) -> bytes:
        """Return the EXIF block, a TIFF structure; empty when there are no tags.

        The camera's note is where it was, or left out.
        """
        if self.has_moving_note and not self.can_place_note:
            return self.without_note().exif()
        if not self.tags and not self.subdirectories:
            return b""
        order = self.order if self.has_moving_note else b"II"
        note = self.subdirectories[_EXIF][_MAKER_NOTE] if self.has_moving_note else b""
        directory, content = self.directory(order), bytearray(_header(order, 0))
        if note:
            content += bytes(self.note_at - len(content)) + note + bytes(len(note) % 2)
        for pointer, subdirectory in self.subdirectories.items():
            directory[pointer] = len(content)
            content += _placed(_copied(subdirectory, order, pointer), len(content), note, self.note_at)
        content[:_HEADER] = _header(order, len(content))
        return bytes(content + directory.tobytes(len(content)))


def _placed(directory: Directory, start: int, note: bytes, note_at: int) -> bytes:
    """Return the bytes of a directory that points to a note elsewhere."""
    if not note or _MAKER_NOTE not in directory:
        return directory.tobytes(start)
    directory[_MAKER_NOTE] = bytes(_INLINE + 1)
    content = bytearray(directory.tobytes(start))
    order = "<" if directory.prefix == b"II" else ">"
    (count,) = struct.unpack_from(f"{order}H", content)
    for entry in range(2, 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", content, entry)[0] == _MAKER_NOTE:
            struct.pack_into(f"{order}LL", content, entry + 4, len(note), note_at)
    return bytes(content)


def _header(order: bytes, first: int) -> bytes:
    return struct.pack("<2sHL" if order == b"II" else ">2sHL", order, 42, first)


def _empty(order: bytes, group: int | None = None) -> Directory:
    return Directory(_header(order, 0), group=group)


def _copied(directory: Directory, order: bytes, group: int | None) -> Directory:
    """Return a directory in another byte order."""
    copied = _empty(order, group)
    for tag, value in directory.items():
        copied.tagtype[tag] = directory.tagtype[tag]
        copied[tag] = value
    return copied


def place_of_note(content: bytes) -> tuple[bytes, int]:
    """Return the byte order of an EXIF block or TIFF, and where the camera's note is in it; 0 for nowhere."""
    content = content.removeprefix(b"Exif\0\0")
    if content[:4] not in (b"II*\0", b"MM\0*"):
        return b"II", 0
    order = "<" if content[:2] == b"II" else ">"
    with contextlib.suppress(struct.error):
        exif = _entry(content, struct.unpack_from(f"{order}L", content, 4)[0], _EXIF, order)
        return content[:2], _entry(content, exif, _MAKER_NOTE, order) if exif else 0
    return b"II", 0


def _entry(content: bytes, start: int, tag: int, order: str) -> int:
    """Return the last field of an entry of a directory; 0 where there is no such entry."""
    (count,) = struct.unpack_from(f"{order}H", content, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", content, entry)[0] == tag:
            return int(struct.unpack_from(f"{order}L", content, entry + 8)[0])
    return 0


def orientation_of(exif: bytes, xmp: bytes) -> int:
    """Return what EXIF says of the orientation, or XMP where EXIF is silent; 0 where both are."""
    exif = exif.removeprefix(b"Exif\0\0")
    with contextlib.suppress(*DAMAGED):
        value = _load(exif, empty_directory(exif).next, None).get(_ORIENTATION)
        if isinstance(value, int):
            return value
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[2]) if found else 0


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
        directory = _load(content, empty_directory(content).next, None)
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


def empty_directory(header: bytes, group: int | None = None) -> Directory:
    """Return a directory to load, whose `next` is the first one of a TIFF structure that begins so."""
    if header[2:4] not in (b"+\0", b"\0+"):
        return Directory(header[:8], group=group)
    # Pillow tells BigTIFF by the third byte, also where the order of bytes is the other one
    return Directory(b"II+\0" + header[4:16], prefix=header[:2], group=group)


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
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


def _load(content: bytes, offset: int, group: int | None) -> Directory:
    """Read one directory and make its byte order ours; tags that cannot be read are left out."""
    stream = io.BytesIO(content)
    stream.seek(offset)
    found = empty_directory(content, group)
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
