"""Deciding, frame after frame, what the network has to look at."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.infer.video.cuts import CutDetector

Role = Literal["predict", "reuse", "move", "hold"]
"""The network sees the frame; it is still, so that the last prediction holds; between key frames, colours
move along with the picture; it is damaged, so that it keeps the colours of the frame before."""

_STILL = 1.0  # L* that the mean of any block may have changed by since the last prediction
_BLOCK = 1 / 8


@dataclass(frozen=True)
class PlanState:
    """What planning remembers. Arrays are CIE L* ``(h, w)`` and are not changed."""

    last: FloatArray | None = None
    """Of the last frame that was not damaged."""
    key: FloatArray | None = None
    """Of the last frame that the network saw."""
    since_key: int = 0
    """Frames since then."""


@dataclass(frozen=True)
class Plan:
    """What is to be done with a frame."""

    role: Role
    before: FloatArray | None
    """CIE L* ``(h, w)`` of the frame that its motion is measured from; None at the first of a scene."""
    state: PlanState
    """After this frame."""


class Planner:
    """Plans the frames of a video, which have to come in order."""

    def __init__(self, keyframes: int, scene_threshold: float, state: PlanState) -> None:
        """Go on from ``state``; the network sees every ``keyframes``-th frame."""
        self._keyframes, self._state = keyframes, state
        self._cuts = CutDetector(scene_threshold)
        if state.last is not None:
            self._cuts.is_cut(state.last)

    def plan(self, lightness: FloatArray, *, is_damaged: bool) -> Plan:
        """Plan the next frame, of CIE L* ``(h, w)`` as the network would see it."""
        state = self._state
        if is_damaged and state.last is not None:
            return Plan("hold", None, state)
        is_cut = self._cuts.is_cut(lightness)
        if state.last is None or state.key is None or is_cut:
            role: Role = "predict"
        elif _is_still(lightness, state.key):
            role = "reuse"
        else:
            role = "predict" if state.since_key + 1 >= self._keyframes else "move"
        if role == "predict":
            self._state = PlanState(lightness, lightness, 0)
        else:
            self._state = PlanState(lightness, state.key, state.since_key + 1)
        return Plan(role, None if is_cut else state.last, self._state)


def _is_still(lightness: FloatArray, key: FloatArray) -> bool:
    """Tell whether no part of the picture has changed; grain does not count."""
    small = cv2.resize(lightness - key, None, fx=_BLOCK, fy=_BLOCK, interpolation=cv2.INTER_AREA)
    return float(np.abs(small).max()) < _STILL
