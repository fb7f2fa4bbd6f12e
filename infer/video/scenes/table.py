"""The file of a film's scenes: a table that runs write, and that a person may edit."""

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import get_args

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.atomic import write_atomically
from colorize_gan.core.text import parsed_seconds
from colorize_gan.infer.colorizer import MAXIMUM_SATURATION
from colorize_gan.infer.video.planning import Border

_COLUMNS = ("start", "end", "border", "strength", "saturation", "skip", "made")
_NEEDED = frozenset({"start", "end"})
_SKIP = {"": False, "no": False, "0": False, "false": False, "yes": True, "1": True, "true": True, "x": True}
_BORDERS: dict[str, Border] = {border: border for border in get_args(Border)}
_MILLISECONDS = 1000


@dataclass(frozen=True)
class Scene:
    """Frames that belong together, and how they are coloured."""

    start: Fraction
    """Whole milliseconds, in seconds as `VideoOptions.start` counts them."""
    end: Fraction
    border: Border = "cut"
    strength: float | None = None
    """0 to 1; None for that of the run."""
    saturation: float | None = None
    skip: bool = False
    """Leave the frames as they are."""
    made: str = ""
    """A run's note about the output that has this scene; see `Scenes`."""


def rounded(seconds: Fraction) -> Fraction:
    """Return a time as the file has it."""
    return Fraction(round(seconds * _MILLISECONDS), _MILLISECONDS)


def write_scenes(path: Path, scenes: Sequence[Scene]) -> None:
    """Write the file.

    Raises:
        OSError: it cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows(_row_of(scene) for scene in scenes)
    write_atomically(path, text.getvalue().encode())


def _row_of(scene: Scene) -> list[str]:
    numbers = ("" if value is None else f"{value:g}" for value in (scene.strength, scene.saturation))
    times = (f"{float(time):.3f}" for time in (scene.start, scene.end))
    return [*times, scene.border, *numbers, "yes" if scene.skip else "", scene.made]


def read_scenes(path: Path) -> list[Scene]:
    """Read the file.

    Raises:
        UsageError: it is no such table, a value is not one of its column, or the scenes do not follow each
            other.
        OSError: it cannot be read.
    """
    try:
        table = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), restkey="more")
        _check_columns(path, table.fieldnames or ())
        scenes = [
            scene for row in table for scene in _scenes_of(row, f"`scenes` {path}, line {table.line_num}")
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"`scenes` {path}: not a table in CSV ({error})") from error
    if not scenes:
        raise UsageError(f"`scenes` {path}: has no scene; remove the file to find them again")
    _check_order(path, scenes)
    return scenes


def _check_columns(path: Path, names: Sequence[str]) -> None:
    known = ", ".join(_COLUMNS)
    for name in names:
        if name not in _COLUMNS:
            raise UsageError(f"`scenes` {path}: unknown column {name!r}; there are {known}")
        if names.count(name) > 1:
            raise UsageError(f"`scenes` {path}: column {name} is there twice")
    if missing := sorted(_NEEDED - set(names)):
        raise UsageError(f"`scenes` {path}: has no column {missing[0]}; there are {known}")


def _scenes_of(row: Mapping[str, str | None], place: str) -> Iterator[Scene]:
    """Yield the scene of a row; nothing for an empty one."""
    if "more" in row:
        raise UsageError(f"{place}: has more values than there are columns")
    cells = {name: (value or "").strip() for name, value in row.items()}
    if not any(cells.values()):
        return
    border = _BORDERS.get(cells.get("border") or "cut")
    skip = cells.get("skip", "").lower()
    if border is None:
        raise UsageError(f"{place}: border {cells['border']!r} is none of {', '.join(_BORDERS)}")
    if skip not in _SKIP:
        raise UsageError(f"{place}: skip {skip!r} is neither yes nor no")
    yield Scene(
        _time(cells, "start", place),
        _time(cells, "end", place),
        border,
        _number(cells, "strength", 1, place),
        _number(cells, "saturation", MAXIMUM_SATURATION, place),
        _SKIP[skip],
        cells.get("made", ""),
    )


def _time(cells: Mapping[str, str], name: str, place: str) -> Fraction:
    try:
        return rounded(parsed_seconds(cells[name]))
    except ValueError:
        raise UsageError(f"{place}: {name} {cells[name]!r} is no time; write seconds, or 1:02:03.5") from None


def _number(cells: Mapping[str, str], name: str, most: float, place: str) -> float | None:
    text = cells.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:  # not: NaN
        raise UsageError(f"{place}: {name} {text!r} is not a number from 0 to {most}")
    return value


def _check_order(path: Path, scenes: Sequence[Scene]) -> None:
    for number, scene in enumerate(scenes, 1):
        if scene.end <= scene.start:
            raise UsageError(
                f"`scenes` {path}: scene {number} ends at {_shown(scene.end)} s, before it starts"
            )
    for number, (before, scene) in enumerate(itertools.pairwise(scenes), 2):
        if scene.start != before.end:
            what = "overlaps" if scene.start < before.end else "leaves a gap behind"
            raise UsageError(
                f"`scenes` {path}: scene {number} {what} the one before: "
                f"it starts at {_shown(scene.start)} s, that one ends at {_shown(before.end)} s"
            )


def check_fit(path: Path, scenes: Sequence[Scene], start: Fraction, end: Fraction) -> None:
    """Refuse scenes that are not those from ``start`` to ``end``, in seconds, of a film.

    Raises:
        UsageError: they begin or end at another time.
    """
    first, last = rounded(start), rounded(end)
    if (scenes[0].start, scenes[-1].end) != (first, last):
        own, film = (
            f"{_shown(a)} to {_shown(b)} s" for a, b in ((scenes[0].start, scenes[-1].end), (first, last))
        )
        raise UsageError(
            f"`scenes` {path}: its scenes are from {own}, the film from {film}; "
            "change them, or remove the file to find them again"
        )


def _shown(seconds: Fraction) -> str:
    return f"{float(seconds):.3f}"
