"""A picture in right colours of the same person, uniform or place: what looks alike gets its colours.

The network sees it beside the picture to colour, as one picture, and all its colours as hints.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.color.pixels import to_8_bits
from colorize_gan.core.color.tones import tone_of
from colorize_gan.core.contract import SizeRule
from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.core.hints import LARGEST_AB, join_hints
from colorize_gan.core.images.decode import decode_picture, read_content
from colorize_gan.core.images.limits import MAX_MEGAPIXELS

_WEIGHT = 1.0  # of each of its pixels as a hint
_ENOUGH = 1024  # pixels of the short side: several times what networks see
_GAP = 50.0  # L* of what lies between the two


@dataclass(frozen=True)
class Reference:
    """A picture whose colours are right."""

    rgb: np.ndarray
    """sRGB ``(H, W, 3)`` uint8, no larger than of use."""
    digest: str
    """SHA-256 of its file."""


def read_reference(path: Path) -> Reference:
    """Read an image file.

    Raises:
        UsageError: it cannot be read, is damaged or too large, or has no colours.
    """
    try:
        content = read_content(path)
        pixels = to_8_bits(decode_picture(content, MAX_MEGAPIXELS).pixels)
    except ImageError as error:
        raise UsageError(f"`reference` {path}: {error}") from error
    if tone_of(pixels) != "color":
        raise UsageError(f"`reference` {path}: it is grey or toned; give a picture in right colours")
    rgb: np.ndarray = np.ascontiguousarray(pixels[..., :3])
    scale = _ENOUGH / min(rgb.shape[:2])
    if scale < 1:  # once: each picture and each frame of a film resizes it again
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Reference(rgb, hashlib.sha256(content).hexdigest())


def beside(
    reference: Reference, inputs: FloatArray, rule: SizeRule, saturation: float
) -> tuple[FloatArray, tuple[slice, slice]]:
    """Put a reference above a picture or to its left, so that little is added and the whole is no strip.

    Args:
        reference: the picture in right colours.
        inputs: CIE L*, and perhaps hints as `join_hints` adds them: ``(1, 1 or 4, H, W)``.
        rule: the sizes that the network takes.
        saturation: by which the network's answer will be multiplied; the hints ask for the less.

    Returns:
        Both as one input with hints ``(1, 4, H', W')``, and the rows and columns of the picture in it.
    """
    picture = np.zeros((4, *inputs.shape[2:]), np.float32)
    picture[: inputs.shape[1]] = inputs[0]
    height, width = inputs.shape[2:]
    longer = reference.rgb.shape[1] / reference.rgb.shape[0]
    axis = 1 if width / height <= longer**2 else 2  # above, or to the left
    size = (rule.fit(width / longer), width) if axis == 1 else (height, rule.fit(height * longer))
    gap = np.zeros(
        (4, *(rule.multiple_of if side == axis - 1 else size[side] for side in (0, 1))), np.float32
    )
    gap[0] = _GAP
    joined = np.concatenate([_as_hints(reference, size, saturation), gap, picture], axis=axis)[None]
    place = slice(joined.shape[2] - height, None), slice(joined.shape[3] - width, None)
    return join_hints(joined[:, :1], joined[:, 1:]), place


def _as_hints(reference: Reference, size: tuple[int, int], saturation: float) -> FloatArray:
    """Return L*, a*, b* and weight ``(4, h, w)`` of a reference at a size ``(h, w)``."""
    lightness, ab = rgb_to_lab(cv2.resize(reference.rgb, size[::-1], interpolation=cv2.INTER_AREA))
    hints = np.full((4, *size), _WEIGHT, np.float32)
    hints[0], hints[1:3] = lightness, ab.transpose(2, 0, 1) / max(saturation, 1e-3)
    hints[1:3] = hints[1:3].clip(-LARGEST_AB, LARGEST_AB)
    return hints
