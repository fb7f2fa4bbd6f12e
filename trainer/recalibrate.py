"""Re-estimating BatchNorm statistics, so that a network trained on batch statistics runs without them."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
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
