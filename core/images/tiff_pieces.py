"""Samples of the TIFFs that libvips does not read, or reads wrongly: odd depths, YCbCr, tiled planes.

Their strips or tiles are put under a directory that calls them strips of plain bytes. libvips, or Pillow
where it has the compression, extracts the bytes. Their meaning is computed here.
"""

import io
import struct

import numpy as np
import pyvips
from PIL import Image

from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.metadata import DAMAGED
from colorize_gan.core.images.opened import UNDECODABLE
from colorize_gan.core.images.tiff_layout import (
    FAX,
    LZMA,
    PALETTE,
    WHITE_IS_ZERO,
    YCBCR,
    ZSTD,
    Layout,
    fractions,
    number,
    numbers,
)

_BIG_ENDIAN = b"MM"
_LONG, _BLACK_IS_ZERO = 4, 1
_FILL_ORDER, _FAX_OPTIONS = 266, (292, 293)
_HORIZONTAL = 2  # the predictor: each sample is its difference from the one to its left
_LUMA = (0.299, 0.587, 0.114)
_FULL_RANGE = (0, 255, 128, 255, 128, 255)


def read_samples(content: bytes, layout: Layout, fail_on: str) -> np.ndarray:
    """Return the samples of a page: grey, RGB or CMYK ``(H, W, C)``, uint8 or uint16, and others after them.

    Args:
        content: of the file.
        layout: of the page, whose pieces are in the file.
        fail_on: libvips's word for what is an error: "error", or "warning" also for less.

    Raises:
        ImageError: its samples are of a kind that cannot be read here.
        pyvips.Error: they cannot be decoded.
    """
    if layout.photometric == YCBCR:
        return _from_ycbcr(content, layout, fail_on)
    samples = _integers(content, layout, fail_on)
    top = (1 << layout.bits) - 1
    if layout.photometric == PALETTE:
        return _looked_up(samples, layout)
    if layout.photometric == WHITE_IS_ZERO:
        samples[..., 0] = top - samples[..., 0]
    return _widened(samples, top)


def _widened(samples: np.ndarray, top: int) -> np.ndarray:
    """Scale samples of 0 to ``top`` to all of their type."""
    full = np.iinfo(samples.dtype).max
    if top == full:
        return samples
    table = np.round(np.arange(top + 1) * (full / top)).astype(samples.dtype)
    return table[samples]


def _looked_up(samples: np.ndarray, layout: Layout) -> np.ndarray:
    table: np.ndarray = np.array(numbers(layout.directory, 320)[: 3 << layout.bits], np.uint16).reshape(3, -1)
    if table.size != 3 << layout.bits:
        raise ImageError(f"{UNDECODABLE}: its palette is not complete")
    table = table if table.max() < 256 else table >> 8  # some writers give 8 bits
    colors = table.T.astype(np.uint8)[samples[..., 0]]
    return np.concatenate([colors, samples[..., 1:].astype(np.uint8)], axis=-1)


def _integers(content: bytes, layout: Layout, fail_on: str) -> np.ndarray:
    """Return the samples ``(H, W, S)`` as they are in the file: uint8 up to 8 bits, else uint16."""
    across = layout.samples if layout.planes == 1 else 1
    width = layout.tile[1] if layout.tile else layout.width
    planes = []
    bits = layout.bits
    for plane in range(layout.planes):
        if layout.compression in FAX:  # decoded to a byte, 0 or 255, for each bit
            rows = _rows_of(content, layout, plane, width, layout.rows, fail_on) & 1
            planes.append(_joined(rows[..., None], layout))
            continue
        rows = _rows_of(content, layout, plane, -(-width * across * bits // 8), layout.rows, fail_on)
        read = _unpacked(rows, width * across, layout.bits, content[:2] == _BIG_ENDIAN)
        planes.append(_joined(read.reshape(len(rows), width, across), layout))
    samples = planes[0] if len(planes) == 1 else np.concatenate(planes, axis=-1)
    return samples if layout.predictor == 1 else _undone(samples, layout)


def _undone(samples: np.ndarray, layout: Layout) -> np.ndarray:
    """Undo the predictor."""
    if layout.predictor != _HORIZONTAL or layout.bits not in (8, 16):
        raise ImageError(
            f"a predictor with samples of {layout.bits} bits cannot be read here; save it with LZW"
        )
    step = layout.tile[1] if layout.tile else layout.width
    for start in range(0, layout.width, step):
        part = samples[:, start : start + step]
        np.cumsum(part, axis=1, dtype=samples.dtype, out=part)
    return samples


def _unpacked(rows: np.ndarray, count: int, bits: int, is_big_endian: bool) -> np.ndarray:
    """Return the first ``count`` samples of each row ``(R, B)`` of bytes; above 8 bits they are uint16."""
    if bits == 8:
        return rows[:, :count]
    if bits == 16:
        return rows.view(">u2" if is_big_endian else "<u2")[:, :count].astype(np.uint16)
    samples = np.zeros((len(rows), count), np.uint8 if bits < 8 else np.uint16)
    for row, target in zip(rows, samples, strict=True):  # row by row: a byte a bit takes much memory
        digits = np.unpackbits(row)[: count * bits].reshape(count, bits)
        for place in range(bits):
            target |= digits[:, place].astype(samples.dtype) << (bits - 1 - place)
    return samples


def _joined(read: np.ndarray, layout: Layout) -> np.ndarray:
    """Put the tiles that lie below each other in ``(R, W, S)`` side by side."""
    if not layout.tile:
        return read
    height, width = layout.tile
    down, across = -(-layout.height // height), -(-layout.width // width)
    tiles = read.reshape(down, across, height, width, -1).swapaxes(1, 2)
    return tiles.reshape(down * height, across * width, -1)[: layout.height, : layout.width].copy()


def _from_ycbcr(content: bytes, layout: Layout, fail_on: str) -> np.ndarray:
    """Return RGB ``(H, W, 3)`` uint8 of samples that are luma and chroma (TIFF 6.0, section 21)."""
    horizontal, vertical = (numbers(layout.directory, 530) or (2, 2))[:2]
    if layout.bits != 8 or layout.samples != 3 or (layout.planes > 1 and (horizontal, vertical) != (1, 1)):
        raise ImageError("YCbCr of other than three channels of 8 bits, side by side; save it as RGB")
    if (horizontal, vertical) == (1, 1):
        luma, blue, red = np.moveaxis(_integers(content, layout, fail_on), -1, 0).astype(np.float32)
    elif layout.predictor != 1:
        raise ImageError("YCbCr of reduced colour with a predictor; save it as RGB")
    else:
        luma, blue, red = _subsampled(content, layout, horizontal, vertical, fail_on)
    return _rgb(luma, blue, red, layout)


def _subsampled(content: bytes, layout: Layout, horizontal: int, vertical: int, fail_on: str) -> np.ndarray:
    """Return luma and both chroma ``(3, H, W)`` float32: a unit is a block of luma and one of each chroma."""
    width = layout.tile[1] if layout.tile else layout.width
    block, units = horizontal * vertical, -(-width // horizontal)
    rows = _rows_of(content, layout, 0, units * (block + 2), -(-layout.rows // vertical), fail_on, vertical)
    read = rows.reshape(len(rows), units, block + 2)
    blocks = read[..., :block].reshape(len(rows), units, vertical, horizontal).swapaxes(1, 2)
    luma = blocks.reshape(len(rows) * vertical, units * horizontal, 1)
    chroma = read[..., block:].repeat(vertical, axis=0).repeat(horizontal, axis=1)
    planes = np.concatenate([luma, chroma], axis=-1)[:, :width]
    return np.moveaxis(_joined(planes, layout)[: layout.height], -1, 0).astype(np.float32)


def _rgb(luma: np.ndarray, blue: np.ndarray, red: np.ndarray, layout: Layout) -> np.ndarray:
    bounds = [float(each) for each in fractions(layout.directory, 532)] or list(_FULL_RANGE)
    weights = [float(each) for each in fractions(layout.directory, 529)] or list(_LUMA)
    spans = [high - low for low, high in zip(bounds[::2], bounds[1::2], strict=False)]
    if len(spans) != 3 or len(weights) != 3 or min(*spans, *weights) <= 0:
        raise ImageError(f"{UNDECODABLE}: what its YCbCr means cannot be read")
    y, cb, cr = (
        (plane - low) * (full / (high - low))
        for plane, low, high, full in zip(
            (luma, blue, red), bounds[::2], bounds[1::2], (255, 127, 127), strict=True
        )
    )
    r = y + cr * (2 - 2 * weights[0])
    b = y + cb * (2 - 2 * weights[2])
    g = (y - weights[0] * r - weights[2] * b) / weights[1]
    return np.clip(np.round(np.dstack([r, g, b])), 0, 255).astype(np.uint8)


def _rows_of(
    content: bytes, layout: Layout, plane: int, width: int, rows: int, fail_on: str, merged: int = 1
) -> np.ndarray:
    """Decode the pieces of a plane to rows ``(R, width)`` of bytes, ``rows`` of them a piece.

    ``merged`` is how many rows of the image are one of the bytes.
    """
    pieces = range(plane * layout.pieces_of_plane, (plane + 1) * layout.pieces_of_plane)
    height = rows * len(pieces) if layout.tile else -(-layout.height // merged)
    file = _as_bytes(content, layout, pieces, (height, width, rows))
    if layout.compression in (LZMA, ZSTD):
        return _with_pillow(file)
    return np.asarray(pyvips.Image.tiffload_buffer(file, unlimited=True, fail_on=fail_on).numpy())


def _with_pillow(file: bytes) -> np.ndarray:
    try:
        return np.array(Image.open(io.BytesIO(file), formats=["TIFF"]))
    except DAMAGED as error:
        raise ImageError(f"{UNDECODABLE}: its samples cannot be decompressed") from error


def _as_bytes(content: bytes, layout: Layout, pieces: range, size: tuple[int, int, int]) -> bytes:
    """Return a TIFF whose strips are ``pieces``; ``size``: height, width in bytes, rows of a strip."""
    height, width, rows = size
    parts = [memoryview(content)[layout.offsets[n] : layout.offsets[n] + layout.counts[n]] for n in pieces]
    starts = np.cumsum([8, *(len(part) for part in parts)])
    entries = {256: [width], 257: [height], 258: [8], 259: [layout.compression], 262: [_BLACK_IS_ZERO]}
    entries |= {273: starts[:-1].tolist(), 277: [1], 278: [rows], 279: [len(part) for part in parts]}
    if layout.compression in FAX:
        entries[258] = [1]
    kept = (_FILL_ORDER, *_FAX_OPTIONS)
    entries |= {tag: [number(layout.directory, tag)] for tag in kept if tag in layout.directory}
    return b"".join([b"II*\0", struct.pack("<L", starts[-1]), *parts, _directory(entries, int(starts[-1]))])


def _directory(entries: dict[int, list[int]], position: int) -> bytes:
    """Return a directory of 32-bit numbers for a ``position`` in the file."""
    table, behind = struct.pack("<H", len(entries)), b""
    position += 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}L", *values)
        table += struct.pack("<HHL", tag, _LONG, len(values))
        if len(values) > 1:
            table += struct.pack("<L", position + len(behind))
            behind += packed
        else:
            table += packed
    return table + bytes(4) + behind
