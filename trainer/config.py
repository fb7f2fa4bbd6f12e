"""Everything that defines a training run."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from colorize_gan.core.contract import is_model_name
from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath

_CHOICES = {
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "pixel_loss": ("huber", "l1"),
    "schedule": ("cosine", "linear"),
    "gan_mode": ("vanilla", "lsgan", "hinge"),
    "disc_norm": ("batch", "instance", "none"),
}

# What differs from the defaults, by architecture. pix2pix: Isola et al. (2017), sections 3.3 and 6.2
_RECIPES: dict[str, dict[str, Any]] = {
    "pix2pix": {
        "l1_epochs": 0.0,
        "gan_epochs": 200.0,
        "crop_size": 256,
        "pixel_loss": "l1",
        "schedule": "linear",
        "weight_decay": 0.0,
        "ema_decay": 0.0,
        "recalibrate_batches": 50,
    }
}

_LEAST_STRIDED = 3  # side of what the PatchGAN's strided layers leave: the two after them take one each


def _setting(default: Any, help: str) -> Any:
    """Declare a field with its default and the help text of its option."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run; written to its folder as `config.json`."""

    arch: str = _setting(
        "efficientnet_lite2", "Generator: pix2pix, dinov2_small, efficientnet_lite0..4 or a timm backbone."
    )
    pretrained: str = _setting("auto", "Published weights of the encoder: auto, none or a file.")
    l1_epochs: float = _setting(20.0, "Passes over the photographs with the pixel loss alone.")
    gan_epochs: float = _setting(15.0, "Passes after them with the discriminator.")
    batch_size: int = _setting(16, "Photographs a step, of all processes together.")
    crop_size: int = _setting(160, "Side of the square training crops, in pixels.")
    final_crop_size: int = _setting(0, "Side of the crops in the last steps of the run; 0 for the same.")
    final_share: float = _setting(0.2, "Share of the steps that --final-crop-size is for.")
    pixel_loss: str = _setting("huber", "huber (squared below 10 CIE units) or l1.")
    chroma_weight: float = _setting(
        0.0, "What 50 CIE units of true chroma add to the weight 1 of a pixel in the pixel loss."
    )
    lambda_edges: float = _setting(
        0.0, "Weight of the distance of the gradients of ab, relative to the pixel loss."
    )
    lr: float = _setting(1e-3, "Peak learning rate of the decoder before the discriminator comes.")
    encoder_lr_scale: float = _setting(
        0.3, "Learning rate of the encoder, relative to the decoder's; 0 freezes it."
    )
    weight_decay: float = _setting(0.01, "AdamW weight decay.")
    grad_clip: float = _setting(0.0, "Largest gradient norm of the generator; 0 for no limit.")
    schedule: str = _setting("cosine", "cosine, or linear: constant, then to zero in the second half.")
    ema_decay: float = _setting(0.998, "Decay of the weight average that is evaluated and exported.")
    gan_mode: str = _setting("vanilla", "vanilla, lsgan or hinge.")
    gan_lr: float = _setting(2e-4, "Peak learning rate of the generator beside the discriminator.")
    disc_lr: float = _setting(2e-4, "Peak learning rate of the discriminator.")
    lambda_l1: float = _setting(100.0, "Weight of the pixel loss beside the adversarial one.")
    lambda_features: float = _setting(0.0, "Weight of discriminator feature matching.")
    lambda_perceptual: float = _setting(
        0.0, "Weight of the distance of ImageNet features, relative to the pixel loss."
    )
    lambda_recognition: float = _setting(
        0.0, "Weight of the divergence of an ImageNet classifier's answers, relative to the pixel loss."
    )
    perceptual_arch: str = _setting(
        "efficientnet_lite0", "Backbone whose features and answers those are; A,B take turns, step by step."
    )
    perceptual_weights: str = _setting("auto", "Its ImageNet weights: auto or a file.")
    disc_layers: int = _setting(3, "Strided layers of the PatchGAN; 3 see 70 x 70 pixels.")
    disc_norm: str = _setting("batch", "Norm of the PatchGAN: batch, instance or none.")
    disc_spectral: bool = _setting(False, "Spectral norm in the PatchGAN.")
    least_area: float = _setting(0.4, "Smallest share of the largest square in a random crop; 1: whole.")
    flip: bool = _setting(True, "Mirror every other crop.")
    tone: float = _setting(0.0, "Probability of another contrast and gamma of L, as of old prints.")
    damage: float = _setting(0.0, "Probability of each of blur, grain, scratches and JPEG blocks on L.")
    film: float = _setting(0.0, "Probability of an old film's sensitivity: blue lighter, red darker.")
    blank: float = _setting(0.0, "Probability of an even grey in a photograph's place, which has no colour.")
    hints: float = _setting(
        0.0,
        "Probability of hints of the true colours, for a generator that takes them, as dinov2_small does.",
    )
    freeze_batchnorm: bool = _setting(
        False, "Keep the BatchNorm statistics that a run from --init begins with: those of batches are noisy."
    )
    start_share: float = _setting(
        0.0,
        "Share of the weights of --init in the finished model; without --freeze-batchnorm, wants "
        "--recalibrate-batches, too.",
    )
    final_chroma: float = _setting(1.0, "Chroma of the finished model, in multiples of what it learnt.")
    bf16_weights: bool = _setting(
        False,
        "Round the weights of the finished model to bfloat16, in which CPUs then keep its colours; not with "
        "--recalibrate-batches or pix2pix.",
    )
    recalibrate_batches: int = _setting(0, "Batches to re-estimate BatchNorm statistics on at the end.")
    val_fraction: float = _setting(0.2, "Share of the photographs held out, by content hash.")
    render_size: int = _setting(256, "Short side the finished model is used at, in pixels.")
    precision: str = _setting("auto", "fp32, bf16, fp16 (GPU) or auto: the fastest safe one here.")
    channels_last: bool = _setting(True, "Keep images in memory pixel by pixel: faster on CPUs and GPUs.")
    compile: bool = _setting(False, "Compile the generator with torch.compile; takes minutes to start.")
    preview_steps: int = _setting(500, "Steps between the pictures in TensorBoard.")
    checkpoint_minutes: float = _setting(5.0, "Minutes between checkpoints.")
    seed: int = _setting(0, "Seed of weights, order and crops.")
    name: str = _setting("colorizer", "Name of the model and of its exported files.")
    license: str = _setting("unstated", "Licence of the model, for its contract.")
    training_data: str = _setting("unstated", "What it was trained on, for its contract.")

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        for setting, choices in _CHOICES.items():
            if getattr(self, setting) not in choices:
                raise UsageError(f"{option_of(setting)} {getattr(self, setting)}: not {', '.join(choices)}")
        if not is_model_name(self.name):
            raise UsageError(f"--name {self.name!r}: cannot be that of a file; use letters and digits")
        rules = {
            "l1_epochs": self.l1_epochs >= 0 and self.l1_epochs + self.gan_epochs > 0,
            "gan_epochs": self.gan_epochs >= 0,
            "batch_size": self.batch_size >= 2,  # BatchNorm needs two
            "crop_size": self.crop_size >= 32 and self.crop_size % 32 == 0,
            "final_crop_size": self.final_crop_size >= 0 and self.final_crop_size % 32 == 0,
            "final_share": 0 <= self.final_share <= 1,
            "render_size": self.render_size >= 32,
            "chroma_weight": self.chroma_weight >= 0,
            "lambda_edges": self.lambda_edges >= 0,
            "lr": self.lr > 0,
            "gan_lr": self.gan_lr > 0,
            "disc_lr": self.disc_lr > 0,
            "disc_layers": 1 <= self.disc_layers <= 5,
            "encoder_lr_scale": self.encoder_lr_scale >= 0,
            "weight_decay": self.weight_decay >= 0,
            "grad_clip": self.grad_clip >= 0,
            "lambda_l1": self.lambda_l1 >= 0,
            "lambda_features": self.lambda_features >= 0,
            "lambda_perceptual": self.lambda_perceptual >= 0,
            "lambda_recognition": self.lambda_recognition >= 0,
            "least_area": 0 < self.least_area <= 1,
            "preview_steps": self.preview_steps >= 1,
            "checkpoint_minutes": self.checkpoint_minutes > 0,
            "tone": 0 <= self.tone <= 1,
            "damage": 0 <= self.damage <= 1,
            "film": 0 <= self.film <= 1,
            "blank": 0 <= self.blank <= 1,
            "hints": 0 <= self.hints <= 1,
            "start_share": 0 <= self.start_share < 1,
            "final_chroma": self.final_chroma == 1 or (self.final_chroma > 0 and self.arch != "pix2pix"),
            "bf16_weights": not (self.bf16_weights and (self.recalibrate_batches or self.arch == "pix2pix")),
            "recalibrate_batches": self.recalibrate_batches >= 0,
            "ema_decay": 0 <= self.ema_decay < 1,
            "val_fraction": 0 < self.val_fraction < 1,
            "perceptual_weights": self.perceptual_weights != "none",
            "seed": 0 <= self.seed < 2**63,
        }
        for setting, value in vars(self).items():
            is_finite = not isinstance(value, float) or math.isfinite(value)
            if not is_finite or not rules.get(setting, True):
                raise UsageError(f"{option_of(setting)} {value}: out of range")
        self._check_patches()

    def _check_patches(self) -> None:
        """Refuse a PatchGAN that has no patch left of a crop."""
        for setting in ("crop_size", "final_crop_size") if self.gan_epochs else ():
            size, least = getattr(self, setting), _LEAST_STRIDED << self.disc_layers
            if size and size < least:
                raise UsageError(
                    f"--disc-layers {self.disc_layers}: too deep for {option_of(setting)} {size}; "
                    f"use fewer, or crops of {least} pixels or more"
                )

    @property
    def is_perceptual(self) -> bool:
        """Tell whether an ImageNet classifier has a say."""
        return self.lambda_perceptual > 0 or self.lambda_recognition > 0

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Build from the settings given; the others are those of the architecture's published recipe."""
        return cls(**(_RECIPES.get(given.get("arch", ""), {}) | given))

    def save(self, path: StrPath) -> None:
        """Write the settings as JSON."""
        path = Path(path)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """Read settings that `save` wrote.

        Raises:
            UsageError: see `read_settings`; or a value is out of range.
        """
        path = Path(path)
        return cls.of(read_settings(path))


def read_settings(path: StrPath) -> dict[str, Any]:
    """Read some settings, or all, from JSON.

    Raises:
        UsageError: unreadable, or with settings that do not exist or are of another type.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--config {path}: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"--config {path}: not a JSON object of settings")
    defaults = dataclasses.asdict(TrainConfig())
    for setting, value in found.items():
        if setting not in defaults:
            raise UsageError(f"--config {path}: no such setting: {setting}")
        default = defaults[setting]
        if type(value) is not type(default) and not (type(value) is int and type(default) is float):
            raise UsageError(f"--config {path}: {setting}: {value!r} is not of type {type(default).__name__}")
    return found


def option_of(setting: str) -> str:
    """Return the command-line option of a field."""
    return "--" + setting.replace("_", "-")
