"""Telling that a file has other pictures beside the one that all viewers show: they are left out.

A gain map brightens the picture on displays of a high dynamic range. JPEG has it as Google, Apple and ISO
21496-1 define it, HEIC and AVIF as Apple and ISO 23008-12 do. Other views are those of stereo cameras and of
panoramas, in JPEG as CIPA DC-007 (Multi-Picture Format) has them. Previews in that format are smaller copies:
nothing is lost with them.
"""

import io
from collections.abc import Iterator

from PIL import Image

_GAIN_MAP = "its gain map, of an HDR display, is left out"
_OTHER_VIEWS = "its other pictures, of a stereo camera or panorama, are left out"

_IN_JPEG = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1", b"ns.apple.com/HDRGainMap")
_IN_CONTAINER = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_BRAND, _BRANDS = b"tmap", slice(8, 64)
_MULTI_PICTURE, _ENTRIES = b"MPF\0", 0xB002


def notes_on_other_pictures(content: bytes) -> Iterator[str]:
    """Yield what should be said of the content of an image file; nothing for most."""
    if _has_gain_map(content):
        yield _GAIN_MAP
    if _has_other_views(content):
        yield _OTHER_VIEWS


def _has_gain_map(content: bytes) -> bool:
    if content.startswith(b"\xff\xd8"):
        return any(sign in content for sign in _IN_JPEG)
    return content[4:8] == b"ftyp" and (_IN_CONTAINER in content or _BRAND in content[_BRANDS])


def _has_other_views(content: bytes) -> bool:
    if not content.startswith(b"\xff\xd8") or _MULTI_PICTURE not in content:
        return False
    try:
        with Image.open(io.BytesIO(content)) as image:
            entries = getattr(image, "mpinfo", {}).get(_ENTRIES, ())
            return any("Multi-Frame" in entry["Attribute"]["MPType"] for entry in entries)
    except (OSError, SyntaxError, ValueError):  # it is read all the same, without its list of pictures
        return False
