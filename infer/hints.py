"""Hints as users give them: points of a picture whose colour is known, and the file that keeps them."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import ImageColor

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.errors import ImageError
from colorize_gan.core.text import parsed_seconds

SCHEMA = 1
MOST_HINTS = 1000
MOST_BYTES = 1 << 20
"""The largest size of a file of hints."""
HINT_SIDE = 5
"""Pixels, of what the network sees, that a hint covers in each direction; training has 1 to 9."""

_FIELDS = {"schema", "points", "width", "height"}
_NEEDED = ("x", "y", "color")  # of a point; of one in a film the time, too
_MOST_AB = 110  # CIE units; sRGB stays within
_SAME_SHAPE = 0.02  # how much the aspect of two sizes may differ


@dataclass(frozen=True)
class Hint:
    """The colour of a place in a photograph, or in a frame of a film."""

    x: float
    """From the left edge of the upright picture, 0, to the right one, 1."""
    y: float
    """From its upper edge, 0, to the lower one, 1."""
    color: str
    """As CSS has it: `#4b5320`, `steelblue`, `rgb(75, 83, 32)`. Its lightness does not count."""
    note: str = ""
    """Where that is known from, for people."""
    time: Fraction | None = None
    """Seconds of the film; None in a photograph."""
    weight: float = 1.0
    """How much it counts, 0 to 1. No file has it: a hint in a film fades where its place gets covered."""

    def __post_init__(self) -> None:
        """Refuse what is no place or no colour with an `ImageError`."""
        for name, value in (("x", self.x), ("y", self.y)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ImageError(f"{name} is {value!r}: give a share of the picture from 0 to 1")
        _rgb_of(self.color)

    @property
    def ab(self) -> FloatArray:
        """CIE a* and b* of the colour ``(2,)``."""
        rgb = np.array(_rgb_of(self.color), np.uint8)[None, None]
        return rgb_to_lab(rgb)[1][0, 0]


def _rgb_of(color: object) -> tuple[int, ...]:
    try:
        if isinstance(color, str):
            return ImageColor.getrgb(color)[:3]
    except ValueError:
        pass
    raise ImageError(f"color is {color!r}: give a CSS colour such as #4b5320 or steelblue")


def _time_of(time: object) -> Fraction:
    try:
        if isinstance(time, str | int | float):
            return parsed_seconds(str(time))
    except ValueError:
        pass
    raise ImageError(f"time is {time!r}: give seconds, or 1:02:03.5")


@dataclass(frozen=True)
class HintFile:
    """The hints of one file, and the photograph or film they are for."""

    hints: tuple[Hint, ...]
    size: tuple[int, int] | None = None
    """Width and height in pixels of the upright picture that they were made for, where that is known."""

    def for_size(self, width: int, height: int) -> tuple[Hint, ...]:
        """Return the hints for a picture of that size.

        Raises:
            ImageError: they were made for a picture of another shape.
        """
        if self.size and abs(math.log(self.size[0] / self.size[1] * height / width)) > _SAME_SHAPE:
            raise ImageError(f"hints for {self.size[0]} x {self.size[1]} pixels, not for {width} x {height}")
        return self.hints


def parse_hints(content: bytes, *, of_film: bool = False) -> HintFile:
    """Read the content of a file of hints.

    Args:
        content: of a file for a photograph.
        of_film: true where it is for a film, whose points have times.

    Raises:
        ImageError: not such a file, or a hint in it is none; the message is a clause.
    """
    if len(content) > MOST_BYTES:
        raise ImageError(f"hints: more than {MOST_BYTES >> 20} megabyte")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"hints: not JSON ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("points"), list):
        raise ImageError('hints: no object with "schema" and a list of "points"')
    if found.get("schema") != SCHEMA:
        raise ImageError(f"hints: schema {found.get('schema')!r}; this version reads schema {SCHEMA}")
    _check_fields(found, _FIELDS, "hints: ")
    return HintFile(tuple(_points(found["points"], of_film=of_film)), _size_of(found))


def _points(points: Sequence[Any], *, of_film: bool) -> Iterable[Hint]:
    if len(points) > MOST_HINTS:
        raise ImageError(f"hints: {len(points)} points; {MOST_HINTS} are the most")
    places: dict[tuple[float, float, Fraction | None], int] = {}
    for number, point in enumerate(points, 1):
        name = f"hints: point {number}"
        try:
            hint = _hint_of(point, of_film=of_film)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error
        place = (hint.x, hint.y, hint.time)
        if place in places:
            raise ImageError(f"{name}: at the place of point {places[place]}; remove one")
        places[place] = number
        yield hint


def _hint_of(point: object, *, of_film: bool) -> Hint:
    needed = [*_NEEDED, "time"] if of_film else _NEEDED
    if not isinstance(point, dict) or not point.keys() >= set(needed):
        *others, last = (f'"{field}"' for field in needed)
        raise ImageError(f"no object with {', '.join(others)} and {last}")
    if "time" in point and not of_film:
        raise ImageError('"time" is for films; a photograph has no times')
    _check_fields(point, {*needed, "note"})
    time = _time_of(point["time"]) if of_film else None
    return Hint(point["x"], point["y"], point["color"], str(point.get("note", "")), time)


def _check_fields(found: dict[str, Any], known: set[str], prefix: str = "") -> None:
    if others := sorted(found.keys() - known):
        raise ImageError(f"{prefix}{others[0]!r} is none of {', '.join(sorted(known))}")


def _size_of(found: dict[str, Any]) -> tuple[int, int] | None:
    sides = found.get("width"), found.get("height")
    if sides == (None, None):
        return None
    width, height = sides
    if not (isinstance(width, int) and isinstance(height, int) and min(width, height) > 0):
        raise ImageError('hints: "width" and "height" are not whole numbers of pixels')
    return width, height


def hints_content(file: HintFile) -> bytes:
    """Return the content of a file of hints, for people to read."""
    size = dict(zip(("width", "height"), file.size, strict=True)) if file.size else {}
    points = [_point_of(hint) for hint in file.hints]
    text = json.dumps({"schema": SCHEMA, **size, "points": points}, indent=1, ensure_ascii=False)
    return text.encode() + b"\n"


def _point_of(hint: Hint) -> dict[str, object]:
    time = {} if hint.time is None else {"time": float(hint.time)}
    note = {"note": hint.note} if hint.note else {}
    return {**time, "x": hint.x, "y": hint.y, "color": hint.color, **note}


def hint_map(hints: Iterable[Hint], height: int, width: int, saturation: float = 1.0) -> FloatArray:
    """Return hints as a network takes them: CIE a*, b* and weight 0..1, ``(3, height, width)`` float32.

    Args:
        hints: later ones lie above earlier ones.
        height: of what the network sees, in pixels.
        width: the same.
        saturation: by which the network's answer will be multiplied; the hints ask for the less.
    """
    drawn = np.zeros((3, height, width), np.float32)
    for hint in hints:
        row, column = min(int(hint.y * height), height - 1), min(int(hint.x * width), width - 1)
        rows, columns = (slice(max(0, at - HINT_SIDE // 2), at + HINT_SIDE // 2 + 1) for at in (row, column))
        drawn[:2, rows, columns] = (hint.ab / max(saturation, 1e-3))[:, None, None].clip(-_MOST_AB, _MOST_AB)
        drawn[2, rows, columns] = hint.weight
    return drawn
