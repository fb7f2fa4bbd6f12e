"""Re-estimating BatchNorm statistics: so that a network runs without those of its batches, or trains on."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn


def recalibrate_batchnorm(generator: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace all running statistics by their plain averages over ``batches``, dropout switched off.

    pix2pix runs BatchNorm and dropout in training mode when it colorizes; exported models run in eval mode,
    which needs statistics of the final weights.

    Args:
        generator: changed in place; its mode stays.
        batches: CIE L* ``(N, 1, H, W)``, crops as in training.
    """
    dropouts = [(module, module.p) for module in generator.modules() if isinstance(module, nn.Dropout)]
    for dropout, _ in dropouts:
        dropout.p = 0.0
    with torch.no_grad():
        update_bn(batches, generator)
    for dropout, probability in dropouts:
        dropout.p = probability


def anchor_batchnorm(generator: nn.Module, lightness: Tensor) -> None:
    """Give every BatchNorm the statistics of its inputs; its scale and shift keep its function what it was.

    In training mode, which takes the statistics of each batch, the network then does nearly the same.

    Args:
        generator: in eval mode; changed in place.
        lightness: CIE L* ``(N, 1, H, W)`` of photographs.
    """
    norms = [module for module in generator.modules() if isinstance(module, _BatchNorm)]
    hooks = [norm.register_forward_pre_hook(_anchor) for norm in norms]
    with torch.no_grad():
        generator(lightness)
    for hook in hooks:
        hook.remove()


def freeze_batchnorm(generator: nn.Module) -> None:
    """Have every BatchNorm of a generator in training mode use its statistics, and keep them."""
    for module in generator.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def _anchor(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    assert isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - scale * norm.running_mean
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(shift + scale * mean)
