"""Decoding JPEG: which damage leaves a picture to look at, and which a part of one.

libjpeg continues after damage and only warns. Its warnings decide here. ITU-T T.81, annex B, has the markers.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pyvips
import simplejpeg

from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.libvips import vips_errors
from colorize_gan.core.images.limits import check_size
from colorize_gan.core.images.opened import UNDECODABLE, Opened
from colorize_gan.core.system.memory import is_out_of_memory

MAGIC = b"\xff\xd8"

_END = b"\xff\xd9"
_NO_END, _BYTES_TOO_MANY = "Premature end of JPEG file", "extraneous bytes before marker 0xd9"
_COLORSPACES = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header, whose low bits are the process that it is coded by."""
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SCAN = 0xDA
_MOST_COMPONENTS = 4  # of a scan
_ALL_COEFFICIENTS = (1 << 64) - 1
_ADOBE, _TRANSFORMS = b"\xff\xee\x00\x0eAdobe", (0, 1)
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})


def open_jpeg(content: bytes, max_megapixels: float | None) -> Opened:
    """Open a JPEG file and decode what libjpeg decodes.

    Raises:
        ImageError: too large, damaged, cut short, or of a kind that cannot be decoded.
        pyvips.Error: there is not enough memory.
    """
    try:
        with vips_errors():
            image = pyvips.Image.jpegload_buffer(content, access="sequential", unlimited=True)
            check_size(image.width, image.height, max_megapixels)
            opened = _decoded(content, image)
    except pyvips.Error as error:
        if is_out_of_memory(error):
            raise
        raise ImageError(_name_of(content) or UNDECODABLE) from error
    return dataclasses.replace(opened, is_damaged=opened.is_damaged or _lacks_scans(content))


def _decoded(content: bytes, image: pyvips.Image) -> Opened:
    try:
        samples, is_damaged = _samples(content, _COLORSPACES[image.bands])
    except (ValueError, KeyError):  # what simplejpeg does not know, libvips may
        if (whole := _with_known_transform(_without_strays(content))) != content:
            return dataclasses.replace(_decoded(whole, image), is_damaged=True)
        return Opened(pyvips.Image.jpegload_buffer(content, unlimited=True, fail_on="warning").copy_memory())
    if image.bands == 4:  # of which libvips knows whether the file has ink or its absence
        whole = content + _END if is_damaged else content
        return Opened(pyvips.Image.jpegload_buffer(whole, unlimited=True), is_damaged)
    return Opened(image, is_damaged, samples=samples[..., 0] if image.bands == 1 else samples)


def _samples(content: bytes, colorspace: str) -> tuple[np.ndarray, bool]:
    """Decode a file; tell whether it is damaged.

    Raises:
        ImageError: it is cut short.
        ValueError: it cannot be decoded.
    """
    try:
        return simplejpeg.decode_jpeg(content, colorspace), False
    except ValueError as error:
        if _NO_END not in str(error):
            return simplejpeg.decode_jpeg(content, colorspace, strict=False), True
    return _ended(content + _END, colorspace), True


def _ended(content: bytes, colorspace: str) -> np.ndarray:
    """Decode a file that got its end marker here: with all else in it, nothing is missing."""
    try:
        return simplejpeg.decode_jpeg(content, colorspace)
    except ValueError as error:
        if _BYTES_TOO_MANY in str(error):
            return simplejpeg.decode_jpeg(content, colorspace, strict=False)
        raise ImageError(UNDECODABLE) from error


def _without_strays(content: bytes) -> bytes:
    """Return a file without the bytes between the segments of its header, which all viewers pass over."""
    parts, position = [MAGIC], 2
    while 0 <= (start := content.find(b"\xff", position)) < len(content) - 4:
        marker = content[start + 1]
        position = start + 1
        if marker == _SCAN:
            return b"".join([*parts, content[start:]])
        if marker not in (0, 0xFF):
            position = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
            parts.append(content[start:position])
    return content


def _with_known_transform(content: bytes) -> bytes:
    """Return a file with the usual code of its colour transform, which viewers assume for unknown ones."""
    for marker, start in _segments(content):
        at = start + len(_ADOBE) + 6
        if marker == _ADOBE[1] and content.startswith(_ADOBE, start) and content[at] not in _TRANSFORMS:
            return content[:at] + bytes([_TRANSFORMS[-1]]) + content[at + 1 :]
    return content


def _name_of(content: bytes) -> str:
    """Say what of a JPEG file's process cannot be decoded; nothing where the file is to blame."""
    frame = _frame_of(content)
    if not frame:
        return ""
    marker, bits = frame
    if marker in _LOSSLESS:
        return "lossless JPEG cannot be read here; save it as PNG or TIFF"
    return f"JPEG of {bits} bits cannot be read here; save it with 8 bits" if bits != 8 else ""


def _frame_of(content: bytes) -> tuple[int, int] | None:
    """Return the marker of a file's frame header and its bits a sample."""
    found = ((marker, content[start + 4]) for marker, start in _segments(content) if marker in _FRAMES)
    return next(found, None)


def _lacks_scans(content: bytes) -> bool:
    """Tell whether a progressive file ends before the scans that make all of its coefficients exact."""
    start = next((start for marker, start in _segments(content) if marker in _PROGRESSIVE), -1)
    if start < 0:
        return False
    exact = dict.fromkeys(content[start + 10 : start + 10 + 3 * content[start + 9] : 3], 0)
    while (start := content.find(bytes([0xFF, _SCAN]), start + 2)) >= 0:
        count, *header = content[start + 4 : start + 16].ljust(12, b"\xff")  # ITU-T T.81, B.2.3
        if count > _MOST_COMPONENTS:
            continue
        first, last, precision = header[2 * count : 2 * count + 3]
        for component in header[: 2 * count : 2]:
            found = 0 if precision & 15 else (2 << last) - (1 << first)
            exact[component] = exact.get(component, 0) | found
    return any(coefficients != _ALL_COEFFICIENTS for coefficients in exact.values())


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the markers of the segments before the first scan, and where they are."""
    position = 2
    while content[position : position + 1] == b"\xff" and len(content) >= position + 20:
        marker = content[position + 1]
        if marker == _SCAN:
            return
        if marker != 0xFF:
            yield marker, position
        position += 1 if marker == 0xFF else 2 + int.from_bytes(content[position + 2 : position + 4], "big")
