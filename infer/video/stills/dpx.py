"""DPX files, SMPTE ST 268: FFmpeg reads their samples; the header is read, kept and written here.

FFmpeg does not tell that a file is logarithmic, and its encoder writes a header of its own.
"""

import struct
from dataclasses import dataclass
from typing import Self

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.planes import plane_view

LINEAR, LOGARITHMIC, VIDEO = 2, frozenset({1, 3}), 6
"""Codes of transfer: linear light; printing density and logarithmic; ITU-R BT.709."""

_ORDERS = {b"SDPX": ">", b"XPDS": "<"}
DPX_HEADER = 2048
"""Bytes in front of what only the maker of a file knows."""
_GENERIC, _INDUSTRY = 1664, 384  # bytes
_ELEMENT, _TRANSFER = 780, 801
_RGB, _RGBA = 50, 51
_FILLED = 1  # packing: samples of 10 bits in words of 32, of 12 bits in words of 16
_UNDEFINED = 0xFFFFFFFF
_CREATOR = slice(160, 260)
_TEXTS = ((36, 660), (1432, 1620), (1664, 1712), (1732, 1864))  # empty rather than undefined


@dataclass(frozen=True)
class Dpx:
    """A file of this format."""

    pixels: np.ndarray
    """Codes of its depth, uint8 or uint16: grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``."""
    depth: int
    """Bits of a sample."""
    header: bytes
    """All in front of the samples."""

    @property
    def transfer(self) -> int:
        """Code of the transfer."""
        return self.header[_TRANSFER]

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Decode a file.

        Raises:
            VideoError: it cannot be decoded.
        """
        order = _ORDERS.get(content[:4])
        if order is None or len(content) < DPX_HEADER:
            raise VideoError("not a DPX file, or cut short")
        context = av.CodecContext.create("dpx", "r")
        assert isinstance(context, VideoCodecContext)
        try:
            [frame] = context.decode(av.Packet(content))
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(f"cannot be decoded as DPX ({error})") from error
        offset = struct.unpack(f"{order}I", content[4:8])[0]
        pixels = _pixels(frame)
        return cls(
            pixels, frame.format.components[0].bits, content[: max(DPX_HEADER, min(offset, len(content)))]
        )


def kind_in_dpx(header: bytes) -> tuple[int, int, int] | None:
    """Return height, width and bits of a sample by the beginning of a file; None where it is not DPX."""
    order = _ORDERS.get(header[:4])
    if order is None or len(header) < DPX_HEADER:
        return None
    width, height = struct.unpack_from(f"{order}II", header, 772)
    return height, width, header[803]


def _pixels(frame: VideoFrame) -> np.ndarray:
    form = frame.format
    bits, count = form.components[0].bits, len(form.components)
    if not (form.is_rgb or form.name.startswith("gray")):
        raise VideoError(f"DPX with samples of {form.name} is not supported; convert it to RGB first")
    name = {1: "gray", 3: "gbrp", 4: "gbrap"}[count] + ("" if bits == 8 else f"{bits}le")
    planar = frame if form.name == name else frame.reformat(format=name, threads=1)
    planes = [plane_view(plane, np.dtype(np.uint8 if bits == 8 else np.uint16)) for plane in planar.planes]
    if count == 1:
        return planes[0].copy()
    green, blue, red, *alpha = planes
    return np.stack([red, green, blue, *alpha], axis=-1)


def encode_dpx(pixels: np.ndarray, depth: int, header: bytes, creator: str, transfer: int) -> bytes:
    """Return the content of a file.

    Args:
        pixels: RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)`` codes of ``depth`` bits, uint8 or uint16.
        depth: 8, 10, 12 or 16.
        header: of the file that they were made from, whose fields are kept; empty for none.
        creator: software that made the picture.
        transfer: code of the transfer; see `LINEAR`.
    """
    filled = bytearray(header or _new_header())
    order = _ORDERS[bytes(filled[:4])]
    height, width, channels = pixels.shape
    samples = _packed(pixels, depth, order)
    padding = 0 if depth == 10 else -width * channels * (1 if depth == 8 else 2) % 4
    filled[_CREATOR] = creator.encode("ascii", "replace")[:99].ljust(100, b"\0")
    _put(filled, order, 4, "I", len(filled))
    _put(filled, order, 16, "I", len(filled) + len(samples))
    _put(filled, order, 768, "HHII", 0, 1, width, height)
    _put(filled, order, _ELEMENT, "II", 0, 0)
    _put(filled, order, _ELEMENT + 12, "I", (1 << depth) - 1)
    filled[800:804] = _RGBA if channels == 4 else _RGB, transfer, filled[802], depth
    _put(filled, order, 804, "HHIII", _FILLED if depth in (10, 12) else 0, 0, len(filled), padding, 0)
    return bytes(filled) + samples


def _put(header: bytearray, order: str, position: int, form: str, *values: int) -> None:
    struct.pack_into(f"{order}{form}", header, position, *values)


def _packed(pixels: np.ndarray, depth: int, order: str) -> bytes:
    """Return the rows of a picture, each filled up to a word of 32 bits."""
    height, width, channels = pixels.shape
    if depth == 10:
        words = np.zeros((height, -(-width * channels // 3) * 3), np.uint32)
        words[:, : width * channels] = pixels.reshape(height, -1)
        words = words.reshape(height, -1, 3) << np.array([22, 12, 2], np.uint32)
        return words.sum(axis=-1, dtype=np.uint32).astype(f"{order}u4").tobytes()
    samples = pixels << 4 if depth == 12 else pixels
    rows = samples.reshape(height, -1).astype("u1" if depth == 8 else f"{order}u2").view(np.uint8)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()


def _new_header() -> bytes:
    header = bytearray(b"\xff" * DPX_HEADER)
    header[:36] = struct.pack(">4sI8s5I", b"SDPX", DPX_HEADER, b"V1.0", 0, 1, _GENERIC, _INDUSTRY, 0)
    for start, end in _TEXTS:
        header[start:end] = bytes(end - start)
    return bytes(header)
