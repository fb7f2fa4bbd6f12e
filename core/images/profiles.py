"""Colour profiles: every image becomes sRGB before its Lab is computed. LittleCMS, through libvips."""

import functools
import io

import numpy as np
import pyvips
from PIL import ImageCms

from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.libvips import vips_errors

ICC = "icc-profile-data"
"""Name of libvips's field for the profile."""

_INTENT = "relative"  # keeps L* relative to the paper, without stretching the blacks
_LATTICE_STEPS = 9


def srgb_profile() -> bytes:
    """Return an ICC profile of sRGB."""
    return pyvips.Operation.call("profile_load", "srgb")


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Convert an image of any colour space to sRGB or neutral grey of the same depth.

    Args:
        image: without alpha, uchar or ushort. Its `ICC` field, if any, says what its samples mean; it is
            not `is_unusable`. That of the result is an sRGB profile, and there is none where there was none.

    Raises:
        ImageError: a colour space that cannot be converted.
    """
    depth = 16 if image.format == "ushort" else 8
    if image.interpretation == "cmyk":
        return _transformed(image, depth)
    if image.bands not in (1, 3):
        raise ImageError(f"{image.bands} channels of {image.interpretation}; save it as grey or RGB")
    profile = _profile(image)
    if not profile:
        return image
    if _says_srgb(profile, image.bands):
        return _labelled(image, srgb_profile() if image.bands == 1 else profile)
    if image.bands == 1 and profile[16:20] == b"RGB ":
        return _transformed(_labelled(image.bandjoin([image, image]), profile), depth)[1]
    converted = _transformed(image, depth)
    return converted[1] if image.bands == 1 else converted


def is_srgb(image: pyvips.Image) -> bool:
    """Tell whether `to_srgb` leaves the samples of an image as they are."""
    if image.interpretation == "cmyk" or image.bands not in (1, 3):
        return False
    profile = _profile(image)
    return not profile or _says_srgb(profile, image.bands)


def is_unusable(image: pyvips.Image) -> bool:
    """Tell whether an image, grey or RGB beside alpha, has a profile that is damaged or of other channels.

    For CMYK nothing else says what the samples mean; there `to_srgb` refuses it.
    """
    bands = image.bands - image.hasalpha()
    profile = _profile(image)
    if image.interpretation == "cmyk" or bands not in (1, 3) or not profile:
        return False
    if not _fits(profile, bands) or not _can_be_used(profile):
        return True
    try:
        _says_srgb(profile, bands)
    except ImageError:
        return True
    return False


def is_unlabelled_cmyk(image: pyvips.Image) -> bool:
    """Tell whether the inks of an image mean only what most printers take them for."""
    return bool(image.interpretation == "cmyk") and not _profile(image)


def without_profile(image: pyvips.Image) -> pyvips.Image:
    """Return an image whose samples are what they would be without its profile."""
    image = image.copy()
    image.remove(ICC)
    return image


def _profile(image: pyvips.Image) -> bytes:
    return image.get(ICC) if image.get_typeof(ICC) else b""


def _fits(profile: bytes, bands: int) -> bool:
    """Tell whether a profile can be of an image of so many channels; all viewers ignore the others."""
    return profile[16:20] == b"RGB " or (profile[16:20] == b"GRAY" and bands == 1)


@functools.lru_cache(maxsize=32)
def _can_be_used(profile: bytes) -> bool:
    """Tell whether LittleCMS makes a conversion of a profile; libvips only warns where it does not."""
    try:
        mode = "L" if profile[16:20] == b"GRAY" else "RGB"
        ImageCms.buildTransform(io.BytesIO(profile), io.BytesIO(srgb_profile()), mode, "RGB")
    except ImageCms.PyCMSError:
        return False
    return True


@functools.lru_cache(maxsize=32)
def _says_srgb(profile: bytes, bands: int) -> bool:
    """Tell whether a profile changes no 8-bit sample by more than rounding."""
    ramp = np.linspace(0, 255, _LATTICE_STEPS).astype(np.uint8)
    if bands == 1 and profile[16:20] == b"GRAY":
        samples = np.arange(256, dtype=np.uint8)[None]
    else:
        samples = np.stack(np.meshgrid(ramp, ramp, ramp), axis=-1).reshape(1, -1, 3)
    converted = _transformed(_labelled(pyvips.Image.new_from_array(samples), profile), 8).numpy()
    change = converted.astype(np.int16) - samples.reshape(*samples.shape[:2], -1)
    return bool(np.abs(change).max() <= 1)


def _transformed(image: pyvips.Image, depth: int) -> pyvips.Image:
    # the CMYK profile is for images that bring none
    try:
        with vips_errors():
            return image.icc_transform(
                "srgb", embedded=True, input_profile="cmyk", intent=_INTENT, depth=depth
            )
    except pyvips.Error as error:
        raise ImageError("its colour profile cannot be converted; save it as sRGB") from error


def _labelled(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, ICC, profile)
    return image
