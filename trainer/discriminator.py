"""Discriminators: is each patch of a colorization real?"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from colorize_gan.trainer.network import AB_RANGE, init_normal
from colorize_gan.trainer.perceptual import FrozenClassifier

_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
    "none": nn.Identity,
}
_WIDTH, _WIDEST = 64, 512


class PatchGAN(nn.Module):
    """A fully convolutional discriminator of L and ab together; three layers see patches of 70 x 70.

    That of Isola et al., 2017, appendix 6.1.2.
    """

    def __init__(self, layers: int = 3, norm: str = "batch", spectral: bool = False) -> None:
        """Build it.

        Args:
            layers: strided convolutions; each doubles the patch.
            norm: ``batch``, ``instance`` or ``none``.
            spectral: normalise every convolution by its spectral norm (Miyato et al., 2018).
        """
        super().__init__()
        widths = [min(_WIDTH * 2**level, _WIDEST) for level in range(layers + 1)]
        strides = [2] * layers + [1]
        blocks: list[nn.Module] = []
        channels = 3
        for level, (width, stride) in enumerate(zip(widths, strides, strict=True)):
            convolution = nn.Conv2d(channels, width, kernel_size=4, stride=stride, padding=1)
            normalise = nn.Identity() if level == 0 else _NORMS[norm](width)
            blocks.append(nn.Sequential(convolution, normalise, nn.LeakyReLU(0.2)))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(channels, 1, kernel_size=4, padding=1)
        init_normal(self)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)

    def forward(self, lightness: Tensor, ab: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge CIE L* ``(N, 1, H, W)`` with CIE ab ``(N, 2, H, W)``.

        Returns:
            Logits ``(N, 1, h, w)``, high for real, and the features of every block.
        """
        x = torch.cat([lightness / 50 - 1, ab / AB_RANGE], dim=1)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return self.head(x), features


class ProjectedGAN(nn.Module):
    """Small heads judge what a frozen classifier sees at each level (Sauer et al., 2021).

    Its random mixing of features between channels and levels is left out.
    """

    def __init__(self, backbone: str, pretrained: str) -> None:
        """Build it over a `FrozenClassifier`."""
        super().__init__()
        self.see = FrozenClassifier(backbone, pretrained)
        self.heads = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(channels, _WIDTH, kernel_size=3, padding=1)),
                nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(_WIDTH, 1, kernel_size=1)),
            )
            for channels in self.see.channels
        )

    def forward(self, lightness: Tensor, ab: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge as `PatchGAN` does; the logits ``(N, levels, h, w)`` of coarse levels are repeated."""
        features, _ = self.see(lightness, ab)
        logits = [head(level) for head, level in zip(self.heads, features, strict=True)]
        size = logits[0].shape[-2:]
        return torch.cat([F.interpolate(each, size=size) for each in logits], dim=1), features
