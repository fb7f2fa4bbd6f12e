"""Decoding what libvips does not know: BMP, and HEIC where pillow-heif is installed."""

import io

import numpy as np
import pyvips
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile

from colorize_gan.core.errors import ImageError, UnknownFormatError
from colorize_gan.core.extras import needed
from colorize_gan.core.images.limits import check_size
from colorize_gan.core.images.opened import SEVERAL, UNDECODABLE, from_samples, with_resolution
from colorize_gan.core.images.profiles import ICC

BMP_MAGIC = b"BM"

_UNSUPPORTED = "Unsupported "
_NO_HEIF = f"HEIC {needed('pillow_heif')}"


def is_hevc(content: bytes) -> bool:
    """Tell HEIC from AVIF by its brands (ISO/IEC 14496-12): libvips decodes AVIF only."""
    brands = content[8:40]
    return content[4:8] == b"ftyp" and b"avif" not in brands and b"avis" not in brands


def open_with_pillow(content: bytes, max_megapixels: float | None) -> pyvips.Image:
    """Decode a BMP or HEIC file.

    Raises:
        ImageError: it is too large, damaged, of several pictures, or a BMP of a kind that Pillow lacks.
    """
    try:
        opened = _opened(io.BytesIO(content), is_bmp=content.startswith(BMP_MAGIC))
        check_size(opened.width, opened.height, max_megapixels)
        if getattr(opened, "n_frames", 1) > 1:
            raise ImageError(SEVERAL)
        mode = opened.mode if opened.mode in ("L", "RGB", "RGBA") else "RGB"
        pixels = np.asarray(opened.convert(mode))
    except ImageError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise ImageError(_reason(str(error))) from error
    image = from_samples(pixels)
    for name, key in ((ICC, "icc_profile"), ("exif-data", "exif"), ("xmp-data", "xmp")):
        if opened.info.get(key):
            image.set_type(pyvips.GValue.blob_type, name, opened.info[key])
    horizontal, vertical = opened.info.get("dpi", (0, 0))
    return with_resolution(image, float(horizontal) / 25.4, float(vertical) / 25.4)


def _reason(said: str) -> str:
    """Return the name of what Pillow does not know; what else it says is of damage."""
    name = said.removeprefix(_UNSUPPORTED)
    return UNDECODABLE if name == said else f"{name} cannot be read here; save it as PNG"


def _opened(content: io.BytesIO, *, is_bmp: bool) -> ImageFile:
    """Open a BMP or HEIC file: not by `Image.open`, which has a limit of pixels for the whole process."""
    if is_bmp:
        return BmpImageFile(content)
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise UnknownFormatError(_NO_HEIF) from error
    return HeifImageFile(content)  # type: ignore[no-untyped-call]


def register_heif() -> None:
    """Let Pillow write HEIC.

    Raises:
        UnknownFormatError: pillow-heif is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise UnknownFormatError(_NO_HEIF) from error
    pillow_heif.register_heif_opener()
