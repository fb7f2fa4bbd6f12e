"""Writing PNG: the pixels deflated by ISA-L, and the metadata of their source.

The chunks are those of PNG (third edition), sections 11.2 and 11.3. ISA-L takes half the time of zlib's
fastest level, and its files are smaller. The filter Up costs one subtraction a sample. To
choose the best filter for each photograph would save 2 per cent.
"""

import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo

from colorize_gan.core.color.pixels import strips
from colorize_gan.core.images.metadata import Metadata
from colorize_gan.core.images.png_reading import LONGEST_TEXT, MAGIC, XMP

_LEVEL = 1  # of ISA-L's 0 to 3
_UP = 2  # number of the filter
_COLOR_TYPES = {3: 2, 4: 6}  # by the number of channels
_LONG_TEXT = 1000  # characters, from which it is worth to be compressed


def encode_png(pixels: np.ndarray, metadata: Metadata) -> bytes:
    """Return the content of a PNG file.

    Args:
        pixels: RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``, uint8 or uint16, contiguous.
        metadata: of it, everything is kept.
    """
    height, width, channels = pixels.shape
    header = np.array([width, height], ">u4").tobytes()
    header += bytes([8 * pixels.itemsize, _COLOR_TYPES[channels], 0, 0, 0])
    parts = [MAGIC, *_chunk(b"IHDR", header)]
    for kind, data in _describing(metadata):
        parts += _chunk(kind, data)
    for data in _deflated(pixels):
        parts += _chunk(b"IDAT", data)
    return b"".join([*parts, *_chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> Iterable[bytes]:
    check = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return len(data).to_bytes(4, "big"), kind, data, check.to_bytes(4, "big")


def _describing(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kinds and contents of the chunks of metadata."""
    if metadata.icc:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)
    if metadata.pixels_per_mm:
        per_meter = np.rint(1000 * np.array(metadata.pixels_per_mm))
        yield b"pHYs", per_meter.astype(">u4").tobytes() + b"\1"
    if exif := metadata.exif():
        yield b"eXIf", exif
    if metadata.xmp:
        yield b"iTXt", XMP.encode() + bytes(5) + metadata.xmp
    info = PngInfo()
    for key, text in metadata.texts:
        info.add_text(key, text, zip=len(text) > _LONG_TEXT)
    if iptc := metadata.iptc:
        text = f"\niptc\n{len(iptc):8}\n{iptc.hex()}\n"
        info.add_text("Raw profile type iptc", text, zip=len(text) <= LONGEST_TEXT)  # no limit without
    yield from (chunk[:2] for chunk in info.chunks)


def _deflated(pixels: np.ndarray) -> Iterator[bytes]:
    """Yield the filtered and deflated rows, strip by strip."""
    compressor = isal_zlib.compressobj(_LEVEL)
    for strip in strips(*pixels.shape[:2]):
        if data := compressor.compress(_filtered(pixels, strip)):
            yield data
    yield compressor.flush()


def _filtered(pixels: np.ndarray, strip: slice) -> NDArray[np.uint8]:
    """Return rows as PNG's filter Up leaves them: bytes ``(h, 1 + W * C * bytes)``, its number first."""
    rows = pixels[max(0, strip.start - 1) : strip.stop]
    samples = rows.astype(rows.dtype.newbyteorder(">"), copy=False).view(np.uint8).reshape(len(rows), -1)
    if strip.start == 0:
        samples = np.vstack([np.zeros_like(samples[:1]), samples])
    filtered = np.empty((len(samples) - 1, 1 + samples.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    np.subtract(samples[1:], samples[:-1], out=filtered[:, 1:])
    return filtered
