"""From a decoded picture to the content of its file in colour, as every way to colorize files does it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from colorize_gan.core.color.lab import lightness_of
from colorize_gan.core.color.metrics import colorfulness
from colorize_gan.core.color.pixels import as_grey, halve, strips, to_8_bits
from colorize_gan.core.images.beside_pixels import left_out
from colorize_gan.core.images.decode import Picture, decode_picture
from colorize_gan.core.images.encode import encode, encode_planes
from colorize_gan.core.images.formats import JPEG_SUFFIXES, SIXTEEN_BIT_SUFFIXES, usual_suffix
from colorize_gan.core.version import __version__
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.hints import HintFile
from colorize_gan.infer.notes import DAMAGED, HARDLY_ANY_COLOR
from colorize_gan.infer.reference import Reference
from colorize_gan.infer.timings import StageClock

_LITTLE_COLOR = 7.0  # colourfulness; one photograph in a hundred is below with the shipped model
_SAMPLE_SIDE = 256  # pixels, of what colourfulness is measured on, at least


@dataclass(frozen=True)
class Colored:
    """A picture in colour."""

    content: bytes
    """Content of its file."""
    shown: np.ndarray
    """Its RGB, of a large one reduced: uint8 or uint16 ``(H, W, C)``."""
    facts: dict[str, Any]
    """Facts about it: fields of `ItemResult`."""


def decode(content: bytes, max_megapixels: float | None) -> Picture:
    """Decode the content of an image file; what has neutral pixels only becomes grey.

    Raises:
        ImageError: see `decode_picture`.
    """
    picture = decode_picture(content, max_megapixels)
    return dataclasses.replace(picture, pixels=as_grey(picture.pixels))


def color(
    picture: Picture,
    suffix: str,
    colorizer: Colorizer,
    quality: int,
    clock: StageClock,
    hints: HintFile | None = None,
    reference: Reference | None = None,
) -> Colored:
    """Colorize a picture of `decode` and encode it for a lower-case ``suffix``.

    Raises:
        ImageError: it is too small, the format cannot hold it, the hints are not for it, or the model takes
            none.
        MemoryError: there is not enough for an image of this size.
    """
    software = f"colorize-gan {__version__}, colours made by machine, model {colorizer.contract.name}"
    metadata = picture.metadata.made_by(software)
    pixels = picture.pixels
    given = hints.for_size(pixels.shape[1], pixels.shape[0]) if hints else ()
    with clock.measure("preprocess"):
        prepared = colorizer.prepare(pixels)
    with clock.measure("infer"):
        ab = colorizer.predict(prepared, given, reference)
    if suffix in JPEG_SUFFIXES and pixels.ndim == 2 and pixels.dtype == np.uint8:
        with clock.measure("merge"):
            planes, shown = colorizer.merge_planes(prepared, ab)
        with clock.measure("encode"):
            content = encode_planes(planes, quality, metadata)
    else:
        with clock.measure("merge"):
            shown = colorizer.merge(prepared, ab)
        with clock.measure("encode"):
            content = encode(suffix, shown, quality, metadata)
    facts = facts_of(picture, shown, suffix) | ({"hints": len(given)} if given else {})
    return Colored(content, shown, facts)


def copy(picture: Picture, content: bytes, own: str, suffix: str, quality: int) -> Colored:
    """Leave a picture as it is, in colour: the ``content`` of its file, unless that is of another format.

    Args:
        picture: of `decode`.
        content: it was decoded from.
        own: suffix of the file.
        suffix: that the copy is to have, in lower case.
        quality: of another format.

    Raises:
        ImageError: the other format cannot hold it.
    """
    if usual_suffix(own) != usual_suffix(suffix):
        content = encode(suffix, picture.pixels, quality, picture.metadata)
    facts = facts_of(picture, picture.pixels, suffix) | {"note": "already in colour: copied"}
    return Colored(content, picture.pixels, facts)


def facts_of(picture: Picture, shown: np.ndarray, suffix: str) -> dict[str, Any]:
    """Return what is to be said of an output: fields of `ItemResult`."""
    height, width = picture.pixels.shape[:2]
    lively = _sampled_colorfulness(shown)
    notes = [*([DAMAGED] if picture.is_damaged else []), *picture.notes, *left_out(picture.metadata, suffix)]
    notes += [HARDLY_ANY_COLOR] if lively < _LITTLE_COLOR else []
    return {
        "note": "; ".join(notes),
        "width": width,
        "height": height,
        "bits": 16 if shown.dtype == np.uint16 and suffix in SIXTEEN_BIT_SUFFIXES else 8,
        "colorfulness": lively,
    }


def lightness_error(before: np.ndarray, content: bytes) -> float:
    """Return the largest error of L* that the content of a written file has."""
    return lightness_difference(before, decode_picture(content).pixels)


def lightness_difference(before: np.ndarray, after: np.ndarray) -> float:
    """Return the largest difference of L* between two pictures of one size, see `Picture`."""
    errors = (
        cv2.norm(lightness_of(after[strip]), lightness_of(before[strip]), cv2.NORM_INF)
        for strip in strips(*before.shape[:2])
    )
    return round(max(errors), 4)


def _sampled_colorfulness(pixels: np.ndarray) -> float:
    if pixels.ndim == 2:
        return 0.0
    channels = [_sample(cv2.extractChannel(pixels, number)) for number in range(3)]
    return round(colorfulness(to_8_bits(cv2.merge(channels))), 2)


def _sample(channel: np.ndarray) -> np.ndarray:
    while max(channel.shape) >= 2 * _SAMPLE_SIDE and min(channel.shape) >= 2:
        height, width = channel.shape
        channel = halve(channel[: height & -2, : width & -2])  # odd sides would take five times as long
    return channel
