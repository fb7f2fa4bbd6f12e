"""The images of a sequence, read and written as photographs are."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colorize_gan.core.color.pixels import as_grey
from colorize_gan.core.errors import ImageError, VideoError
from colorize_gan.core.images.decode import Picture, read_content
from colorize_gan.core.images.encode import encode
from colorize_gan.core.images.metadata import Metadata
from colorize_gan.core.version import __version__
from colorize_gan.infer.picture import decode
from colorize_gan.infer.video.options import Transfer
from colorize_gan.infer.video.stills.dpx import LINEAR, LOGARITHMIC, VIDEO, Dpx, encode_dpx

QUALITY = 95
"""Quality of JPEG and HEIC."""

_BLACK, _WHITE, _DENSITY, _GAMMA = 95, 685, 0.002, 0.6
"""Codes of 10 bits of Cineon, density of one code, and gamma of a negative: Kodak, 1995."""
_TOP = 65535


@dataclass(frozen=True)
class Still:
    """An image of a sequence."""

    picture: Picture
    depth: int
    """Bits of the samples in the file; those in `picture` are of 8 or 16."""
    header: bytes = b""
    """The header of a DPX file."""


def read_still(path: Path, transfer: Transfer | None) -> Still:
    """Read an image of a sequence.

    Raises:
        VideoError: it cannot be read, or tells a transfer that is not a screen's where ``transfer`` is None.
        OSError: the file cannot be read.
    """
    try:
        content = read_content(path)
        if path.suffix.lower() != ".dpx":
            picture = decode(content, None)
            still = Still(picture, 8 if picture.pixels.dtype == np.uint8 else 16)
        else:
            still = _still_of(Dpx.decode(content), transfer)
    except ImageError as error:
        raise VideoError(f"{path.name}: {error}") from error
    if transfer in (None, "video"):
        return still
    pixels = rescaled(still.picture.pixels, 8 * still.picture.pixels.itemsize, 16)
    shown = _table(transfer)[pixels]
    if shown.ndim == 3 and shown.shape[2] == 4:
        shown[..., 3] = pixels[..., 3]
    return replace(still, picture=replace(still.picture, pixels=shown))


def _still_of(dpx: Dpx, transfer: Transfer | None) -> Still:
    if transfer is None and dpx.transfer in LOGARITHMIC:
        raise VideoError(
            "its transfer is logarithmic; set `transfer` to log, or to video to read it as it is"
        )
    if transfer is None and dpx.transfer == LINEAR:
        raise VideoError("it is of linear light; set `transfer` to linear, or to video to read it as it is")
    pixels = dpx.pixels if dpx.depth == 8 else rescaled(dpx.pixels, dpx.depth, 16)
    return Still(Picture(as_grey(pixels), Metadata()), dpx.depth, dpx.header)


def rescaled(pixels: np.ndarray, depth: int, new_depth: int) -> np.ndarray:
    """Return codes of ``depth`` bits as those of ``new_depth``, uint8 for 8 bits, else uint16, rounded."""
    if depth == new_depth:
        return pixels
    codes = np.arange(1 << max(depth, 8 * pixels.itemsize), dtype=np.float64)
    table = np.rint(codes * (((1 << new_depth) - 1) / ((1 << depth) - 1))).clip(0, (1 << new_depth) - 1)
    return table.astype(np.uint8 if new_depth == 8 else np.uint16)[pixels]


@functools.cache
def _table(transfer: Transfer) -> np.ndarray:
    """Return the code of sRGB for each of 16 bits."""
    codes = np.arange(_TOP + 1) / _TOP
    light = codes
    if transfer == "log":
        exposure = 10 ** ((codes * 1023 - _WHITE) * _DENSITY / _GAMMA)
        black = 10 ** ((_BLACK - _WHITE) * _DENSITY / _GAMMA)
        light = np.clip((exposure - black) / (1 - black), 0, 1)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    return np.rint(shown * _TOP).astype(np.uint16)


def encode_still(
    suffix: str, pixels: np.ndarray, still: Still, transfer: Transfer | None, model: str
) -> bytes:
    """Return the content of an image file.

    Args:
        suffix: chooses the format, in lower case.
        pixels: RGB or RGBA, uint8 or uint16.
        still: that they were made from: its metadata are kept.
        transfer: how that was read.
        model: that made the colours.

    Raises:
        ImageError: the format cannot hold it.
    """
    software = f"colorize-gan {__version__}, colours made by machine, model {model}"
    if suffix != ".dpx":
        return encode(suffix, pixels, QUALITY, still.picture.metadata.made_by(software))
    depth = still.depth if still.depth in (8, 10, 12) and transfer in (None, "video") else 16
    codes = rescaled(pixels, 8 * pixels.itemsize, depth)
    own = Dpx(pixels, depth, still.header).transfer if still.header else VIDEO
    return encode_dpx(codes, depth, still.header, software, own if transfer in (None, "video") else VIDEO)
