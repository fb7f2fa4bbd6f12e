"""Deciding, frame after frame, what the network has to look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.video.cuts import LONGEST_FLASH, CutDetector
from colorize_gan.infer.video.options import Keyframes
from colorize_gan.infer.video.ramps import BLACK, RampState, Sight

Role = Literal["predict", "reuse", "move", "hold", "flash", "insert"]
"""The way to colour a frame. `predict`: the network sees it. `reuse`: it is still, so that the last
prediction holds. `move`: between key frames, colours move along with the picture. `hold` and `flash`: it is
damaged, or in another light for a moment, and keeps the colours of the frame before. `insert`: the network
sees it, and the scene continues after it as if it were not there."""

Border = Literal["start", "cut", "fade", "dissolve"]
"""How a scene begins: as the first, at once, from black, or out of the scene before."""

APART = frozenset({"hold", "flash", "insert"})
"""Roles of frames that leave nothing to the next one."""

LONGEST_REST = 12
"""Frames, at most, from one that the network sees to the next, where they are chosen by change."""

_MOST_CHANGE = 1.5  # L*, the mean of a tiny picture: colours stay within CIEDE2000 1 of those of every frame
_STILL = 1.0  # L* that the mean of any block may have changed by since the last prediction
_BLOCK = 1 / 8


@dataclass(frozen=True)
class PlanState:
    """The memory of planning. Arrays are CIE L* ``(h, w)`` and are not changed."""

    last: FloatArray | None = None
    """The last frame of the scene that was not `APART`."""
    seen: FloatArray | None = None
    """The same, see `Plan.lightness`."""
    key: FloatArray | None = None
    """The last frame that the network saw, as it saw it."""
    since_key: int = 0
    """Frames since then."""


@dataclass(frozen=True)
class Plan:
    """The plan for a frame."""

    role: Role
    lightness: FloatArray
    """CIE L* ``(h, w)`` that the network sees: that of the frame, in a fade by the full light."""
    before: FloatArray | None
    """The same of the frame that its motion is measured from; None at the first of a scene."""
    state: PlanState
    """After this frame."""
    ramp: RampState
    """The fade or dissolve at this frame."""
    border: Border | None = None
    """How the scene that begins here begins; None where none begins."""


class Planner:
    """Plans the frames of a video, which have to come in order."""

    def __init__(
        self,
        keyframes: Keyframes,
        scene_threshold: float,
        state: PlanState,
        ramp: RampState,
        *,
        has_cuts: bool = True,
    ) -> None:
        """Continue from a state.

        Args:
            keyframes: see `VideoOptions`.
            scene_threshold: see `CutDetector`.
            state: after the frame before.
            ramp: of that frame.
            has_cuts: whether a new scene may begin.
        """
        self._keyframes, self._state, self._ramp, self._has_cuts = keyframes, state, ramp, has_cuts
        self._cuts = CutDetector(scene_threshold)

    def plan(self, frames: Sequence[Sight], *, is_damaged: bool) -> Plan:
        """Plan the next frame.

        Args:
            frames: this one, and those behind it, up to `LONGEST_RAMP`, that are not damaged.
            is_damaged: whether the decoder says so of this one.
        """
        state, now = self._state, frames[0].lightness
        if state.last is None or state.seen is None or state.key is None:
            return self._begins("start", frames)
        if is_damaged:
            return Plan("hold", now, None, state, self._ramp)
        following = (frame.lightness for frame in frames[1 : LONGEST_FLASH + 1])
        change = self._cuts.change(state.last, now, following)
        if change in ("flash", "insert"):
            return Plan(change, now, None, state, self._ramp)
        if change == "cut" and self._has_cuts:
            return self._begins("cut", frames)
        ramp = self._ramp.after(frames)
        if self._ramp.level < BLACK <= ramp.level:
            is_other = self._ramp.is_seen and self._has_cuts
            return self._begins("fade" if is_other else None, frames)
        if ramp.level < BLACK:
            return self._goes_on("move", now, now, ramp, None)
        border: Border | None = "dissolve" if ramp.is_middle and self._has_cuts else None
        seen = _lit(now, ramp.light)
        if _is_still(seen, state.key):
            return self._goes_on("reuse", now, seen, ramp, border)
        is_dissolve = ramp.share is not None or self._ramp.share is not None
        is_key = is_dissolve or self._is_due(seen, state.key, state.since_key + 1)
        return self._goes_on("predict" if is_key else "move", now, seen, ramp, border)

    def _is_due(self, seen: FloatArray, key: FloatArray, since_key: int) -> bool:
        """Tell whether the network has to see a frame again."""
        if self._keyframes != "auto":
            return since_key >= self._keyframes
        if since_key >= LONGEST_REST:
            return True
        return float(np.abs(Sight.of(seen).small - Sight.of(key).small).mean()) > _MOST_CHANGE

    def _begins(self, border: Border | None, frames: Sequence[Sight]) -> Plan:
        now, before = frames[0].lightness, frames[0].level if border in ("start", "cut") else 0
        self._ramp = RampState(before).after(frames)
        seen = _lit(now, self._ramp.light)
        self._state = PlanState(now, seen, seen, 0)
        return Plan("predict", seen, None, self._state, self._ramp, border)

    def _goes_on(
        self, role: Role, now: FloatArray, seen: FloatArray, ramp: RampState, border: Border | None
    ) -> Plan:
        state, self._ramp = self._state, ramp
        is_key = role == "predict"
        self._state = PlanState(
            now, seen, seen if is_key else state.key, 0 if is_key else state.since_key + 1
        )
        return Plan(role, seen, state.seen, self._state, ramp, border)


def _lit(lightness: FloatArray, light: float) -> FloatArray:
    """Return a frame that has a part of its light by the whole of it."""
    return lightness if light == 1 else np.minimum(lightness / np.float32(light), np.float32(100))


def _is_still(lightness: FloatArray, key: FloatArray) -> bool:
    """Tell whether no part of the picture has changed; grain does not count."""
    small = cv2.resize(lightness - key, None, fx=_BLOCK, fy=_BLOCK, interpolation=cv2.INTER_AREA)
    return float(np.abs(small).max()) < _STILL
