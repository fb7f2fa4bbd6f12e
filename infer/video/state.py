"""All that one frame of a video hands to the next, and its form on disk."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from colorize_gan.infer.video.flicker import FlickerTally
from colorize_gan.infer.video.planning import PlanState
from colorize_gan.infer.video.ramps import RampState
from colorize_gan.infer.video.smoothing import Colors


@dataclass
class Counts:
    """Frames by what was done with them; see `Role`."""

    predict: int = 0
    reuse: int = 0
    move: int = 0
    hold: int = 0
    flash: int = 0
    insert: int = 0
    skip: int = 0
    """Frames of scenes that are to stay as they are."""
    kept: int = 0
    """Frames of scenes that an earlier run has coloured."""
    scenes: int = 0

    @property
    def frames(self) -> int:
        """Number of frames."""
        return sum(dataclasses.astuple(self)) - self.scenes


@dataclass
class State:
    """The state after a frame."""

    plan: PlanState = field(default_factory=PlanState)
    ramp: RampState = field(default_factory=RampState)
    colors: Colors | None = None
    before: FlickerTally = field(default_factory=FlickerTally)
    """Flicker of the colours as predicted."""
    after: FlickerTally = field(default_factory=FlickerTally)
    """Flicker of the colours as written."""
    counts: Counts = field(default_factory=Counts)

    def begin_scene(self, *, is_looked_at: bool) -> None:
        """Forget what a frame leaves to the next one; a scene that is not looked at is counted here."""
        self.plan, self.ramp, self.colors = PlanState(), RampState(), None
        self.counts.scenes += not is_looked_at

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the state as arrays by name; `from_arrays` makes it again, bit for bit."""
        return {
            f"{part.name}.{leaf.name}": np.asarray(value)
            for part in dataclasses.fields(self)
            if (group := getattr(self, part.name)) is not None
            for leaf in dataclasses.fields(group)
            if (value := getattr(group, leaf.name)) is not None
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "State":
        """Return the state that was saved; the first one when there are no arrays."""
        groups: dict[str, dict[str, np.ndarray]] = {}
        for name, array in arrays.items():
            part, leaf = name.split(".")
            groups.setdefault(part, {})[leaf] = array if array.ndim else array.item()
        makers = {
            "plan": PlanState,
            "ramp": RampState,
            "colors": Colors,
            "before": FlickerTally,
            "after": FlickerTally,
            "counts": Counts,
        }
        return cls(**{part: makers[part](**leaves) for part, leaves in groups.items()})
