"""Losses. ab is CIE a*, b*; pixel losses are measured in `AB_RANGE`, as pix2pix measures them."""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from colorize_gan.trainer.network import AB_RANGE

_PIXEL_ERRORS = {
    "l1": partial(F.l1_loss, reduction="none"),
    "huber": partial(F.smooth_l1_loss, reduction="none", beta=10 / AB_RANGE),  # squared below 10 CIE units
}

_EDGE_SCALES = 3


def pixel_loss(predicted: Tensor, target: Tensor, kind: str, chroma_weight: float = 0.0) -> Tensor:
    """Return the mean error of ab ``(N, 2, H, W)`` over `AB_RANGE`.

    Args:
        predicted: CIE ab.
        target: true CIE ab.
        kind: ``l1``, or ``huber`` (smooth L1).
        chroma_weight: what 50 CIE units of true chroma add to the weight 1 of a pixel. As the class
            rebalancing of Zhang et al. (2016), it keeps the many dull pixels from muting the few vivid.
    """
    error = _PIXEL_ERRORS[kind](predicted / AB_RANGE, target / AB_RANGE).mean(dim=1)
    weight = 1 + chroma_weight * torch.hypot(*target.unbind(dim=1)) / 50
    return (weight * error).sum() / weight.sum()


def edge_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean L1 distance of the spatial gradients of ab ``(N, 2, H, W)`` over `AB_RANGE`.

    At full, half and quarter size, as MegaDepth's gradient term (Li and Snavely, 2018): colours that end
    where the object does.
    """
    error = (predicted - target) / AB_RANGE
    total = error.new_zeros(())
    for scale in range(_EDGE_SCALES):
        if scale:
            error = F.avg_pool2d(error, 2)
        total = total + error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return total / _EDGE_SCALES


def discriminator_loss(real: Tensor, fake: Tensor, mode: str) -> Tensor:
    """Return what the discriminator minimises, halved as in pix2pix.

    Args:
        real: logits of true colours.
        fake: logits of predicted colours.
        mode: ``vanilla`` (cross-entropy; Goodfellow et al., 2014), ``lsgan`` (Mao et al., 2017) or ``hinge``
            (Lim and Ye, 2017).
    """
    if mode == "hinge":
        return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
    return 0.5 * (_distance(real, 1.0, mode) + _distance(fake, 0.0, mode))


def generator_loss(fake: Tensor, mode: str) -> Tensor:
    """Return what the generator minimises to be taken for real; modes as in `discriminator_loss`."""
    return -fake.mean() if mode == "hinge" else _distance(fake, 1.0, mode)


def _distance(logits: Tensor, label: float, mode: str) -> Tensor:
    distance = F.mse_loss if mode == "lsgan" else F.binary_cross_entropy_with_logits
    return distance(logits, torch.full_like(logits, label))


def feature_matching_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return the mean L1 distance of discriminator features (Wang et al., pix2pixHD, 2018)."""
    return torch.stack([F.l1_loss(b, a.detach()) for a, b in zip(real, fake, strict=True)]).mean()
