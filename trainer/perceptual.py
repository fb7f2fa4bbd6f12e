"""A loss that sees objects: the distance of ImageNet features."""

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.trainer.backbones import build_encoder, pretrained_weights, timm_name
from colorize_gan.trainer.color import encode_srgb, lab_to_linear

_EPSILON = 1e-6


class PerceptualLoss(nn.Module):
    """Distance of two colorizations in the features of a frozen encoder.

    As in LPIPS (Zhang et al., 2018), without its learned weights: features are normalised over the channels,
    squared differences are summed over them and averaged over pixels and levels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str, pretrained: str) -> None:
        """Build the encoder; arguments as those of `build_generator`.

        Raises:
            ModelError: the weights cannot be had or do not fit.
        """
        super().__init__()
        name = timm_name(backbone, "--perceptual-arch")
        self.encoder = build_encoder(name, pretrained_weights(name, pretrained), channels=3)
        self.requires_grad_(False)
        config = timm.get_pretrained_cfg(name)
        mean, std = (config.mean, config.std) if config else (3 * (0.5,), 3 * (0.5,))
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self.eval()

    def forward(self, lightness: Tensor, predicted: Tensor, target: Tensor) -> Tensor:
        """Return the mean distance of two ab ``(N, 2, H, W)`` for one L ``(N, 1, H, W)``, CIE units."""
        with torch.no_grad():
            wanted = self._features(lightness, target)
        found = self._features(lightness, predicted)
        distances = [(a - b).square().sum(dim=1).mean() for a, b in zip(found, wanted, strict=True)]
        return torch.stack(distances).mean()

    def _features(self, lightness: Tensor, ab: Tensor) -> list[Tensor]:
        with torch.autocast(ab.device.type, enabled=False):
            rgb = encode_srgb(lab_to_linear(lightness.float(), ab.float()))
        levels = self.encoder((rgb - self.mean) / self.std)
        return [F.normalize(features.float(), dim=1, eps=_EPSILON) for features in levels]
