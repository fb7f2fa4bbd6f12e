"""Metadata of a PNG that libvips leaves out: texts, and profiles in the way of ImageMagick.

The chunks are those of PNG (third edition), section 11.3.
"""

import contextlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from PIL.PngImagePlugin import MAX_TEXT_CHUNK, iTXt

MAGIC = b"\x89PNG\r\n\x1a\n"

LONGEST_TEXT = MAX_TEXT_CHUNK - 1
"""Bytes of a text that Pillow and what uses it can read."""
_LARGEST = 64_000_000  # bytes of a profile as a text; the rest is a bomb
XMP = "XML:com.adobe.xmp"
"""Key of the text that is an XMP packet."""

_KEY = re.compile(r"(?! )(?!.*  )[ -~\xa1-\xff]{1,79}(?<! )")
_PROFILE = re.compile(r"Raw profile type (exif|app1|iptc|8bim|xmp)", re.IGNORECASE)


@dataclass(frozen=True)
class Beside:
    """Metadata in the texts of a PNG."""

    texts: Sequence[tuple[str, str]] = ()
    """Keys and texts; what is said of their language goes with them (`iTXt`)."""
    profiles: dict[str, bytes] = field(default_factory=dict)
    """By the names of libvips's fields: EXIF, XMP, IPTC."""
    has_resolution: bool = False
    has_profile: bool = False
    """One of colour, which the decoder may have found damaged."""


def read_beside(content: bytes) -> Beside:
    """Read the texts of a PNG; those that are damaged, break the standard or are too long are left out."""
    texts: list[tuple[str, str]] = []
    profiles: dict[str, bytes] = {}
    has_resolution = has_profile = False
    for kind, data in _chunks(content):
        has_profile |= kind == b"iCCP"
        has_resolution |= kind == b"pHYs" and data[8:9] == b"\1"
        with contextlib.suppress(ValueError, zlib.error):
            if not (found := _text(kind, data)) or found[0] == XMP:
                continue
            if name := _PROFILE.fullmatch(found[0]):
                profiles |= _profile(name[1].lower(), found[1])
            elif _can_be_written(*found):
                texts.append(found)
    return Beside(texts, profiles, has_resolution, has_profile)


def is_animated(content: bytes) -> bool:
    """Tell whether a PNG has several pictures: acTL counts them, and fcTL makes its own one of them."""
    before = content[: content.find(b"IDAT")]
    control = before.find(b"acTL")
    frames = int.from_bytes(before[control + 4 : control + 8], "big")
    return control >= 0 and (frames > 1 or b"fcTL" not in before)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kinds and contents of the chunks, without those of the pixels."""
    position = len(MAGIC)
    while len(header := content[position : position + 8]) == 8:
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        if kind != b"IDAT":
            yield kind, content[position + 8 : position + 8 + length]
        position += 12 + length


def _text(kind: bytes, data: bytes) -> tuple[str, str] | None:
    """Return the key and the text of a chunk of text."""
    key, _, rest = data.partition(b"\0")
    if kind == b"tEXt":
        return key.decode("latin-1"), rest.decode("latin-1")
    if kind == b"zTXt":
        return key.decode("latin-1"), _inflated(rest[1:]).decode("latin-1")
    if kind != b"iTXt":
        return None
    is_compressed, (language, translated, text) = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    text = _inflated(text) if is_compressed else text
    return key.decode("latin-1"), iTXt(text.decode(), language.decode("latin-1"), translated.decode())


def _can_be_written(key: str, text: str) -> bool:
    """Tell whether a text follows the standard (section 11.3.3), and is one that Pillow opens."""
    coded = text.encode() if isinstance(text, iTXt) else text.encode("latin-1")
    return bool(_KEY.fullmatch(key)) and "\0" not in text and len(coded) <= LONGEST_TEXT


def _inflated(data: bytes) -> bytes:
    decompressor = zlib.decompressobj()
    inflated = decompressor.decompress(data, _LARGEST)
    if not decompressor.eof:
        raise ValueError("too long, or cut short")
    return inflated


def _profile(name: str, text: str) -> dict[str, bytes]:
    """Decode a profile: its name, its length and its bytes as hexadecimal digits, in lines."""
    profile = bytes.fromhex("".join(text.split()[2:]))
    if name in ("exif", "app1") and profile.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
        return {"exif-data": profile}
    if name in ("iptc", "8bim"):
        return {"iptc-data": profile}
    _, found, packet = profile.rpartition(b"http://ns.adobe.com/xap/1.0/\0")
    return {"xmp-data": packet} if found or name == "xmp" else {}
