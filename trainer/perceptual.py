"""A loss that sees objects: what an ImageNet classifier makes of the colours."""

import math
from typing import Self

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from colorize_gan.trainer.backbones import build_classifier, timm_name
from colorize_gan.trainer.color import encode_srgb, lab_to_linear

_EPSILON = 1e-6


class FrozenClassifier(nn.Module):
    """An ImageNet classifier that looks at Lab images, passes gradients on and never learns."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str, pretrained: str) -> None:
        """Build it.

        Args:
            backbone: as `arch` of `build_generator`.
            pretrained: as that of `build_generator`.

        Raises:
            ModelError: the weights cannot be had or do not fit.
        """
        super().__init__()
        name = timm_name(backbone, "perceptual_arch")
        self.classifier = build_classifier(name, pretrained)
        _fold_batch_norm(self.classifier)
        self.requires_grad_(False)
        config = timm.get_pretrained_cfg(name)
        mean, std = (config.mean, config.std) if config else (3 * (0.5,), 3 * (0.5,))
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    @property
    def channels(self) -> list[int]:
        """How many features each level has."""
        return [info["num_chs"] for info in self.classifier.feature_info]  # type: ignore[union-attr]

    def forward(self, lightness: Tensor, ab: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the features of all levels and the logarithms of the classes' probabilities.

        Args:
            lightness: CIE L* ``(N, 1, H, W)``.
            ab: CIE a*, b* ``(N, 2, H, W)``.
        """
        with torch.autocast(ab.device.type, enabled=False):
            rgb = encode_srgb(lab_to_linear(lightness.float(), ab.float()))
        final, levels = self.classifier.forward_intermediates((rgb - self.mean) / self.std)  # type: ignore[operator]
        logits = self.classifier.forward_head(final)  # type: ignore[operator]
        return levels, logits.float().log_softmax(dim=1)

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)


class PerceptualLoss(nn.Module):
    """Distance of two colorizations in the features and in the answers of a frozen classifier.

    Features are compared as in LPIPS (Zhang et al., 2018), without its learned weights: normalised over the
    channels, squared differences summed over them and averaged over pixels and levels.
    """

    def __init__(self, backbone: str, pretrained: str, with_features: bool = True) -> None:
        """Build the classifier: see `FrozenClassifier`; to compare answers alone costs less."""
        super().__init__()
        self.with_features = with_features
        self.see = FrozenClassifier(backbone, pretrained)

    def forward(self, lightness: Tensor, predicted: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Compare two ab ``(N, 2, H, W)`` for one L ``(N, 1, H, W)``, CIE units.

        Returns:
            ``loss/recognition``, the mean Jensen-Shannon divergence of the answers, in nats: at most ln 2, so
            that photographs that nobody knows again do not drown those that could be known; and
            ``loss/perceptual``, the mean distance of the features, if they are compared.
        """
        with torch.no_grad():
            wanted, wanted_answer = self.see(lightness, target)
        found, answer = self.see(lightness, predicted)
        log = {"loss/recognition": _divergence(answer, wanted_answer)}
        if self.with_features:
            distances = [_feature_distance(a, b) for a, b in zip(found, wanted, strict=True)]
            log["loss/perceptual"] = torch.stack(distances).mean()
        return log


def _feature_distance(a: Tensor, b: Tensor) -> Tensor:
    a, b = (F.normalize(each.float(), dim=1, eps=_EPSILON) for each in (a, b))
    return (a - b).square().sum(dim=1).mean()


def _fold_batch_norm(module: nn.Module) -> None:
    """Fold the statistics of a frozen network into the convolutions before them: the same, and faster."""
    before = ""
    for name, child in list(module.named_children()):
        convolution = getattr(module, before) if before else None
        if isinstance(child, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
            setattr(module, before, fuse_conv_bn_eval(convolution, child).requires_grad_(False))
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            _fold_batch_norm(child)
        before = name


def _divergence(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean Jensen-Shannon divergence of two log-probabilities ``(N, classes)``."""
    middle = torch.stack([a, b]).logsumexp(dim=0) - math.log(2)
    distances = [F.kl_div(middle, each, log_target=True, reduction="batchmean") for each in (a, b)]
    return torch.stack(distances).mean()
