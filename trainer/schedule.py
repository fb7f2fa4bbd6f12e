"""How many steps each phase has, and how the learning rates go over it."""

import math
from dataclasses import dataclass
from typing import Self

from colorize_gan.trainer.config import TrainConfig

_WARM_UP_STEPS = 300


@dataclass(frozen=True)
class Schedule:
    """The steps of the two phases, the pixel loss alone and then beside a discriminator."""

    l1_steps: int
    gan_steps: int
    kind: str
    """`cosine` or `linear`."""
    crop_size: int
    final_crop_size: int
    """0 for the same crops until the end."""
    final_share: float

    @classmethod
    def of(cls, config: TrainConfig, steps_per_epoch: int) -> Self:
        """Count the steps of a run."""
        l1_steps, gan_steps = (
            math.ceil(epochs * steps_per_epoch) for epochs in (config.l1_epochs, config.gan_epochs)
        )
        return cls(
            l1_steps,
            gan_steps,
            config.schedule,
            config.crop_size,
            config.final_crop_size,
            config.final_share,
        )

    @property
    def total(self) -> int:
        """All steps."""
        return self.l1_steps + self.gan_steps

    def is_adversarial(self, step: int) -> bool:
        """Tell whether the discriminator takes part in a step."""
        return step >= self.l1_steps

    def size(self, step: int) -> int:
        """Return the side of a step's crops: small first, larger in the final share of the steps."""
        final = self.final_crop_size and step >= self.total * (1 - self.final_share)
        return self.final_crop_size if final else self.crop_size

    def factor(self, step: int) -> float:
        """Return the learning rates of a step relative to their peaks.

        Each phase goes to zero: ``cosine`` after a short warm-up, ``linear`` in its second half.
        """
        if self.is_adversarial(step):
            step, steps = step - self.l1_steps, self.gan_steps
        else:
            steps = self.l1_steps
        if self.kind == "linear":
            return min(1.0, 2 * (1 - step / steps))
        warm_up = min(_WARM_UP_STEPS, steps // 10)
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))
