"""Image files: which can be read, reading with a reason when one cannot, and writing all or nothing.

Errors give the reason only; callers know the file's name and put it in front.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

import cv2
import numpy as np

from colorize_gan.errors import ImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"})

_SIXTEEN_BIT_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
_ALPHA_SUFFIXES = _SIXTEEN_BIT_SUFFIXES | {".webp", ".bmp"}
_JPEG_MAGIC = b"\xff\xd8"
_LOSSLESS_WEBP = 101  # OpenCV: above 100 is lossless


def read_image(path: Path) -> np.ndarray:
    """Read an image file.

    Returns:
        Grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``, uint8 or uint16. JPEG is turned upright.

    Raises:
        ImageError: unreadable, not an image, truncated, or of a sample type that is not 8 or 16 bit.
    """
    data = _read_bytes(path)
    # IMREAD_UNCHANGED keeps alpha but ignores the EXIF orientation, which matters for JPEG
    is_jpeg = data[:2].tobytes() == _JPEG_MAGIC
    pixels = _decode(data, cv2.IMREAD_ANYCOLOR if is_jpeg else cv2.IMREAD_UNCHANGED)
    if not is_jpeg and _has_second_picture(data):
        raise ImageError("has several pages or frames; only single pictures can be colorized")
    if pixels.dtype == np.uint16 and _is_white_zero_tiff(data):  # which OpenCV turns in 8 bits only
        pixels = 65535 - pixels
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{pixels.dtype} samples; only 8 and 16 bits can be colorized")
    if pixels.ndim == 2:
        return pixels
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, order)


def read_rgb8(path: Path) -> np.ndarray:
    """Read any image file as 8-bit sRGB ``(H, W, 3)``, upright.

    Raises:
        ImageError: it cannot be read.
    """
    return decode_rgb8(_read_bytes(path))


def decode_rgb8(data: np.ndarray) -> np.ndarray:
    """Decode the bytes ``(N,)`` of an image file as `read_rgb8` does."""
    return _decode(data, cv2.IMREAD_COLOR_RGB)


def _read_bytes(path: Path) -> np.ndarray:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})") from error
    if not data.size:
        raise ImageError("the file is empty")
    return data


def _decode(data: np.ndarray, flags: int) -> np.ndarray:
    try:
        pixels = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise ImageError(f"cannot be decoded ({error.err})") from error
    if pixels is None:
        raise ImageError("not an image, or damaged or cut short")
    return pixels


def _has_second_picture(data: np.ndarray) -> bool:
    """Tell whether there is another TIFF page or another frame of an animation."""
    if _tiff_byte_order(data):
        return cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(1, 2))[0]
    content = data.tobytes()
    if content.startswith(b"\x89PNG"):  # animated: an acTL chunk before the first IDAT
        return 0 <= content.find(b"acTL") < content.find(b"IDAT")
    # animated WebP: a flag in the extended header
    return content[8:16] == b"WEBPVP8X" and bool(content[20] & 0x02)


def _tiff_byte_order(data: np.ndarray) -> Literal["little", "big"] | None:
    magic = {b"II*\0": "little", b"MM\0*": "big"}
    return cast(Literal["little", "big"] | None, magic.get(data[:4].tobytes()))


def _is_white_zero_tiff(data: np.ndarray) -> bool:
    """Tell whether the first directory of a TIFF says PhotometricInterpretation 0 (TIFF 6.0, section 8)."""
    order = _tiff_byte_order(data)
    if order is None:
        return False

    def number(offset: int, length: int) -> int:
        return int.from_bytes(data[offset : offset + length].tobytes(), order)

    directory = number(4, 4)
    entries = (directory + 2 + 12 * index for index in range(number(directory, 2)))
    return any(number(entry, 2) == 262 and number(entry + 8, 2) == 0 for entry in entries)


def write_image(path: Path, pixels: np.ndarray, quality: int) -> None:
    """Write an image file; it appears when it is complete.

    Args:
        path: its suffix chooses the format. WebP is written lossless: lossy WebP keeps luma in 220
            levels, too few for the lightness of a photograph.
        pixels: RGB or RGBA, uint8 or uint16; 16 bits become 8 where the format has no more.
        quality: of the colour in JPEG, 1 to 100. Lightness is written finer, at a fifth of the loss: 95
            alone moves L* by up to 2.5 in noisy shadows.

    Raises:
        ImageError: the format cannot hold it, or it cannot be written.
    """
    suffix = path.suffix.lower()
    if pixels.shape[2] == 4 and suffix not in _ALPHA_SUFFIXES:
        if (pixels[..., 3] == np.iinfo(pixels.dtype).max).all():
            return write_image(path, pixels[..., :3], quality)
        raise ImageError(f"{suffix} cannot hold its transparency; use --format png")
    if pixels.dtype == np.uint16 and suffix not in _SIXTEEN_BIT_SUFFIXES:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    try:
        encoded = cv2.imencode(suffix, cv2.cvtColor(pixels, order), _parameters(suffix, quality))[1]
    except cv2.error as error:
        raise ImageError(f"cannot be encoded ({error.err})") from error
    try:
        with atomic_path(path) as part:
            part.write_bytes(encoded.tobytes())
    except OSError as error:
        raise ImageError(f"cannot be written ({error.strerror})") from error


def _parameters(suffix: str, quality: int) -> list[int]:
    """Return OpenCV's encoder settings for a format."""
    if suffix in (".jpg", ".jpeg"):
        luma = 100 - (100 - quality) // 5
        return [cv2.IMWRITE_JPEG_LUMA_QUALITY, luma, cv2.IMWRITE_JPEG_CHROMA_QUALITY, quality]
    return [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS_WEBP] if suffix == ".webp" else []


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a hidden path beside ``target``, of its suffix, that becomes it when the block succeeds."""
    part = target.with_name(f".{os.getpid()}-{threading.get_ident()}.part{target.suffix}")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
