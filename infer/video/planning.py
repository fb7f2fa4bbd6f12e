"""Deciding, frame after frame, what the network has to look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.video.cuts import CutDetector

Role = Literal["predict", "reuse", "move", "hold", "flash", "insert"]
"""The way to colour a frame. `predict`: the network sees it. `reuse`: it is still, so that the last
prediction holds. `move`: between key frames, colours move along with the picture. `hold` and `flash`: it is
damaged, or in another light for a moment, and keeps the colours of the frame before. `insert`: the network
sees it, and the scene continues after it as if it were not there."""

Border = Literal["start", "cut", "fade", "dissolve"]
"""How a scene begins: as the first, at once, from black, or out of the scene before."""

APART = frozenset({"hold", "flash", "insert"})
"""Roles of frames that leave nothing to the next one."""

_STILL = 1.0  # L* that the mean of any block may have changed by since the last prediction
_BLOCK = 1 / 8


@dataclass(frozen=True)
class PlanState:
    """The memory of planning. Arrays are CIE L* ``(h, w)`` and are not changed."""

    last: FloatArray | None = None
    """The last frame of the scene that was not `APART`."""
    key: FloatArray | None = None
    """The last frame that the network saw."""
    since_key: int = 0
    """Frames since then."""


@dataclass(frozen=True)
class Plan:
    """The plan for a frame."""

    role: Role
    before: FloatArray | None
    """CIE L* ``(h, w)`` of the frame that its motion is measured from; None at the first of a scene."""
    state: PlanState
    """After this frame."""
    border: Border | None = None
    """How the scene that begins here begins; None where none begins."""


class Planner:
    """Plans the frames of a video, which have to come in order."""

    def __init__(
        self, keyframes: int, scene_threshold: float, state: PlanState, *, has_cuts: bool = True
    ) -> None:
        """Go on from ``state``.

        Args:
            keyframes: the network sees one frame in so many.
            scene_threshold: see `CutDetector`.
            state: after the frame before.
            has_cuts: whether a new scene may begin.
        """
        self._keyframes, self._state, self._has_cuts = keyframes, state, has_cuts
        self._cuts = CutDetector(scene_threshold)

    def plan(self, lightness: FloatArray, *, is_damaged: bool, following: Iterable[FloatArray] = ()) -> Plan:
        """Plan the next frame.

        Args:
            lightness: CIE L* ``(h, w)`` as the network would see it.
            is_damaged: whether the decoder says so.
            following: of the `LONGEST_FLASH` frames behind it that are not damaged.
        """
        state = self._state
        if state.last is None or state.key is None:
            return self._begins("start", lightness)
        if is_damaged:
            return Plan("hold", None, state)
        change = self._cuts.change(state.last, lightness, following)
        if change in ("flash", "insert"):
            return Plan(change, None, state)
        if change == "cut" and self._has_cuts:
            return self._begins("cut", lightness)
        if _is_still(lightness, state.key):
            return self._goes_on("reuse", lightness, state.last)
        is_key = state.since_key + 1 >= self._keyframes
        return self._goes_on("predict" if is_key else "move", lightness, state.last)

    def _begins(self, border: Border, lightness: FloatArray) -> Plan:
        self._state = PlanState(lightness, lightness, 0)
        return Plan("predict", None, self._state, border)

    def _goes_on(self, role: Role, lightness: FloatArray, before: FloatArray) -> Plan:
        if role == "predict":
            self._state = PlanState(lightness, lightness, 0)
        else:
            self._state = PlanState(lightness, self._state.key, self._state.since_key + 1)
        return Plan(role, before, self._state)


def _is_still(lightness: FloatArray, key: FloatArray) -> bool:
    """Tell whether no part of the picture has changed; grain does not count."""
    small = cv2.resize(lightness - key, None, fx=_BLOCK, fy=_BLOCK, interpolation=cv2.INTER_AREA)
    return float(np.abs(small).max()) < _STILL
