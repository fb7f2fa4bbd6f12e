"""The places of a film's hints in its frames: each is carried back and forth through its scene."""

import bisect
import tempfile
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import IO, Any, TypeVar

import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.hints import Hint
from colorize_gan.infer.video.carrying import carry, path_at
from colorize_gan.infer.video.film_hints import FilmHints, time_of
from colorize_gan.infer.video.pipeline import FramePipeline
from colorize_gan.infer.video.planning import APART
from colorize_gan.infer.video.scenes.table import rounded
from colorize_gan.infer.video.scenes.work import Part, Scenes

_CODES = 2.55  # of 8 bits, in 1 L*
_MEMORY = 1 << 28  # bytes, for the frames of a scene; of more, a temporary file has them
_ROW = np.dtype([("frame", "<i8"), ("hint", "<i4"), ("x", "<f4"), ("y", "<f4"), ("weight", "<f4")])

_Item = TypeVar("_Item")


class Tracks:
    """The hints of each frame of a film."""

    def __init__(self, points: Sequence[Hint], rows: np.ndarray) -> None:
        """Take the hints of a film, and their places as `find_tracks` returns them."""
        self._points = points
        self._rows = np.sort(rows, order=["frame", "weight", "hint"])  # what fades lies below the others

    def at(self, frame: int) -> list[Hint]:
        """Return the hints of a frame, counted from 0."""
        first, last = np.searchsorted(self._rows["frame"], [frame, frame + 1])
        return [
            replace(self._points[hint], x=x, y=y, weight=weight)
            for _, hint, x, y, weight in self._rows[first:last].tolist()
        ]


def find_tracks(
    pipeline: FramePipeline[_Item, Any],
    parts: Iterable[Part[tuple[int, Fraction, _Item]]],
    hints: FilmHints,
    table: Scenes | None,
) -> np.ndarray:
    """Return the places of the hints: a row of frame, hint, x, y and weight for each frame of each.

    Args:
        pipeline: plans the frames.
        parts: the film; an item has the number of a frame, from 0, its seconds, and what the pipeline takes.
        hints: of the film; those of parts that are not coloured get no places.
        table: of the scenes; without one they are found.

    Raises:
        UsageError: a hint is at a frame that gets no colours of its own.
    """
    found = [np.empty(0, _ROW)]
    points_of: dict[int, set[int]] = defaultdict(set)
    for point, hint in enumerate(hints.points):
        points_of[table.number_at(time_of(hint)) if table else 0].add(point)
    with tempfile.SpooledTemporaryFile(_MEMORY) as file:
        for part in parts:
            points = points_of.pop(part.number, set())
            if points and part.task == "color":
                scenes = _scenes_of(pipeline, part.items, file, has_cuts=table is None)
                found += _rows_of(scenes, hints, points)
            if not points_of:  # the rest need not be decoded
                break
    return np.concatenate(found)


def _rows_of(
    scenes: Generator["_Scene", None, None], hints: FilmHints, points: set[int]
) -> Iterator[np.ndarray]:
    """Yield the rows of some hints; scenes behind the last of them are not looked at."""
    with closing(scenes):
        for scene in scenes:
            own = {point for point in points if not scene.end or time_of(hints.points[point]) < scene.end}
            yield np.array(list(scene.rows(hints, sorted(own))), _ROW)
            points = points - own
            if not points:
                return


def _scenes_of(
    pipeline: FramePipeline[_Item, Any],
    items: Iterable[tuple[int, Fraction, _Item]],
    file: IO[bytes],
    *,
    has_cuts: bool,
) -> Generator["_Scene", None, None]:
    """Yield the scenes of a part; each is gone when the next one is taken."""
    noted: deque[tuple[int, Fraction]] = deque()
    with closing(pipeline.plans(_noted(items, noted), has_cuts=has_cuts)) as plans:
        scene = _Scene(file)
        for plan in plans:
            frame, seconds = noted.popleft()
            if plan.border and scene.times:
                scene.end = rounded(seconds)
                yield scene
                scene = _Scene(file)
            is_apart = plan.role in APART
            scene.add(frame, rounded(seconds), None if is_apart else pipeline.upright(plan.lightness))
        if scene.times:
            yield scene


def _noted(
    items: Iterable[tuple[int, Fraction, _Item]], noted: deque[tuple[int, Fraction]]
) -> Iterator[_Item]:
    for frame, seconds, item in items:
        noted.append((frame, seconds))
        yield item


class _Scene:
    """The frames of a scene, in a file from which they are read in any order."""

    def __init__(self, file: IO[bytes]) -> None:
        """Begin a scene in a file, which is emptied."""
        file.seek(0)
        file.truncate()
        self._file, self._shape = file, (0, 0)
        self._kept: list[int | None] = []  # for each frame, its number in the file
        self._frames: list[int] = []  # for each one in the file, its number in the film
        self.times: list[Fraction] = []
        """When each frame is shown, in seconds."""
        self.end: Fraction | None = None
        """When the next scene begins; None where none follows."""

    def add(self, frame: int, time: Fraction, lightness: FloatArray | None) -> None:
        """Add a frame; None for its lightness where the scene continues as if it were not there."""
        self.times.append(time)
        self._kept.append(None if lightness is None else len(self._frames))
        if lightness is not None:
            self._shape = lightness.shape
            self._frames.append(frame)
            self._file.write(np.rint(lightness * _CODES).astype(np.uint8).tobytes())

    def __getitem__(self, number: int) -> FloatArray:
        """Return CIE L* ``(h, w)`` of a frame in the file."""
        height, width = self._shape
        self._file.seek(number * height * width)
        codes = np.frombuffer(self._file.read(height * width), np.uint8).reshape(height, width)
        return codes.astype(np.float32) / np.float32(_CODES)

    def rows(self, hints: FilmHints, points: Sequence[int]) -> Iterator[tuple[int, int, float, float, float]]:
        """Yield the rows of hints that are in this scene."""
        starts = {point: self._start_of(hints, point) for point in points}
        for point, start in starts.items():
            yield self._frames[start], point, hints.points[point].x, hints.points[point].y, 1.0
        order = range(len(self._frames))
        for numbers in (order, order[::-1]):
            paths = {
                point: path_at(self, start, hints.points[point].x, hints.points[point].y)
                for point, start in starts.items()
            }
            carry(self, numbers, list(paths.values()))
            for point, path in paths.items():
                for number, x, y, weight in path.places(*self._shape):
                    yield self._frames[number], point, x, y, weight

    def _start_of(self, hints: FilmHints, point: int) -> int:
        """Return the frame, by its number in the file, that is on the screen at the time of a hint."""
        frame = max(0, bisect.bisect_right(self.times, time_of(hints.points[point])) - 1)
        kept = self._kept[frame]
        if kept is None:
            raise hints.refused(point, "is at a damaged frame, a flash or an insert; choose another frame")
        return kept
