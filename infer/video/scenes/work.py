"""The scenes of one film in a run: how each is coloured, and which an earlier run has made already."""

import bisect
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.batch.state import digest_of
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.hints import Hint
from colorize_gan.infer.video.film_hints import settings_of, time_of
from colorize_gan.infer.video.scenes.table import Scene, read_scenes, rounded, write_scenes
from colorize_gan.infer.video.source import Clip

Task = Literal["color", "copy", "keep"]
"""Frames get colours, stay as they are, or are in the output that is there."""

_DIGITS = 8
_BEGINNING = 1 << 16  # bytes by which a film is told from another

_Item = TypeVar("_Item")


class Scenes:
    """The scenes of one film.

    The column `made` names the film, what decided about the scene, and the output that has it.
    """

    def __init__(
        self,
        path: Path,
        scenes: Sequence[Scene],
        clip: Clip,
        colorizer: Colorizer,
        settings: Mapping[str, Any],
        written: str,
        hints: Sequence[Hint] = (),
    ) -> None:
        """Prepare for a run.

        Args:
            path: of the table.
            scenes: as it has them.
            clip: the film.
            colorizer: the model, with the colours of scenes that say nothing of their own.
            settings: all else that decides about a frame.
            written: a digest of the output that is there; empty for none, or for one to be replaced.
            hints: of the film.

        Raises:
            UsageError: the table was made for another film.
        """
        self._path, self._scenes, self._colorizer = path, list(scenes), colorizer
        self._starts = [scene.start for scene in scenes]
        self._film, self._written = _film_of(clip), written
        own: dict[int, list[Hint]] = defaultdict(list)
        for hint in hints:
            own[self.number_at(time_of(hint))].append(hint)
        self.digests = [self._digest(scene, settings, own[number]) for number, scene in enumerate(scenes)]
        """A digest of all that decides about each scene."""
        films = {scene.made.split("-")[0] for scene in scenes if scene.made}
        if films - {self._film}:
            raise UsageError(
                f"`scenes` {path}: was made for another film; name another file, or remove its column made"
            )

    @property
    def are_ours(self) -> bool:
        """True where the output that is there was made with this table."""
        return bool(self._written) and any(scene.made.endswith(self._written) for scene in self._scenes)

    @property
    def are_made(self) -> bool:
        """True where there is nothing left to do."""
        return all(self.is_made(number) for number in range(len(self._scenes)))

    def is_made(self, number: int) -> bool:
        """Tell whether the output that is there has a scene, counted from 0, as it is to be."""
        return bool(self._written) and self._scenes[number].made == self._mark(number, self._written)

    def task(self, number: int) -> Task:
        """Return what is to be done with a scene."""
        if self.is_made(number):
            return "keep"
        return "copy" if self._scenes[number].skip else "color"

    def colorizer(self, number: int) -> Colorizer:
        """Return what colours a scene."""
        return self._colorizer_of(self._scenes[number])

    def number_at(self, time: Fraction) -> int:
        """Return the number of the scene that a frame of this time, in seconds, is of."""
        return max(0, bisect.bisect_right(self._starts, rounded(time)) - 1)

    def is_skipped(self, time: Fraction) -> bool:
        """Tell whether the frame of this time, in seconds, stays as it is."""
        return self._scenes[self.number_at(time)].skip

    def finish(self, written: str) -> None:
        """Note in the table that an output has all scenes; who has edited it meanwhile finds all of it there.

        Raises:
            UsageError: what was edited is no such table.
            OSError: it cannot be written.
        """
        marks = {
            (scene.start, scene.end): self._mark(number, written) for number, scene in enumerate(self._scenes)
        }
        edited = read_scenes(self._path)
        write_scenes(
            self._path,
            [replace(scene, made=marks.get((scene.start, scene.end), scene.made)) for scene in edited],
        )

    def _mark(self, number: int, written: str) -> str:
        return f"{self._film}-{self.digests[number]}-{written}"

    def _digest(self, scene: Scene, settings: Mapping[str, Any], hints: Sequence[Hint]) -> str:
        own = {
            "start": str(scene.start),
            "end": str(scene.end),
            "skip": scene.skip,
            "hints": settings_of(hints),
        }
        return digest_of({**settings, **self._colorizer_of(scene).settings, "scene": own})[:_DIGITS]

    def _colorizer_of(self, scene: Scene) -> Colorizer:
        usual = self._colorizer
        saturation = usual.saturation if scene.saturation is None else scene.saturation
        strength = usual.strength if scene.strength is None else scene.strength
        return usual.with_colors(saturation, 0 if scene.skip else strength)


def _film_of(clip: Clip) -> str:
    """Return a digest that differs between films and does not depend on the path."""
    with clip.path.open("rb") as file:
        beginning = hashlib.sha256(file.read(_BEGINNING)).hexdigest()
    return digest_of({"size": clip.path.stat().st_size, "frames": clip.frames, "begins": beginning})[:_DIGITS]


@dataclass(frozen=True)
class Part(Generic[_Item]):
    """Frames of one scene that are still to be done."""

    number: int
    """The number of the scene, from 0."""
    items: Iterator[_Item]
    """They have to be taken before the next part."""
    is_new: bool
    """True where they begin with the first one of the scene."""
    task: Task
    colorizer: Colorizer
    """Colours them."""


def parts_of(
    items: Iterable[tuple[Fraction, _Item]], scenes: Scenes | None, colorizer: Colorizer, done: int
) -> Iterator[Part[_Item]]:
    """Yield a film scene by scene, in one part where they are not told apart.

    Args:
        items: its frames, with the time of each in seconds.
        scenes: which there are.
        colorizer: colours them where there are none.
        done: frames that are done already.
    """
    for number, group in groupby(items, lambda timed: scenes.number_at(timed[0]) if scenes else 0):
        passed = sum(1 for _ in islice(group, done))
        done -= passed
        if (first := next(group, None)) is None:
            continue
        own = (item for _, item in chain([first], group))
        task = scenes.task(number) if scenes else "color"
        yield Part(number, own, passed == 0, task, scenes.colorizer(number) if scenes else colorizer)
