"""Everything that defines a training run."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from colorize_gan.errors import UsageError


def _setting(default: Any, help: str) -> Any:
    """Declare a field with its default and the help text of its option."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run; written to its folder as `config.json`."""

    arch: str = _setting("efficientnet_lite2", "Generator: efficientnet_lite0..4 or a timm backbone.")
    pretrained: str = _setting("auto", "ImageNet weights of the encoder: auto, none or a file.")
    l1_epochs: float = _setting(20.0, "Passes over the training photographs in the L1 phase.")
    batch_size: int = _setting(16, "Photographs a step.")
    crop_size: int = _setting(160, "Side of the square training crops, in pixels.")
    lr: float = _setting(1e-3, "Peak learning rate of the decoder.")
    encoder_lr_scale: float = _setting(0.3, "Learning rate of the encoder, relative to the decoder's.")
    weight_decay: float = _setting(0.01, "AdamW weight decay.")
    ema_decay: float = _setting(0.998, "Decay of the weight average that is evaluated and exported.")
    val_fraction: float = _setting(0.2, "Share of the photographs held out, by content hash.")
    render_size: int = _setting(256, "Short side the finished model is used at, in pixels.")
    precision: str = _setting("auto", "fp32, bf16 or auto: bf16 where the processor has it.")
    seed: int = _setting(0, "Seed of weights, order and crops.")
    name: str = _setting("colorizer", "Name of the model and of its exported files.")
    license: str = _setting("unstated", "Licence of the model, for its contract.")
    training_data: str = _setting("unstated", "What it was trained on, for its contract.")

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        rules = {
            "l1_epochs": self.l1_epochs > 0,
            "batch_size": self.batch_size >= 2,  # BatchNorm needs two
            "crop_size": self.crop_size >= 32 and self.crop_size % 32 == 0,
            "render_size": self.render_size >= 32,
            "lr": self.lr > 0,
            "encoder_lr_scale": self.encoder_lr_scale >= 0,
            "weight_decay": self.weight_decay >= 0,
            "ema_decay": 0 <= self.ema_decay < 1,
            "val_fraction": 0 < self.val_fraction < 1,
            "precision": self.precision in {"auto", "fp32", "bf16"},
            "name": Path(self.name).name == self.name != "",
        }
        for setting, valid in rules.items():
            if not valid:
                raise UsageError(f"{option_of(setting)} {getattr(self, setting)}: out of range")

    def save(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read settings that `save` wrote.

        Raises:
            UsageError: unreadable, or with settings that do not exist.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"--config {path}: {error}") from error


def option_of(setting: str) -> str:
    """Return the command-line option of a field."""
    return "--" + setting.replace("_", "-")
