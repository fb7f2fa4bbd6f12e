"""Carrying points of a picture along its motion, until they are covered."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.video.motion import motion_between

_FADE = 4  # frames in which a point fades before it is covered
_HIDDEN = 4  # frames in a row in which it is not seen, after which it ends
_OTHER = 20.0  # L* by which a place may differ from what it was, as by flicker of the film
_SIDE = 5  # pixels of the square around a place whose lightness is compared
_WINDOW = (21, 21)  # pixels around a place by which it is found again
_MOST_REFINED = 4.0  # pixels from where the dense flow has it
_CODES = 2.55  # of 8 bits, in 1 L*


class Frames(Protocol):
    """Frames by their numbers."""

    def __getitem__(self, number: int, /) -> FloatArray:
        """Return CIE L* ``(h, w)`` of a frame."""


@dataclass
class Path:
    """The way of one point."""

    start: int
    """Number of the frame that it begins at."""
    x: float
    """In pixels from the centre of the first one, where it is now."""
    y: float
    level: float
    """Mean L* around it in the frame that it begins at."""
    _steps: list[tuple[int, float, float, bool]] = field(default_factory=list)
    _hidden: int = 0

    @property
    def is_over(self) -> bool:
        """True where it has been covered for some frames."""
        return self._hidden >= _HIDDEN

    def step(self, number: int, x: float, y: float, *, is_seen: bool) -> None:
        """Take the point to its place in the next frame."""
        self.x, self.y = x, y
        self._steps.append((number, x, y, is_seen))
        self._hidden = 0 if is_seen else self._hidden + 1

    def places(self, height: int, width: int) -> Iterator[tuple[int, float, float, float]]:
        """Yield frame, x, y and weight, 0 to 1, of all frames but the first in which the point is seen.

        Places are in parts of the picture, whose ``height`` and ``width`` are in pixels.
        """
        seen = [index for index, (*_, is_seen) in enumerate(self._steps) if is_seen]
        for index in seen:
            number, x, y, _ = self._steps[index]
            weight = min(1.0, (seen[-1] + 1 - index) / _FADE) if self._hidden else 1.0
            yield number, _part(x, width), _part(y, height), weight


def path_at(frames: Frames, number: int, x: float, y: float) -> Path:
    """Begin at a place ``x``, ``y`` of a frame, in parts of its width and height."""
    smooth = _smooth(frames[number])
    height, width = smooth.shape
    column, row = (min(max(part * side - 0.5, 0), side - 1) for part, side in ((x, width), (y, height)))
    return Path(number, column, row, float(_sample(smooth, np.array([[column, row]], np.float32))[0]))


def _part(pixels: float, side: int) -> float:
    return min(max((pixels + 0.5) / side, 0.0), 1.0)


def carry(frames: Frames, order: Sequence[int], paths: Sequence[Path]) -> None:
    """Carry points from frame to frame.

    Args:
        frames: of one scene.
        order: their numbers, up or down.
        paths: begun at some of them.
    """
    begun = defaultdict(list)
    for path in paths:
        begun[path.start].append(path)
    live: list[Path] = []
    for before, now in pairwise(order):
        live = [path for path in live if not path.is_over] + begun[before]
        if live:
            _step(live, now, frames[before], frames[now])


def _step(paths: Sequence[Path], number: int, before: FloatArray, now: FloatArray) -> None:
    """Carry points of a frame to the next one, of this number."""
    onward = motion_between(now, before)  # where the pixels of the frame before are now
    places = np.array([(path.x, path.y) for path in paths], np.float32)
    moved = _refined(before, now, places, _sample(onward.places, places))
    is_visible = _sample(_smooth(onward.visible), places) > 0.5
    levels = _sample(_smooth(now), moved)
    for path, (x, y), visible, level in zip(
        paths, moved.tolist(), is_visible.tolist(), levels.tolist(), strict=True
    ):
        path.step(number, x, y, is_seen=visible and abs(level - path.level) < _OTHER)


def _refined(before: FloatArray, now: FloatArray, places: FloatArray, moved: FloatArray) -> FloatArray:
    """Return where places are now ``(N, 2)``, near to where the dense flow has moved them.

    Dense flow falls short of a slow motion by a sixth, which adds up. Lucas and Kanade's (1981) does not,
    where there is something to hold on to.
    """
    first, second = (cv2.convertScaleAbs(lightness, alpha=_CODES) for lightness in (before, now))
    found, is_found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, places, moved.copy(), winSize=_WINDOW, maxLevel=0, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    is_near = np.linalg.norm(found - moved, axis=1) < _MOST_REFINED
    return np.where((is_near & is_found[:, 0].astype(bool))[:, None], found, moved)


def _smooth(values: FloatArray) -> FloatArray:
    return np.asarray(cv2.blur(values, (_SIDE, _SIDE)), np.float32)


def _sample(values: FloatArray, places: FloatArray) -> FloatArray:
    """Return values ``(h, w)`` or ``(h, w, C)`` at x and y ``(N, 2)``, in pixels: ``(N,)`` or ``(N, C)``."""
    # not an empty array, as the stub wants: OpenCV 5.0 would read the memory behind it
    sampled = cv2.remap(  # type: ignore[call-overload]
        values, places[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, np.float32)[0]
