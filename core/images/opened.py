"""An opened image, on its way from a decoder to sRGB, and what every decoder of it does."""

from dataclasses import dataclass

import numpy as np
import pyvips

UNDECODABLE = "cannot be decoded (damaged, truncated, or not an image)"
_FIELDS = ("icc-profile-data", "exif-data", "xmp-data", "iptc-data", "orientation", "resolution-unit")
PROFILE_IGNORED = "its colour profile, damaged or of other channels, was ignored"
CMYK_OF_NO_PROFILE = "CMYK without a colour profile was read as usual offset print"
SEVERAL = "has several pages or frames; only single pictures can be colorized"


@dataclass(frozen=True)
class Opened:
    """An image whose header has been read; its samples may be decoded later."""

    image: pyvips.Image
    """With the fields of libvips: profile, EXIF, XMP, orientation, resolution."""
    is_damaged: bool = False
    """True if parts of it could not be decoded."""
    notes: tuple[str, ...] = ()
    """Parts of the file that are left out, ignored or assumed."""
    samples: np.ndarray | None = None
    """Those of the image, grey ``(H, W)`` or RGB ``(H, W, 3)``, where they are in memory already."""


def from_samples(samples: np.ndarray, space: str = "") -> pyvips.Image:
    """Return an image of samples ``(H, W)`` or ``(H, W, C)``: grey, RGB, or libvips's ``space``."""
    bands = 1 if samples.ndim == 2 else samples.shape[2]
    names = {np.dtype(np.uint8): ("b-w", "srgb"), np.dtype(np.uint16): ("grey16", "rgb16")}
    image = pyvips.Image.new_from_array(np.ascontiguousarray(samples))
    return image.copy(interpretation=space or names[samples.dtype][bands > 2])


def number_of(image: pyvips.Image, name: str, default: int) -> int:
    """Return a field of an image."""
    return int(image.get(name)) if image.get_typeof(name) else default


def with_fields(image: pyvips.Image, other: pyvips.Image) -> pyvips.Image:
    """Return ``image`` with profile, EXIF, XMP, orientation and resolution of the ``other``."""
    image = image.copy(xres=other.xres, yres=other.yres)
    for name in _FIELDS:
        if kind := other.get_typeof(name):
            image.set_type(kind, name, other.get(name))
    return image


def with_resolution(image: pyvips.Image, horizontal: float, vertical: float) -> pyvips.Image:
    """Return ``image`` with a resolution in pixels a millimetre; one that is not above zero is none."""
    if not min(horizontal, vertical) > 0:
        return image
    image = image.copy(xres=horizontal, yres=vertical)
    image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    return image
