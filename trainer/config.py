"""Everything that defines a training run."""

import configparser
import dataclasses
import difflib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_type_hints

from colorize_gan.core.contract import is_model_name
from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath

_CHOICES = {
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "pixel_loss": ("huber", "l1"),
    "schedule": ("cosine", "linear"),
    "gan_mode": ("vanilla", "lsgan", "hinge"),
    "discriminator": ("patch", "projected"),
    "disc_norm": ("batch", "instance", "none"),
}

_NOT_NEGATIVE = (
    *("gan_epochs", "chroma_weight", "lambda_edges", "encoder_lr_scale", "frozen_blocks"),
    *("weight_decay", "grad_clip", "lambda_l1", "lambda_features", "lambda_perceptual"),
    *("lambda_recognition", "recalibrate_batches"),
)
_SHARES = ("final_share", "tone", "damage", "film", "blank", "hints", "recolor")

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

_TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_BOOLEANS = configparser.ConfigParser.BOOLEAN_STATES

_LEAST_STRIDED = 3  # side of what the PatchGAN's strided layers leave: the two after them take one each


def _setting(default: Any, help: str) -> Any:
    """Declare a field with its default and a sentence about it, which names other settings in backquotes."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run; written to its folder as `config.json`."""

    arch: str = _setting(
        "efficientnet_lite2",
        "Network to train: pix2pix, dinov2_small, efficientnet_lite0 to efficientnet_lite4, or another timm "
        "backbone.",
    )
    pretrained: str = _setting("auto", "Weights for the encoder: auto (published ones), none or a file.")
    l1_epochs: float = _setting(20.0, "Passes over the photographs with the pixel loss alone.")
    gan_epochs: float = _setting(
        15.0, "Passes with the discriminator, after those with the pixel loss alone."
    )
    batch_size: int = _setting(16, "Photographs per step, in all processes together.")
    crop_size: int = _setting(160, "Side of the square training crops in pixels.")
    final_crop_size: int = _setting(
        0, "Side of the crops in the last steps of the run, in pixels; 0 keeps `crop_size`."
    )
    final_share: float = _setting(0.2, "Share of the steps that use `final_crop_size`.")
    coarse: bool = _setting(
        False,
        "Train the coarse colours alone, for dinov2_small, which takes a quarter of the time. A second run "
        "starts with the result as `init_from`.",
    )
    feature_crops: int = _setting(
        1, "Crops of each photograph, where a frozen encoder's features are kept; they take turns by epoch."
    )
    pixel_loss: str = _setting("huber", "Pixel loss: huber (squared below 10 CIE units) or l1.")
    chroma_weight: float = _setting(
        0.0, "Weight that 50 CIE units of true chroma add to a pixel's weight of 1 in the pixel loss."
    )
    lambda_edges: float = _setting(
        0.0, "Weight of the loss on the gradients of ab, relative to the pixel loss."
    )
    lr: float = _setting(1e-3, "Peak learning rate of the decoder while the pixel loss is alone.")
    encoder_lr_scale: float = _setting(
        0.3, "Learning rate of the encoder, as a multiple of the decoder's; 0 freezes the encoder."
    )
    frozen_blocks: int = _setting(
        0, "First blocks of dinov2_small's encoder that stay frozen; those after them learn."
    )
    weight_decay: float = _setting(0.01, "Weight decay of AdamW.")
    grad_clip: float = _setting(0.0, "Largest gradient norm of the generator; 0 sets no limit.")
    schedule: str = _setting(
        "cosine", "Learning rate schedule: cosine, or linear (constant, then to zero in the second half)."
    )
    ema_decay: float = _setting(0.998, "Decay of the averaged weights, which are evaluated and exported.")
    gan_mode: str = _setting("vanilla", "Adversarial loss: vanilla, lsgan or hinge.")
    gan_lr: float = _setting(2e-4, "Peak learning rate of the generator while the discriminator trains.")
    disc_lr: float = _setting(2e-4, "Peak learning rate of the discriminator.")
    lambda_l1: float = _setting(100.0, "Weight of the pixel loss beside the adversarial loss.")
    lambda_features: float = _setting(0.0, "Weight of the discriminator's feature matching loss.")
    lambda_perceptual: float = _setting(
        0.0, "Weight of the loss on an ImageNet classifier's features, relative to the pixel loss."
    )
    lambda_recognition: float = _setting(
        0.0, "Weight of the loss on an ImageNet classifier's answers, relative to the pixel loss."
    )
    perceptual_arch: str = _setting(
        "efficientnet_lite0",
        "Classifier of `lambda_perceptual` and `lambda_recognition`; A,B alternates between two, by step.",
    )
    perceptual_weights: str = _setting("auto", "ImageNet weights of `perceptual_arch`: auto or a file.")
    discriminator: str = _setting(
        "patch",
        "Discriminator: patch (PatchGAN), or projected (on the features of the first `perceptual_arch`).",
    )
    disc_layers: int = _setting(
        3, "Strided layers of the PatchGAN discriminator; with 3, each output sees 70 x 70 pixels."
    )
    disc_norm: str = _setting("batch", "Normalization in the PatchGAN: batch, instance or none.")
    disc_spectral: bool = _setting(False, "Use spectral normalization in the PatchGAN.")
    least_area: float = _setting(
        0.4, "Smallest random crop, as a share of the photograph's largest square; 1 takes all of it."
    )
    flip: bool = _setting(True, "Mirror half of the crops, at random.")
    tone: float = _setting(0.0, "Probability of another contrast and gamma of L, as in old prints.")
    damage: float = _setting(0.0, "Probability of each of blur, grain, scratches and JPEG blocks on L.")
    film: float = _setting(
        0.0, "Probability of the sensitivity of old film, which shows blue lighter and red darker."
    )
    blank: float = _setting(
        0.0, "Probability of a uniform grey image, without colour, instead of a photograph."
    )
    hints: float = _setting(
        0.0, "Probability of hints of the true colours, for networks that take hints, such as dinov2_small."
    )
    recolor: float = _setting(0.0, "Probability, with hints, that things of one colour get another.")
    freeze_batchnorm: bool = _setting(
        False, "Keep the BatchNorm statistics of the checkpoint to start with; those of batches are noisy."
    )
    start_share: float = _setting(
        0.0,
        "Share of the starting checkpoint's weights in the finished model; use `freeze_batchnorm` or "
        "`recalibrate_batches`, too.",
    )
    final_chroma: float = _setting(1.0, "Factor by which the finished model multiplies the chroma it learnt.")
    bf16_weights: bool = _setting(
        False,
        "Round the finished model's weights to bfloat16, in which CPUs then keep its colours; not for "
        "pix2pix, nor with `recalibrate_batches`.",
    )
    recalibrate_batches: int = _setting(
        0, "Batches to re-estimate the BatchNorm statistics on at the end; 0 keeps those of training."
    )
    val_fraction: float = _setting(
        0.2, "Share of the photographs to hold out for evaluation, chosen by a hash of their content."
    )
    render_size: int = _setting(256, "Short side at which the finished model sees images, in pixels.")
    precision: str = _setting(
        "auto", "Number format: fp32, bf16, fp16 (GPU only) or auto (the fastest safe one here)."
    )
    channels_last: bool = _setting(
        True, "Keep images in memory pixel by pixel, which is faster on CPUs and GPUs."
    )
    compile: bool = _setting(False, "Compile the generator with torch.compile, which takes minutes to start.")
    preview_steps: int = _setting(500, "Steps between the preview pictures in TensorBoard.")
    checkpoint_minutes: float = _setting(5.0, "Minutes between checkpoints.")
    seed: int = _setting(0, "Seed for the new weights, the order of the photographs and the crops.")
    name: str = _setting("colorizer", "Name of the model and of its exported files.")
    license: str = _setting("unstated", "Licence of the model, recorded in its files.")
    training_data: str = _setting(
        "unstated", "Description of the photographs, recorded in the model's files."
    )

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        for setting, choices in _CHOICES.items():
            if getattr(self, setting) not in choices:
                raise UsageError(f"`{setting}` {getattr(self, setting)}: not {', '.join(choices)}")
        if not is_model_name(self.name):
            raise UsageError(f"`name` {self.name!r}: not possible as a file name; use letters and digits")
        rules = {name: getattr(self, name) >= 0 for name in _NOT_NEGATIVE}
        rules |= {name: 0 <= getattr(self, name) <= 1 for name in _SHARES}
        rules |= {
            "l1_epochs": self.l1_epochs >= 0 and self.l1_epochs + self.gan_epochs > 0,
            "batch_size": self.batch_size >= 2,  # BatchNorm needs two
            "crop_size": self.crop_size >= 32 and self.crop_size % 32 == 0,
            "final_crop_size": self.final_crop_size >= 0 and self.final_crop_size % 32 == 0,
            "render_size": self.render_size >= 32,
            "lr": self.lr > 0,
            "gan_lr": self.gan_lr > 0,
            "disc_lr": self.disc_lr > 0,
            "disc_layers": 1 <= self.disc_layers <= 5,
            "coarse": not (self.coarse and (self.gan_epochs or self.is_perceptual)),
            "feature_crops": self.feature_crops >= 1,
            "least_area": 0 < self.least_area <= 1,
            "preview_steps": self.preview_steps >= 1,
            "checkpoint_minutes": self.checkpoint_minutes > 0,
            "start_share": 0 <= self.start_share < 1,
            "final_chroma": self.final_chroma == 1 or (self.final_chroma > 0 and self.arch != "pix2pix"),
            "bf16_weights": not (self.bf16_weights and (self.recalibrate_batches or self.arch == "pix2pix")),
            "ema_decay": 0 <= self.ema_decay < 1,
            "val_fraction": 0 < self.val_fraction < 1,
            "perceptual_weights": self.perceptual_weights != "none",
            "seed": 0 <= self.seed < 2**63,
        }
        for setting, value in vars(self).items():
            is_finite = not isinstance(value, float) or math.isfinite(value)
            if not is_finite or not rules.get(setting, True):
                raise UsageError(f"`{setting}` {value}: out of range")
        self._check_patches()

    def _check_patches(self) -> None:
        """Refuse a PatchGAN that has no patch left of a crop."""
        has_patches = self.gan_epochs and self.discriminator == "patch"
        for setting in ("crop_size", "final_crop_size") if has_patches else ():
            size, least = getattr(self, setting), _LEAST_STRIDED << self.disc_layers
            if size and size < least:
                raise UsageError(
                    f"`disc_layers` {self.disc_layers}: too deep for `{setting}` {size}; "
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
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON ({error})") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: not a JSON object of settings")
    for name, value in found.items():
        kind = _type_of(name, f"{path}: ")
        if type(value) is not kind and not (type(value) is int and kind is float):
            raise UsageError(f"{path}: {name} {value!r}: not {_TYPES[kind]}")
    return found


def parse_setting(name: str, text: str) -> Any:
    """Return the value that a text stands for, of the setting's type.

    Raises:
        UsageError: no such setting, or not a value of its type.
    """
    kind = _type_of(name)
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise UsageError(f"`{name}` {text!r}: not {_TYPES[kind]}") from error


def _type_of(name: str, place: str = "") -> type[Any]:
    types = get_type_hints(TrainConfig)
    if name not in types:
        [closest] = difflib.get_close_matches(name, types, n=1, cutoff=0)
        raise UsageError(f"{place}no setting is called {name!r}; the closest name is {closest!r}")
    kind: type[Any] = types[name]
    return kind
