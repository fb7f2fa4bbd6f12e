"""Telling the format of an image file by its content."""

from colorize_gan.core.errors import UnknownFormatError
from colorize_gan.core.images.tiff import is_tiff

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jif", ".jfif"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
HEIF_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = frozenset({".png", ".webp", ".bmp", ".avif"}) | JPEG_SUFFIXES | TIFF_SUFFIXES | HEIF_SUFFIXES
SIXTEEN_BIT_SUFFIXES = frozenset({".png"}) | TIFF_SUFFIXES
UNSUPPORTED_SUFFIXES = frozenset(
    {".apng", ".dib", ".exr", ".fits", ".gif", ".hdr", ".ico", ".j2k", ".jp2", ".jpf", ".jpx", ".jxl", ".jxr"}
    | {".mpo", ".pbm", ".pcx", ".pgm", ".pnm", ".ppm", ".psb", ".psd", ".svg", ".tga", ".wdp", ".xcf"}
    | {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mrw", ".nef", ".nrw"}
    | {".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f"}
)
"""Suffixes of images that cannot be read here; the last ones are raw formats."""

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
    ".heic": "image/heic",
}
"""The media types of the formats, by their usual suffix."""

_OTHER_SUFFIXES = dict.fromkeys(JPEG_SUFFIXES, ".jpg") | {".tif": ".tiff", ".heif": ".heic"}
_BEGINNINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png", b"BM": ".bmp"}
_OTHERS = {
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"8BPS": "Photoshop",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"II\xbc": "JPEG XR",
    b"\x00\x00\x01\x00": "icon",
    b"SIMPLE  =": "FITS",
    b"gimp xcf": "GIMP",
    b"%PDF": "PDF",
} | {b"P%d\n" % number: "PNM" for number in range(1, 7)}
"""How files of pictures begin that cannot be read here."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"})


def usual_suffix(suffix: str) -> str:
    """Return the one of `MEDIA_TYPES` that a suffix, in any case, stands for."""
    return _OTHER_SUFFIXES.get(suffix.lower(), suffix.lower())


def other_format(content: bytes) -> str:
    """Return the name of a format that cannot be read here; nothing where the content is of none of these."""
    return next((name for beginning, name in _OTHERS.items() if content.startswith(beginning)), "")


def suffix_of(content: bytes) -> str:
    """Return the suffix, one of `MEDIA_TYPES`, that the content of an image file should have.

    Raises:
        UnknownFormatError: it is not of a format that can be colorized.
    """
    for beginning, suffix in _BEGINNINGS.items():
        if content.startswith(beginning):
            return suffix
    if is_tiff(content):
        return ".tiff"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    if content[4:8] == b"ftyp":  # ISO/IEC 14496-12, 4.3
        brands = {content[position : position + 4] for position in range(8, 40, 4)}
        if brands & _AVIF_BRANDS:
            return ".avif"
        if brands & _HEIC_BRANDS:
            return ".heic"
    known = ", ".join(suffix[1:] for suffix in MEDIA_TYPES)
    raise UnknownFormatError(f"not an image of a format that can be colorized ({known})")
