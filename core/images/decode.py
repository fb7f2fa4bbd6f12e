"""Reading image files: libjpeg-turbo and libvips decode them, Pillow those that they do not know.

Errors give the reason only; callers know the file's name and put it in front.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pyvips

from colorize_gan.core.color.pixels import to_8_bits
from colorize_gan.core.errors import ImageError, UnknownFormatError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.images import jpeg
from colorize_gan.core.images.bit_fields import has_bit_fields, open_bit_fields, size_of_bmp
from colorize_gan.core.images.described import described, metadata_of
from colorize_gan.core.images.formats import other_format, suffix_of
from colorize_gan.core.images.libvips import vips_errors
from colorize_gan.core.images.limits import MAX_MEGAPIXELS, check_bytes, check_size
from colorize_gan.core.images.metadata import Metadata
from colorize_gan.core.images.opened import (
    CMYK_OF_NO_PROFILE,
    PROFILE_IGNORED,
    SEVERAL,
    UNDECODABLE,
    Opened,
    from_samples,
    number_of,
    with_fields,
)
from colorize_gan.core.images.pillow_reading import BMP_MAGIC, is_hevc, open_with_pillow
from colorize_gan.core.images.png_reading import MAGIC as PNG_MAGIC
from colorize_gan.core.images.png_reading import is_animated
from colorize_gan.core.images.profiles import (
    is_srgb,
    is_unlabelled_cmyk,
    is_unusable,
    to_srgb,
    without_profile,
)
from colorize_gan.core.images.tiff import is_tiff
from colorize_gan.core.images.tiff_reading import look_at_tiff, open_tiff
from colorize_gan.core.system.memory import is_out_of_memory

_LARGE_FILE, _HEADER = 32_000_000, 64  # bytes
_LAYERS = 16  # of the image's size, that editors keep beside it
_LOADERS = ("png", "webp", "heif", "gif")
_SAMPLE_TYPES = ("uchar", "ushort")


@dataclass(frozen=True)
class Picture:
    """A decoded image file."""

    pixels: np.ndarray
    """sRGB, upright: grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``, uint8 or uint16."""
    metadata: Metadata
    is_damaged: bool = False
    """True if parts of it could not be decoded."""
    notes: tuple[str, ...] = ()
    """Parts of the file that are left out."""


@dataclass(frozen=True)
class Planes:
    """An 8-bit colour image as JPEG keeps it: JFIF's YCbCr, with colour at half the size."""

    luma: np.ndarray
    """uint8, height and width rounded up to even numbers."""
    cb: np.ndarray
    """uint8 of half the height and width of `luma`, as is `cr`."""
    cr: np.ndarray
    size: tuple[int, int]
    """Height and width of the image."""


def read_picture(path: StrPath) -> Picture:
    """Read an image file: see `read_content` and `decode_picture`."""
    return decode_picture(read_content(path), MAX_MEGAPIXELS)


def read_content(path: StrPath, max_megapixels: float = MAX_MEGAPIXELS) -> bytes:
    """Return the bytes of a file, once its size and, of a large one, its header have been looked at.

    Raises:
        ImageError: it cannot be read, is empty, or is larger than an image of so many megapixels.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        check_bytes(size, max_megapixels)
        if size > _LARGE_FILE:
            _check_header(path, size, max_megapixels)
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from error
    if not content:
        raise ImageError("the file is empty")
    return content


def _check_header(path: Path, size: int, max_megapixels: float) -> None:
    """Refuse non-images, and images of too many pixels or of needless size, without reading them whole."""
    with path.open("rb") as file:
        beginning = file.read(_HEADER)
        try:
            suffix_of(beginning)
        except UnknownFormatError as error:
            raise ImageError(UNDECODABLE) from error
        file.seek(0)
        width, height = _size_in_header(file, beginning)
    if width:
        check_size(width, height, max_megapixels)
        check_bytes(size, width * height / 1e6, _LAYERS)


def _size_in_header(file: BinaryIO, beginning: bytes) -> tuple[int, int]:
    """Return width and height; zeros where only decoding will tell what they are, or what is wrong."""
    if is_tiff(beginning):
        layout = look_at_tiff(file, None)
        return layout.width, layout.height
    if beginning.startswith(BMP_MAGIC):
        return size_of_bmp(beginning)
    with contextlib.suppress(pyvips.Error), vips_errors():
        image = pyvips.Image.new_from_file(file.name, access="sequential")
        return image.width, image.height
    return 0, 0


def decode_picture(content: bytes, max_megapixels: float | None = None) -> Picture:
    """Decode an image, whatever its colour space, upright and in sRGB.

    Args:
        content: of a file of one of the `colorize_gan.core.images.formats.SUFFIXES`; it decides what it is.
        max_megapixels: refuse larger ones, before they are decoded.

    Raises:
        ImageError: not an image, cut short, too large, of several pages or frames, or with samples that
            are not integers of up to 16 bits.
        MemoryError: there is not enough.
    """
    try:
        with vips_errors():
            return _decode(described(_open(content, max_megapixels), content), content)
    except pyvips.Error as error:
        if is_out_of_memory(error):
            raise MemoryError from error
        raise ImageError(UNDECODABLE) from error


def read_image(path: StrPath) -> np.ndarray:
    """Read the pixels of `read_picture`."""
    return read_picture(path).pixels


def read_rgb8(path: StrPath) -> np.ndarray:
    """Read any image file as 8-bit sRGB ``(H, W, 3)``, upright.

    Raises:
        ImageError: it cannot be read, or not all of it.
    """
    picture = read_picture(path)
    if picture.is_damaged:
        raise ImageError(UNDECODABLE)
    pixels = to_8_bits(picture.pixels)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if pixels.ndim == 2 else pixels[..., :3]


def decode_rgb8(data: np.ndarray) -> np.ndarray:
    """Decode the bytes ``(N,)`` of a WebP or JPEG file to 8-bit sRGB ``(H, W, 3)``.

    Raises:
        ImageError: it cannot be decoded.
    """
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise ImageError(UNDECODABLE)
    return pixels


def _open(content: bytes, max_megapixels: float | None) -> Opened:
    """Open an image and refuse what its header says cannot be colorized."""
    if content.startswith(jpeg.MAGIC):
        return jpeg.open_jpeg(content, max_megapixels)
    if is_tiff(content):
        return open_tiff(content, max_megapixels)
    if content.startswith(BMP_MAGIC) and has_bit_fields(content):
        return Opened(open_bit_fields(content, max_megapixels))
    if content.startswith(BMP_MAGIC) or is_hevc(content):
        return Opened(open_with_pillow(content, max_megapixels))
    return Opened(_open_with_vips(content, max_megapixels))


def _open_with_vips(content: bytes, max_megapixels: float | None) -> pyvips.Image:
    if name := other_format(content):
        raise ImageError(f"a {name} file, whatever it is called; save it as PNG or TIFF")
    if _has_several_frames(content):
        raise ImageError(SEVERAL)
    # sequential decoding needs one copy of the pixels less, but cannot turn them
    image = pyvips.Image.new_from_buffer(content, "", access="sequential", fail_on="error")
    if image.get("vips-loader").partition("load")[0] not in _LOADERS:
        raise ImageError(UNDECODABLE)
    check_size(image.width, image.height, max_megapixels)
    if number_of(image, "n-pages", 1) > 1:
        raise ImageError(SEVERAL)
    if number_of(image, "orientation", 1) > 1:
        image = pyvips.Image.new_from_buffer(content, "", fail_on="error")
    return image


def _has_several_frames(content: bytes) -> bool:
    """Tell whether this is an animated PNG or an AVIF sequence."""
    if content.startswith(PNG_MAGIC):
        return is_animated(content)
    return content[4:12] == b"ftypavis"


def _decode(opened: Opened, content: bytes) -> Picture:
    image, notes = opened.image, opened.notes
    if image.format not in _SAMPLE_TYPES:
        raise ImageError(f"{image.format} samples; only 8 and 16 bits can be colorized")
    if is_unusable(image):
        image, notes = without_profile(image), (*notes, PROFILE_IGNORED)
    if is_unlabelled_cmyk(image):
        notes = (*notes, CMYK_OF_NO_PROFILE)
    if opened.samples is not None:
        if number_of(image, "orientation", 1) == 1 and is_srgb(image):
            metadata = metadata_of(to_srgb(image), content)
            return Picture(opened.samples, metadata, opened.is_damaged, notes)
        image = with_fields(from_samples(opened.samples), image)
    color, pixels = _upright(image)
    return Picture(pixels, metadata_of(color, content), opened.is_damaged, notes)


def _upright(image: pyvips.Image) -> tuple[pyvips.Image, np.ndarray]:
    """Return an image in sRGB, turned upright and without transparency, and its pixels with it."""
    image = image.autorot()
    bands = image.bands - image.hasalpha()
    opaque = to_srgb(image.extract_band(0, n=bands) if image.hasalpha() else image)
    color = opaque
    if image.hasalpha():
        rgb = color if color.bands == 3 else color.bandjoin([color, color])
        color = rgb.bandjoin(image.extract_band(bands))
    shape = (color.height, color.width) + ((color.bands,) if color.bands > 1 else ())
    return opaque, color.numpy().reshape(shape)
