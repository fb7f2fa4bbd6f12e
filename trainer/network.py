"""Shared by the networks: CIE units at both ends, and initial weights."""

from torch import nn

from colorize_gan.core.contract import SizeRule

AB_RANGE = 110.0
"""ab as losses and discriminators see it is CIE ab over this: nearly all sRGB colours lie in -1..1."""


class Generator(nn.Module):
    """A network from CIE L* ``(N, 1, H, W)`` to CIE ab ``(N, 2, H, W)``, both float32."""

    size_rule: SizeRule
    """Heights and widths that it accepts."""
    takes_hints = False
    """True if it takes hints beside L: CIE a*, b* and a weight 0..1, ``(N, 3, H, W)``; zeros mean none."""


def init_normal(module: nn.Module) -> None:
    """Initialise convolutions with N(0, 0.02) and norms with N(1, 0.02), as pix2pix and DCGAN do."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.02)
