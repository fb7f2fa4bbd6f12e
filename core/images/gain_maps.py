"""Telling that a file has a gain map, which brightens its picture on displays of a high dynamic range.

It lies beside the picture that all viewers show: in JPEG as Google, Apple and ISO 21496-1 have it, in HEIC
and AVIF as Apple and ISO 23008-12 have it.
"""

GAIN_MAP_LEFT_OUT = "its gain map, of an HDR display, is left out"

_IN_JPEG = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496:-1", b"ns.apple.com/HDRGainMap")
_IN_CONTAINER = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_BRAND, _BRANDS = b"tmap", slice(8, 64)


def has_gain_map(content: bytes) -> bool:
    """Tell whether the content of a JPEG, HEIC or AVIF file has a gain map."""
    if content.startswith(b"\xff\xd8"):
        return any(sign in content for sign in _IN_JPEG)
    return content[4:8] == b"ftyp" and (_IN_CONTAINER in content or _BRAND in content[_BRANDS])
