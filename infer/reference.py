"""A picture in right colours of the same person, uniform or place: what looks alike gets its colours.

The network sees it beside the picture to colour, as one picture, and all its colours as hints.
"""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.color.pixels import to_8_bits
from colorize_gan.core.color.tones import tone_of
from colorize_gan.core.contract import ModelContract, SizeRule
from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.core.hints import LARGEST_AB, join_hints
from colorize_gan.core.images.decode import decode_picture, read_content
from colorize_gan.core.images.limits import MAX_MEGAPIXELS
from colorize_gan.infer.backends.bundled import HINTS_MODEL

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


@dataclass(frozen=True)
class ReferenceFile:
    """The file of a reference, which is decoded where it is used."""

    path: Path
    digest: str
    """SHA-256 of its content."""
    max_megapixels: float = MAX_MEGAPIXELS
    """The most that the picture in it may have."""
    content: bytes | None = field(default=None, repr=False, compare=False)
    """Goes along to other machines, which may not see the file."""

    @classmethod
    def of(cls, path: Path, max_megapixels: float) -> Self:
        """Look at a file.

        Raises:
            ImageError: it cannot be read.
        """
        try:
            with path.open("rb") as file:
                return cls(path, hashlib.file_digest(file, "sha256").hexdigest(), max_megapixels)
        except OSError as error:
            raise ImageError(f"`reference` {path}: cannot be read ({error.strerror})") from error

    def read(self) -> bytes:
        """Return its content.

        Raises:
            ImageError: it cannot be read, or is too large.
        """
        if self.content is not None:
            return self.content
        try:
            return read_content(self.path, self.max_megapixels)
        except ImageError as error:
            raise ImageError(f"`reference` {self.path}: {error}") from error

    def with_content(self, content: bytes) -> Self:
        """Return it with its content."""
        return replace(self, content=content)

    def decoded(self) -> Reference:
        """Return the picture in it.

        Raises:
            ImageError: it cannot be read, is damaged or too large, or has no colours.
        """
        return parse_reference(self.read(), f"`reference` {self.path}", self.max_megapixels)


def parse_reference(content: bytes, name: str, max_megapixels: float = MAX_MEGAPIXELS) -> Reference:
    """Decode the content of an image file.

    Args:
        content: of the file.
        name: begins the messages of errors.
        max_megapixels: of the picture.

    Raises:
        ImageError: it is damaged or too large, or has no colours.
    """
    try:
        pixels = to_8_bits(decode_picture(content, max_megapixels).pixels)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
    if tone_of(pixels) == "grey":
        raise ImageError(f"{name}: it is grey; give a picture in right colours")
    rgb: np.ndarray = np.ascontiguousarray(pixels[..., :3])
    scale = _ENOUGH / min(rgb.shape[:2])
    if scale < 1:  # once: each picture and each frame of a film resizes it again
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Reference(rgb, hashlib.sha256(content).hexdigest())


def read_reference(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Reference:
    """Read the reference of a whole run.

    Raises:
        UsageError: it cannot be read, is damaged or too large, or has no colours.
    """
    try:
        return ReferenceFile(path, "", max_megapixels).decoded()
    except ImageError as error:
        raise UsageError(str(error)) from error


def open_reference(path: Path | None, contract: ModelContract) -> Reference | None:
    """Read the reference of a run with a model; None for none.

    Raises:
        UsageError: see `read_reference`; or the model takes no hints.
    """
    if path is None:
        return None
    check_takes_references(contract)
    return read_reference(path)


def check_takes_references(contract: ModelContract) -> None:
    """Refuse a model that has no use for references.

    Raises:
        UsageError: it takes no hints.
    """
    if not contract.takes_hints:
        raise UsageError(
            f"`reference`: the model {contract.name} takes no references; use `model` {HINTS_MODEL}"
        )


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
