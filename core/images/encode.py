"""Writing image files, all or nothing, with the metadata of their source."""

import io

import numpy as np
import pyvips
import simplejpeg
from PIL import Image

from colorize_gan.core.color.pixels import to_8_bits
from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.beside_pixels import end_of_applications, jpeg_beginning, webp_with_exif
from colorize_gan.core.images.decode import Planes
from colorize_gan.core.images.formats import (
    HEIF_SUFFIXES,
    JPEG_SUFFIXES,
    SIXTEEN_BIT_SUFFIXES,
    SUFFIXES,
    TIFF_SUFFIXES,
)
from colorize_gan.core.images.libvips import vips_errors
from colorize_gan.core.images.metadata import DAMAGED, Metadata
from colorize_gan.core.images.pillow_reading import register_heif
from colorize_gan.core.images.png_writing import encode_png
from colorize_gan.core.images.profiles import ICC
from colorize_gan.core.images.resolution import with_resolution_as_tags
from colorize_gan.core.images.tiff import with_tags
from colorize_gan.core.system.memory import is_out_of_memory

_FAST = 1  # of zlib: higher levels take much longer for a few per cent
_SAMPLED_ROWS = 64  # one of so many
_WORTH = 0.9  # of the size: 16 bits of grain keep all of it, and would take longer than all else
_OPAQUE_SUFFIXES = JPEG_SUFFIXES | {".bmp"}
_WITH_RESOLUTION = JPEG_SUFFIXES | TIFF_SUFFIXES | {".bmp"}
_FRAME_HEADER = b"\xff\xc0\x00\x11\x08"  # baseline, three components, 8 bits


def encode(suffix: str, pixels: np.ndarray, quality: int, metadata: Metadata) -> bytes:
    """Return the content of an image file.

    Args:
        suffix: chooses the format, in lower case. WebP and AVIF are lossless: their lossy modes keep luma
            in 220 levels or fewer, too few for the lightness of a photograph.
        pixels: RGB or RGBA, uint8 or uint16; 16 bits become 8 where the format has no more.
        quality: of JPEG and HEIC, 1 to 100. It is used at a fifth of its loss: 95 as the format's 95
            would move L* by up to 2.5 in noisy shadows.
        metadata: goes where the format has a place for it.

    Raises:
        ImageError: the format cannot hold it, or is not one that is written here.
        MemoryError: there is not enough.
    """
    if suffix not in SUFFIXES:
        raise ImageError(f"{suffix or 'a name without a suffix'} is not a format that can be written here")
    if pixels.shape[2] == 4 and suffix in _OPAQUE_SUFFIXES:
        if (pixels[..., 3] != np.iinfo(pixels.dtype).max).any():
            raise ImageError(f"{suffix} cannot hold its transparency; save it as PNG, TIFF or WebP")
        pixels = pixels[..., :3]
    if pixels.dtype == np.uint16 and suffix not in SIXTEEN_BIT_SUFFIXES:
        pixels = to_8_bits(pixels)
    pixels = np.ascontiguousarray(pixels)
    try:
        if suffix == ".png":
            return encode_png(pixels, metadata)
        metadata = metadata.with_texts_as_tags()
        if suffix not in _WITH_RESOLUTION:
            metadata = with_resolution_as_tags(metadata)
        if suffix == ".bmp" or suffix in HEIF_SUFFIXES:
            return _encode_with_pillow(suffix, pixels, quality, metadata)
        with vips_errors():
            return _encode_with_vips(suffix, pixels, quality, metadata)
    except (pyvips.Error, *DAMAGED) as error:
        raise _not_encoded(error) from error


def encode_planes(planes: Planes, quality: int, metadata: Metadata) -> bytes:
    """Return the content of the JPEG file of ``planes``; ``quality`` as `encode` takes it."""
    try:
        coded = simplejpeg.encode_jpeg_yuv_planes(planes.luma, planes.cb, planes.cr, _finer(quality))
        beginning = jpeg_beginning(metadata.with_texts_as_tags())
    except DAMAGED as error:
        raise _not_encoded(error) from error
    return b"".join([beginning, *_with_size(coded, *planes.size)])


def _with_size(jpeg: bytes, height: int, width: int) -> list[bytes | memoryview]:
    """Return what follows the application segments, in parts, with the size of the image in its frame header.

    libjpeg wants planes of even sides; an image that is one less has the same blocks (ITU-T T.81, A.2.4).
    """
    frame = jpeg.index(_FRAME_HEADER)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return [jpeg[end_of_applications(jpeg) : frame + 5], size, memoryview(jpeg)[frame + 9 :]]


def _not_encoded(error: Exception) -> Exception:
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return MemoryError() if is_out_of_memory(error) else ImageError(f"cannot be encoded ({reason})")


def _encode_with_vips(suffix: str, pixels: np.ndarray, quality: int, metadata: Metadata) -> bytes:
    interpretation = "rgb16" if pixels.dtype == np.uint16 else "srgb"
    horizontal, vertical = metadata.pixels_per_mm or (1, 1)
    image = pyvips.Image.new_from_array(pixels).copy(
        interpretation=interpretation, xres=horizontal, yres=vertical
    )
    if suffix in JPEG_SUFFIXES:
        coded = image.jpegsave_buffer(Q=_finer(quality), subsample_mode="on")
        return b"".join([jpeg_beginning(metadata), memoryview(coded)[end_of_applications(coded) :]])
    for name, content in ((ICC, metadata.icc), ("xmp-data", metadata.xmp)):
        if content:
            image.set_type(pyvips.GValue.blob_type, name, content)
    if suffix in TIFF_SUFFIXES:
        rows = np.ascontiguousarray(pixels[::_SAMPLED_ROWS])
        is_grain = len(_deflated(pyvips.Image.new_from_array(rows))) > _WORTH * rows.nbytes
        return with_tags(image.tiffsave_buffer() if is_grain else _deflated(image), metadata.without_note())
    exif = metadata.exif() if suffix == ".webp" else metadata.without_note().exif()
    if exif:
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    if suffix == ".webp":
        return webp_with_exif(image.webpsave_buffer(lossless=True, exact=True, effort=1), exif)
    return image.heifsave_buffer(compression="av1", lossless=True, effort=2)


def _deflated(image: pyvips.Image) -> bytes:
    return image.tiffsave_buffer(compression="deflate", predictor="horizontal", level=_FAST)


def _encode_with_pillow(suffix: str, pixels: np.ndarray, quality: int, metadata: Metadata) -> bytes:
    stream = io.BytesIO()
    dpi = tuple(25.4 * each for each in metadata.pixels_per_mm) if metadata.pixels_per_mm else (0, 0)
    image = Image.fromarray(pixels)
    if suffix == ".bmp":
        image.save(stream, "BMP", dpi=dpi)
    else:
        register_heif()
        image.save(
            stream,
            "HEIF",
            quality=_finer(quality),
            chroma=444,
            exif=metadata.exif() or None,
            icc_profile=metadata.icc,
            xmp=metadata.xmp,
        )
    return stream.getvalue()


def _finer(quality: int) -> int:
    return 100 - (100 - quality) // 5
