"""Decoding BMP whose samples are bits of a word, at places that its header tells; Pillow knows few places.

The layout is that of Microsoft's BITMAPV5HEADER, of which older headers are the beginning.
"""

import struct

import numpy as np
import pyvips

from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.limits import check_size
from colorize_gan.core.images.opened import UNDECODABLE, from_samples, with_resolution

_COMPRESSIONS = (3, 6)
_WORDS = {16: "<u2", 32: "<u4"}
_BEGINNING, _HEADER_WITH_ALPHA = 70, 56  # bytes


def size_of_bmp(content: bytes) -> tuple[int, int]:
    """Return width and height of a BMP file, or what its header has in their place."""
    is_old = content[14:18] == b"\x0c\0\0\0"
    width, height = struct.unpack_from("<HH" if is_old else "<ll", content, 18)
    return abs(width), abs(height)


def has_bit_fields(content: bytes) -> bool:
    """Tell whether a BMP file says where the bits of its samples are."""
    if len(content) < _BEGINNING:
        return False
    bits, compression = struct.unpack_from("<HL", content, 28)
    return compression in _COMPRESSIONS and bits in _WORDS


def open_bit_fields(content: bytes, max_megapixels: float | None) -> pyvips.Image:
    """Decode such a file: RGB, or RGBA where any pixel can be seen; 16 bits a sample where 8 are too few.

    Raises:
        ImageError: it is too large, damaged or cut short.
    """
    width, height = struct.unpack_from("<ll", content, 18)  # a negative height: from top to bottom
    check_size(width, abs(height), max_megapixels)
    words = _words(content, width, abs(height))[:: 1 if height < 0 else -1]
    masks = _masks(content)
    depth = np.uint8 if max(mask.bit_count() for mask in masks) <= 8 else np.uint16
    channels = [_channel(words, mask, depth) for mask in masks]
    if not channels[-1].any():
        channels = channels[:3]  # that is alpha which nobody wrote
    image = from_samples(np.dstack(channels))
    across, down = struct.unpack_from("<ll", content, 38)
    return with_resolution(image, across / 1000, down / 1000)


def _words(content: bytes, width: int, height: int) -> np.ndarray:
    """Return the pixels ``(H, W)``, in the order of the file, whose rows are whole words of 32 bits."""
    (start,), (bits,) = struct.unpack_from("<L", content, 10), struct.unpack_from("<H", content, 28)
    row = -(-width * bits // 32) * 4
    if min(width, height) < 1 or start + row * height > len(content):
        raise ImageError(UNDECODABLE)
    rows = np.frombuffer(content, np.uint8, row * height, start).reshape(height, row)
    return rows.view(_WORDS[bits])[:, :width]


def _masks(content: bytes) -> list[int]:
    """Return the bits of red, green and blue, and of alpha where there is some."""
    size, compression = struct.unpack_from("<L", content, 14)[0], struct.unpack_from("<L", content, 30)[0]
    has_alpha = size >= _HEADER_WITH_ALPHA or compression == _COMPRESSIONS[1]
    *colors, alpha = struct.unpack_from("<4L", content, 54)
    if not all(colors):
        raise ImageError(UNDECODABLE)
    return [*colors, alpha] if has_alpha and alpha else colors


def _channel(words: np.ndarray, mask: int, depth: type[np.unsignedinteger]) -> np.ndarray:
    """Return the samples ``(H, W)`` of a mask, scaled to all of their ``depth``."""
    lowest = mask & -mask
    values = (words & words.dtype.type(mask)) // words.dtype.type(lowest)
    top = mask // lowest
    return np.round(values * (np.iinfo(depth).max / top)).astype(depth)
