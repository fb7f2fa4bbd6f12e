"""Metadata of an opened image, also those that libvips leaves out."""

import dataclasses
from collections.abc import Mapping

import pyvips

from colorize_gan.core.images.beside_pixels import iptc_records
from colorize_gan.core.images.metadata import (
    Metadata,
    orientation_of,
    place_of_note,
    read_tags,
    upright_xmp,
    with_size,
)
from colorize_gan.core.images.opened import PROFILE_IGNORED, Opened, number_of
from colorize_gan.core.images.other_pictures import notes_on_other_pictures
from colorize_gan.core.images.png_reading import MAGIC, Beside, read_beside
from colorize_gan.core.images.profiles import ICC
from colorize_gan.core.images.resolution import resolution_in
from colorize_gan.core.images.tiff import is_tiff

_EXIF, _XMP, _IPTC, _ORIENTATION = "exif-data", "xmp-data", "iptc-data", "orientation"


def described(opened: Opened, content: bytes) -> Opened:
    """Add notes, what PNG has in raw profiles, and the orientation that only they or XMP tell.

    A container of HEIC or AVIF says itself how its pixels are turned.
    """
    image = opened.image
    opened = dataclasses.replace(opened, notes=(*opened.notes, *notes_on_other_pictures(content)))
    beside = read_beside(content) if content.startswith(MAGIC) else Beside()
    if beside.has_profile and not _blob(image, ICC):
        opened = dataclasses.replace(opened, notes=(*opened.notes, PROFILE_IGNORED))
    missing = {name: blob for name, blob in beside.profiles.items() if not _blob(image, name)}
    exif = content if is_tiff(content) else missing.get(_EXIF) or _blob(image, _EXIF)
    xmp = missing.get(_XMP) or _blob(image, _XMP)
    turned = 0 if content[4:8] == b"ftyp" else orientation_of(exif, xmp)
    if turned == number_of(image, _ORIENTATION, 1):
        turned = 0  # libvips knows
    if not missing and turned < 2:
        return opened
    # what is read from top to bottom cannot be turned
    image = image.copy_memory() if turned > 1 and opened.samples is None else image.copy()
    for name, blob in missing.items():
        image.set_type(pyvips.GValue.blob_type, name, blob)
    if turned > 1:
        image.set_type(pyvips.GValue.gint_type, _ORIENTATION, turned)
    return dataclasses.replace(opened, image=image)


def metadata_of(image: pyvips.Image, content: bytes) -> Metadata:
    """Return what goes along with an upright sRGB image of a file with this content."""
    block = content if is_tiff(content) else _blob(image, _EXIF)
    tags, subdirectories = read_tags(block, describing=is_tiff(content))
    with_size(subdirectories, image.width, image.height)
    beside = read_beside(content) if content.startswith(MAGIC) else Beside()
    order, note_at = place_of_note(block)
    return Metadata(
        tags,
        subdirectories,
        upright_xmp(_blob(image, _XMP)),
        _blob(image, ICC),
        _resolution(image, beside, tags),
        beside.texts,
        iptc_records(_blob(image, _IPTC)),
        order,
        note_at,
    )


def _resolution(
    image: pyvips.Image, beside: Beside, tags: Mapping[int, tuple[int, object]]
) -> tuple[float, float] | None:
    if not (image.get_typeof("resolution-unit") or beside.has_resolution):
        return None
    found = image.xres, image.yres
    # libvips does not look for that of WebP and AVIF, and says 1
    return (resolution_in(tags) or found) if found == (1, 1) else found


def _blob(image: pyvips.Image, name: str) -> bytes:
    return bytes(image.get(name)) if image.get_typeof(name) else b""
