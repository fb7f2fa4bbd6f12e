import struct

import numpy as np
import pytest

from colorize_gan.core.errors import ImageError, TooLargeError
from colorize_gan.core.images.decode import decode_picture

Y, X = np.mgrid[:24, :31]
RGB: np.ndarray = np.dstack([40 + 5 * Y, 30 + 6 * X, 220 - 4 * X - 2 * Y]).astype(np.uint8)
RGBA: np.ndarray = np.dstack([RGB, 255 - 9 * Y]).astype(np.uint8)
MASKS = {
    "565": (16, (0xF800, 0x07E0, 0x001F)),
    "555": (16, (0x7C00, 0x03E0, 0x001F)),
    "231": (16, (0x0030, 0x000E, 0x0001)),
    "red-lowest": (32, (0x0000FF, 0x00FF00, 0xFF0000)),
    "10-bits": (32, (0x3FF << 20, 0x3FF << 10, 0x3FF)),
    "12-bits": (32, (0xFFF << 20, 0xFFF << 8, 0xFF)),
}


def levels(samples: np.ndarray, mask: int) -> tuple[np.ndarray, int]:
    """What a mask can hold of 8-bit samples, and its largest value."""
    top = mask // (mask & -mask)
    return np.round(samples * (top / 255)).astype(np.uint32), top


def bmp(samples: np.ndarray, bits: int, masks: tuple[int, ...], header: int = 40, order: int = -1) -> bytes:
    """A BMP of 8-bit samples with a header of so many bytes; order 1 for rows from top to bottom."""
    words = np.zeros(samples.shape[:2], np.uint32)
    for number, mask in enumerate(masks):
        words |= levels(samples[..., number], mask)[0] * np.uint32(mask & -mask)
    height, width = words.shape
    padded = np.pad(words.astype(f"<u{bits // 8}")[::order], ((0, 0), (0, width * bits // 16 % 2)))
    compression = 6 if header == 40 and len(masks) == 4 else 3
    fields = struct.pack("<LllHHL", header, width, -order * height, 1, bits, compression)
    fields += struct.pack("<LllLL", padded.nbytes, 3937, 3937, 0, 0) + struct.pack(f"<{len(masks)}L", *masks)
    fields = fields.ljust(header, b"\0")
    return b"BM" + struct.pack("<LLL", 0, 0, 14 + len(fields)) + fields + padded.tobytes()


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize(("header", "order"), [(40, -1), (40, 1), (124, -1)])
def test_bits_are_where_the_header_says(name: str, header: int, order: int) -> None:
    bits, masks = MASKS[name]
    picture = decode_picture(bmp(RGB, bits, masks, header, order))
    full = np.iinfo(picture.pixels.dtype).max
    assert picture.pixels.dtype == (np.uint16 if "1" in name[:1] else np.uint8)
    assert picture.metadata.pixels_per_mm == (3.937, 3.937)
    for number, mask in enumerate(masks):
        values, top = levels(RGB[..., number], mask)
        assert np.abs(picture.pixels[..., number] - values * (full / top)).max() <= 0.5


@pytest.mark.parametrize("header", [40, 56, 124])
def test_alpha_is_kept_unless_nobody_wrote_it(header: int) -> None:
    masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    assert np.array_equal(decode_picture(bmp(RGBA, 32, masks, header)).pixels, RGBA)
    unwritten = np.dstack([RGB, np.zeros_like(Y)])
    assert np.array_equal(decode_picture(bmp(unwritten, 32, masks, header)).pixels, RGB)


def test_damaged_files_are_refused() -> None:
    content = bmp(RGB, *MASKS["10-bits"])
    with pytest.raises(ImageError, match="truncated"):
        decode_picture(content[:-1])
    with pytest.raises(ImageError, match="truncated"):
        decode_picture(content[:22] + bytes(4) + content[26:])
    with pytest.raises(ImageError, match="damaged"):
        decode_picture(content.replace(struct.pack("<L", 0x3FF), bytes(4)))
    with pytest.raises(TooLargeError):
        decode_picture(content, max_megapixels=1e-4)


def test_other_kinds_of_bmp_are_refused_by_name() -> None:
    content = bytearray(bmp(RGB, *MASKS["555"]))
    content[28] = 2
    with pytest.raises(ImageError, match="BMP pixel depth"):
        decode_picture(bytes(content))
