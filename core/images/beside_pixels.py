"""Putting what goes along with the pixels into coded files, as libvips would rewrite or drop it."""

import io
import struct

from PIL import Image

from colorize_gan.core.images.formats import HEIF_SUFFIXES, JPEG_SUFFIXES, TIFF_SUFFIXES
from colorize_gan.core.images.metadata import Metadata
from colorize_gan.core.images.resolution import with_unit

_PLACING = JPEG_SUFFIXES | HEIF_SUFFIXES | {".png", ".webp"}
"""Formats whose EXIF is a block of its own, written here as it is."""
_WITH_IPTC = JPEG_SUFFIXES | TIFF_SUFFIXES | {".png"}
_JPEG_SEGMENT = 65_000  # bytes, of the 65,533 that one can hold
_DENSITY = 13  # where JFIF has its unit and density
_IPTC = b"8BIM\x04\x04\0\0"  # Photoshop's resource of the records, without a name


def left_out(metadata: Metadata, suffix: str) -> tuple[str, ...]:
    """Say what of the metadata a format cannot hold."""
    if suffix == ".bmp":
        return ()
    notes = []
    if metadata.has_moving_note and not (suffix in _PLACING and metadata.can_place_note):
        notes.append("the camera's own notes (MakerNote) are left out: they would not survive a move")
    if metadata.iptc and suffix not in _WITH_IPTC:
        notes.append(f"{suffix} has no place for its IPTC texts, and they are left out")
    if suffix in JPEG_SUFFIXES:
        for name, content in (("EXIF", metadata.exif()), ("XMP", metadata.xmp), ("IPTC", metadata.iptc)):
            if len(content) >= _JPEG_SEGMENT:
                notes.append(f"its {name} is larger than JPEG can hold and left out")
    return tuple(notes)


def jpeg_beginning(metadata: Metadata) -> bytes:
    """Return the leading segments of a JPEG file, with the metadata that fits into them."""
    stream, exif = io.BytesIO(), metadata.exif()
    Image.new("L", (8, 8)).save(
        stream,
        "JPEG",
        exif=b"Exif\0\0" + exif if exif and len(exif) < _JPEG_SEGMENT else b"",
        xmp=metadata.xmp if len(metadata.xmp) < _JPEG_SEGMENT else b"",
        icc_profile=metadata.icc,
    )
    header = bytearray(stream.getvalue())
    struct.pack_into(">BHH", header, _DENSITY, *_density(metadata.pixels_per_mm))
    beginning = bytes(header[: end_of_applications(header)])
    if not 0 < len(metadata.iptc) < _JPEG_SEGMENT:
        return beginning
    resource = b"Photoshop 3.0\0" + _IPTC + struct.pack(">L", len(metadata.iptc)) + metadata.iptc
    resource += bytes(len(resource) % 2)
    return beginning + b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource


def _density(pixels_per_mm: tuple[float, float] | None) -> tuple[int, int, int]:
    """Return JFIF's unit and whole densities: by the inch, unless only by the centimetre they are exact."""
    if pixels_per_mm is None:
        return 0, 1, 1
    unit, densities = with_unit(pixels_per_mm)
    horizontal, vertical = (min(max(round(each), 1), 65535) for each in densities)
    return 2 if unit == "cm" else 1, horizontal, vertical


def end_of_applications(jpeg: bytes | bytearray) -> int:
    """Return where the leading APPn segments of a JPEG file end (ITU-T T.81, annex B)."""
    position = 2
    while jpeg[position] == 0xFF and 0xE0 <= jpeg[position + 1] <= 0xEF:
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
    return position


def webp_with_exif(content: bytes, exif: bytes) -> bytes:
    """Return a WebP whose chunk of EXIF is this block, and nothing before it (RFC 9649, 2.7.1.5)."""
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sL", content, position)
        end = position + 8 + length + length % 2
        if kind == b"EXIF":
            chunk = struct.pack("<4sL", kind, len(exif)) + exif + bytes(len(exif) % 2)
            size = struct.pack("<L", len(content) - 8 - (end - position) + len(chunk))
            return b"".join([b"RIFF", size, content[8:position], chunk, memoryview(content)[end:]])
        position = end
    return content


def iptc_records(resources: bytes) -> bytes:
    """Return the IPTC records of Photoshop's image resources; of bare ones, these."""
    resources = resources.removeprefix(b"Photoshop 3.0\0")
    if resources.startswith(b"\x1c"):
        return resources
    position = 0
    while resources[position : position + 4] == b"8BIM" and len(resources) >= position + 12:
        kind = resources[position + 4 : position + 6]
        position += 6 + (resources[position + 6] + 2) // 2 * 2  # a name, of an even length with its own
        length = int.from_bytes(resources[position : position + 4], "big")
        if kind == b"\x04\x04":
            return resources[position + 4 : position + 4 + length]
        position += 4 + length + length % 2
    return b""
