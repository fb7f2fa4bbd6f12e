"""Decoding TIFF: what libvips reads rightly goes to libvips, the rest is read piece by piece or refused."""

import dataclasses
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pyvips
import simplejpeg
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.libvips import vips_errors
from colorize_gan.core.images.limits import check_size
from colorize_gan.core.images.opened import SEVERAL, Opened, from_samples, with_resolution
from colorize_gan.core.images.profiles import ICC
from colorize_gan.core.images.tiff import has_thumbnails_only, pages_of
from colorize_gan.core.images.tiff_layout import (
    CMYK,
    DEFLATE,
    DIRECTORY_DAMAGED,
    JPEG,
    LZW,
    NONE,
    OLD_DEFLATE,
    PLANES,
    YCBCR,
    Layout,
    check_offsets,
    check_pieces,
    fractions,
    number,
    read_layout,
)
from colorize_gan.core.images.tiff_pieces import read_samples
from colorize_gan.core.system.memory import is_out_of_memory

_EXTRAS_LEFT_OUT = "channels beside colour and transparency are left out"
_ERRORS_SAID = frozenset({NONE, LZW, DEFLATE, OLD_DEFLATE})
"""Compressions of which libtiff calls all damage an error; of the others some is a warning."""
_XMP, _PROFILE, _TABLES = 700, 34675, 347
_INFLATED_AT_ONCE = 1 << 24  # bytes
_INCH, _CENTIMETRE = 2, 3
_SPECTRAL = 3  # channels beside grey: those of a multispectral camera, not a selection


def open_tiff(content: bytes, max_megapixels: float | None) -> Opened:
    """Open a TIFF.

    Raises:
        ImageError: it is too large, damaged, of several pages, or of a kind that cannot be read.
        pyvips.Error: it cannot be decoded.
    """
    layout = look_at_tiff(io.BytesIO(content), max_megapixels)
    opened = _with_libvips(content, layout) if _is_for_libvips(layout) else _by_pieces(content, layout)
    return _without_extras(opened, layout)


def look_at_tiff(file: BinaryIO, max_megapixels: float | None) -> Layout:
    """Read what a TIFF says of its first page.

    Raises:
        ImageError: it is too large, damaged, of several pages, or of a kind that cannot be read.
    """
    pages = pages_of(file)
    if not pages:
        raise ImageError(DIRECTORY_DAMAGED)
    layout = read_layout(pages[0])
    check_size(layout.width, layout.height, max_megapixels)
    if len(pages) > 1 and not has_thumbnails_only(pages):
        raise ImageError(SEVERAL)
    return layout


def _is_for_libvips(layout: Layout) -> bool:
    """Tell whether libvips reads such samples, rightly, and says what it cannot decode."""
    if layout.tile and number(layout.directory, PLANES, 1) != 1:  # also where one plane is all
        return False
    if layout.compression == JPEG:
        return layout.bits == 8
    is_deep = layout.bits in (8, 16)
    is_shallow = layout.bits in (1, 2, 4) and layout.samples == 1
    return layout.compression in _ERRORS_SAID and layout.photometric != YCBCR and (is_deep or is_shallow)


def _with_libvips(content: bytes, layout: Layout) -> Opened:
    """Open what libvips decodes: tiles fail at warnings only, which then are none about tags."""
    if layout.tile or layout.compression == JPEG:
        check_pieces(layout, len(content))
    else:
        check_offsets(layout)
    access = "sequential" if number(layout.directory, 274, 1) == 1 else "random"
    image = pyvips.Image.tiffload_buffer(
        content, access=access, unlimited=True, fail_on="warning" if layout.tile else "error"
    )
    return Opened(image, is_damaged=_is_damaged(content, layout))


def _is_damaged(content: bytes, layout: Layout) -> bool:
    """Tell whether strips or tiles are damaged in ways that libtiff does not say."""
    if layout.compression in (DEFLATE, OLD_DEFLATE):
        pieces = zip(layout.offsets, layout.counts, strict=False)
        return not all(_is_whole(memoryview(content)[offset : offset + count]) for offset, count in pieces)
    return layout.compression == JPEG and _has_damaged_jpeg(content, layout)


def _is_whole(piece: memoryview) -> bool:
    """Tell whether deflated bytes have the checksum that ends them: libtiff stops before it."""
    stream = zlib.decompressobj()
    try:
        while stream.decompress(piece, _INFLATED_AT_ONCE):
            piece = memoryview(stream.unconsumed_tail)
    except zlib.error:
        return False
    return stream.eof


def _has_damaged_jpeg(content: bytes, layout: Layout) -> bool:
    """Tell whether libjpeg warns of a strip or tile; both libtiff and libvips ignore that."""
    colorspace = "CMYK" if layout.photometric == CMYK and layout.planes == 1 else "GRAY"
    for piece in _jpegs(content, layout):
        try:
            simplejpeg.decode_jpeg(piece, colorspace)
        except ValueError:
            return True
    return False


def _jpegs(content: bytes, layout: Layout) -> Iterator[bytes]:
    """Yield the strips or tiles of a page as JPEG files, with the tables that all of them share."""
    tables = layout.directory.get(_TABLES)
    beginning = bytes(tables)[:-2] if isinstance(tables, bytes) else b"\xff\xd8"
    for offset, count in zip(layout.offsets, layout.counts, strict=False):
        yield beginning + content[offset + 2 : offset + count]


def _by_pieces(content: bytes, layout: Layout) -> Opened:
    """Read what libvips cannot; where its decoder only warns, parts are missing."""
    if layout.compression == JPEG:
        raise ImageError(f"JPEG of {layout.bits} bits or in tiled planes inside TIFF; save it without JPEG")
    check_pieces(layout, len(content))
    try:
        with vips_errors():
            samples, is_damaged = read_samples(content, layout, "warning"), False
    except pyvips.Error as error:
        if is_out_of_memory(error):
            raise
        samples, is_damaged = read_samples(content, layout, "error"), True
    space = "cmyk" if layout.photometric == CMYK else ""
    image = _described(from_samples(samples, space), layout.directory)
    if layout.is_premultiplied and layout.samples == layout.colors + 1:
        image = image.unpremultiply().cast(image.format)
    return Opened(image, is_damaged or _is_damaged(content, layout))


def _described(image: pyvips.Image, directory: Directory) -> pyvips.Image:
    """Add what libvips itself would have taken from the directory."""
    for tag, name in ((_PROFILE, ICC), (_XMP, "xmp-data")):
        if isinstance(value := directory.get(tag), bytes):
            image.set_type(pyvips.GValue.blob_type, name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", number(directory, 274, 1))
    unit = {_INCH: 25.4, _CENTIMETRE: 10.0}.get(number(directory, 296, _INCH), 0.0)
    resolution = [float(each) for tag in (282, 283) for each in fractions(directory, tag)[:1]]
    if unit and len(resolution) == 2:
        return with_resolution(image, resolution[0] / unit, resolution[1] / unit)
    return image


def _without_extras(opened: Opened, layout: Layout) -> Opened:
    """Keep the colour and the transparency; grey with many channels beside it is not a photograph."""
    extras = layout.samples - layout.colors
    if extras == (layout.alpha is not None):
        return opened
    if layout.colors == 1 and layout.alpha is None and extras >= _SPECTRAL:
        raise ImageError(
            f"{layout.samples} channels, which are not said to be colours; save it as grey or sRGB"
        )
    image = opened.image
    colors = image.bands - extras  # those of a palette are three by now
    kept = image.extract_band(0, n=colors)
    if layout.alpha is not None:
        kept = kept.bandjoin(image.extract_band(colors + layout.alpha - layout.colors))
    return dataclasses.replace(opened, image=kept, notes=(*opened.notes, _EXTRAS_LEFT_OUT))
