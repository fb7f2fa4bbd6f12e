"""Resolution in the units of files, and in EXIF (3.0, 4.6.5), which is its only place in some formats."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

from PIL.TiffImagePlugin import IFDRational

from colorize_gan.core.images.metadata import Metadata

_HORIZONTAL, _VERTICAL, _UNIT = 0x011A, 0x011B, 0x0128
_SHORT, _RATIONAL = 3, 5
_INCH, _CM = 2, 3
_MM = {_INCH: 25.4, _CM: 10.0}
_STEPS = 1000  # in one: what is a whole number is written as one

Unit = Literal["inch", "cm"]


def with_unit(pixels_per_mm: tuple[float, float]) -> tuple[Unit, tuple[float, float]]:
    """Return densities with their unit: by the inch, unless only by the centimetre they are whole numbers."""
    inch, cm = (tuple(_rounded(each * _MM[unit]) for each in pixels_per_mm) for unit in (_INCH, _CM))
    is_metric = _is_whole(cm) and not _is_whole(inch)
    horizontal, vertical = cm if is_metric else inch
    return "cm" if is_metric else "inch", (horizontal, vertical)


def with_resolution_as_tags(metadata: Metadata) -> Metadata:
    """Return metadata for a format that has resolution only in EXIF: the file's own, where EXIF has none."""
    if metadata.pixels_per_mm is None or {_HORIZONTAL, _VERTICAL} & metadata.tags.keys():
        return metadata
    unit, (horizontal, vertical) = with_unit(metadata.pixels_per_mm)
    tags: dict[int, tuple[int, object]] = {
        _HORIZONTAL: (_RATIONAL, _rational(horizontal)),
        _VERTICAL: (_RATIONAL, _rational(vertical)),
        _UNIT: (_SHORT, _CM if unit == "cm" else _INCH),
    }
    return dataclasses.replace(metadata, tags={**metadata.tags, **tags})


def resolution_in(tags: Mapping[int, tuple[int, object]]) -> tuple[float, float] | None:
    """Return the pixels a millimetre that EXIF's tags tell; None where they do not."""
    _, unit = tags.get(_UNIT, (_SHORT, _INCH))
    horizontal, vertical = (_density_of(tags.get(tag)) for tag in (_HORIZONTAL, _VERTICAL))
    if unit not in (_INCH, _CM) or not horizontal or not vertical:
        return None
    return horizontal / _MM[unit], vertical / _MM[unit]


def _density_of(tag: tuple[int, object] | None) -> float:
    """Return the value of a tag; 0 where it is no number above it."""
    value = float(tag[1]) if tag and isinstance(tag[1], int | float | IFDRational) else 0
    return value if 0 < value < math.inf else 0


def _rational(value: float) -> IFDRational:
    return IFDRational(round(value * _STEPS), _STEPS)


def _rounded(value: float) -> float:
    return round(value) if abs(value - round(value)) < 1 / _STEPS else value


def _is_whole(values: tuple[float, ...]) -> bool:
    return all(value == round(value) for value in values)
