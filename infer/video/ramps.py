"""Recognising dissolves and fades: the picture goes in a straight line from one to another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray

LONGEST_RAMP = 24
"""Frames that are looked at ahead."""

BLACK = 4.0
"""Mean L* of a frame that shows nothing."""

_LENGTHS = (24, 20, 16, 12, 10, 8, 6)  # frames
_SIZE = (32, 18)  # pixels, across and down: what moves within one of them is no change
_LEAST_CHANGE = 8.0  # L*, the mean from end to end
_MOST_CURVED = 0.25  # of that change, by which a frame may be off the line: cuts and motion are by a half
_ALIKE = 0.8  # correlation of one picture in two lights
_DIMMED = 0.75  # of the light
_LEAST_LIGHT = 0.05  # by which a frame may be divided: there is not more in it
_PEAK_DECAY = 0.98  # a frame
_FALLS = 0.995  # of the level before, below which a fade to black goes on
_FULL = 0.97  # of the level at the end of a fade, from which on it is over
_OTHER = 0.6  # correlation below which the end is another scene


@dataclass(frozen=True)
class Sight:
    """A frame as it is planned with."""

    lightness: FloatArray
    """CIE L* ``(h, w)`` as the network would see it."""
    small: FloatArray
    """The same, tiny."""

    @classmethod
    def of(cls, lightness: FloatArray) -> Self:
        """Look at a frame."""
        return cls(
            lightness, np.asarray(cv2.resize(lightness, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
        )

    @property
    def level(self) -> float:
        """Mean L*."""
        return float(self.small.mean())


@dataclass(frozen=True)
class Ramp:
    """Frames in which a picture becomes another one, or the same in another light."""

    length: int
    """Frames from the first, which has nothing of the end, to the end."""
    is_fade: bool
    """True where only the light changes."""
    is_other: bool
    """True where the end is another scene."""
    level: float
    """Mean L* of the end."""


def ramp_at(frames: Sequence[Sight]) -> Ramp | None:
    """Return the ramp that begins with the first of some frames; None where there is none."""
    curvatures = {
        length: _curvature([frame.small for frame in frames[: length + 1]])
        for length in _LENGTHS
        if length < len(frames)
    }
    straight = [length for length, curvature in curvatures.items() if curvature < _MOST_CURVED]
    if not straight:
        return None
    best = min(straight, key=curvatures.__getitem__)
    first, last = frames[0], frames[best]
    likeness = _likeness(first.small, last.small)
    darkest, lightest = sorted((first.level, last.level))
    is_fade = darkest < BLACK or (likeness > _ALIKE and darkest < _DIMMED * lightest)
    if is_fade:  # each part of one is as straight
        return Ramp(max(straight), True, False, frames[max(straight)].level)
    return Ramp(best, False, likeness < _OTHER, last.level)


def _curvature(frames: Sequence[FloatArray]) -> float:
    """Return how far frames are off the line from the first to the last, in parts of the change."""
    length, first = len(frames) - 1, frames[0]
    change = frames[-1] - first
    whole = float(np.abs(change).mean())
    if whole < _LEAST_CHANGE:
        return 1
    places = (length // 4, length // 2, length * 3 // 4)
    return max(float(np.abs(frames[n] - first - change * (n / length)).mean()) for n in places) / whole


def _likeness(first: FloatArray, second: FloatArray) -> float:
    """Return the correlation of two pictures, -1 to 1; 1 where one is plain."""
    a, b = first - first.mean(), second - second.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / spread if spread > 1 else 1.0


@dataclass(frozen=True)
class RampState:
    """Where a film is in a fade or a dissolve."""

    level: float = 0.0
    """Mean L* of the last frame."""
    peak: float = 0.0
    """The same of the lightest frame of the scene that was not long ago."""
    is_seen: bool = False
    """True once the scene has shown anything."""
    full: float = 0.0
    """Mean L* at the light end of a fade; 0 where there is none."""
    is_out: bool = False
    """True where the fade goes to black."""
    step: int = 0
    """Frames since a dissolve began."""
    length: int = 0
    """The number of frames of the dissolve; 0 without one."""
    is_other: bool = False
    """True where the dissolve leads to another scene."""

    @property
    def light(self) -> float:
        """That of the frame in parts of the scene's: 1 but in a fade."""
        return min(1.0, max(_LEAST_LIGHT, self.level / self.full)) if self.full else 1.0

    @property
    def share(self) -> float | None:
        """How much of the frame is the picture that comes, 0 to 1; None but in a dissolve."""
        return self.step / self.length if self.length else None

    @property
    def is_middle(self) -> bool:
        """True where another scene begins to be more than a half of the frame."""
        return self.is_other and self.length > 0 and self.step == -(-self.length // 2)

    def after(self, frames: Sequence[Sight]) -> "RampState":
        """Return the state after the first of some frames; the others follow it."""
        level = frames[0].level
        state = replace(
            self,
            level=level,
            peak=max(level, self.peak * _PEAK_DECAY),
            is_seen=self.is_seen or level >= BLACK,
        )
        if self.length and self.step + 1 < self.length:
            return replace(state, step=self.step + 1)
        if self.full and self.is_out and (level < BLACK or level < _FALLS * self.level):
            return state
        is_rising = self.level < level < _FULL * self.full and not self.is_out
        return state._with(ramp_at(frames), is_rising=is_rising, is_from_black=self.level < BLACK)

    def _with(self, ramp: Ramp | None, *, is_rising: bool, is_from_black: bool) -> "RampState":
        """Return the state with a ramp that begins, or none.

        Args:
            ramp: if there is one.
            is_rising: true while a fade from black lasts.
            is_from_black: whether the last frame showed nothing.
        """
        state = replace(self, full=self.full if is_rising else 0.0, is_out=False, step=0, length=0)
        if ramp is None:
            return state
        if not ramp.is_fade and not (is_rising or is_from_black):
            return replace(state, length=ramp.length, is_other=ramp.is_other)
        if ramp.level < self.level:
            return replace(state, full=self.peak, is_out=True)
        return replace(state, full=max(state.full, ramp.level))
