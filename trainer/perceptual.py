"""A loss that sees objects: what an ImageNet classifier makes of the colours."""

import math

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.trainer.backbones import build_classifier, timm_name
from colorize_gan.trainer.color import encode_srgb, lab_to_linear

_EPSILON = 1e-6


class PerceptualLoss(nn.Module):
    """Distance of two colorizations in the features and in the answers of a frozen classifier.

    Features are compared as in LPIPS (Zhang et al., 2018), without its learned weights: normalised over the
    channels, squared differences summed over them and averaged over pixels and levels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str, pretrained: str) -> None:
        """Build the classifier; arguments as those of `build_generator`.

        Raises:
            ModelError: the weights cannot be had or do not fit.
        """
        super().__init__()
        name = timm_name(backbone, "--perceptual-arch")
        self.classifier = build_classifier(name, pretrained)
        config = timm.get_pretrained_cfg(name)
        mean, std = (config.mean, config.std) if config else (3 * (0.5,), 3 * (0.5,))
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, lightness: Tensor, predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Compare two ab ``(N, 2, H, W)`` for one L ``(N, 1, H, W)``, CIE units.

        Returns:
            The mean distance of the features, and the mean Jensen-Shannon divergence of the answers, in nats:
            at most ln 2, so that photographs that nobody knows again do not drown those that could be known.
        """
        with torch.no_grad():
            wanted, wanted_answer = self._see(lightness, target)
        found, answer = self._see(lightness, predicted)
        distances = [(a - b).square().sum(dim=1).mean() for a, b in zip(found, wanted, strict=True)]
        return torch.stack(distances).mean(), _divergence(answer, wanted_answer)

    def _see(self, lightness: Tensor, ab: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the normalised features, and the logarithms of the classes' probabilities."""
        with torch.autocast(ab.device.type, enabled=False):
            rgb = encode_srgb(lab_to_linear(lightness.float(), ab.float()))
        final, levels = self.classifier.forward_intermediates((rgb - self.mean) / self.std)  # type: ignore[operator]
        logits = self.classifier.forward_head(final)  # type: ignore[operator]
        features = [F.normalize(level.float(), dim=1, eps=_EPSILON) for level in levels]
        return features, logits.float().log_softmax(dim=1)


def _divergence(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean Jensen-Shannon divergence of two log-probabilities ``(N, classes)``."""
    middle = torch.stack([a, b]).logsumexp(dim=0) - math.log(2)
    distances = [F.kl_div(middle, each, log_target=True, reduction="batchmean") for each in (a, b)]
    return torch.stack(distances).mean()
