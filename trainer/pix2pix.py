"""The pix2pix baseline generator.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017), appendix 6.1.1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.core.contract import SizeRule
from colorize_gan.trainer.network import AB_RANGE, Generator, init_normal

_WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)
_DROPOUT_LEVELS = (4, 5, 6)


class Pix2PixUNet(Generator):
    """A U-Net of eight strided levels, trained from nothing; dropout is its only noise."""

    size_rule = SizeRule(multiple_of=256, minimum=256)

    def __init__(self) -> None:
        """Build and initialise it."""
        super().__init__()
        inputs = (1, *_WIDTHS[:-1])
        self.down = nn.ModuleList(map(_down, range(len(_WIDTHS)), inputs, _WIDTHS))
        self.up = nn.ModuleList(map(_up, range(len(_WIDTHS)), (2, *_WIDTHS[:-1]), _WIDTHS))
        init_normal(self)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return ab ``(N, 2, H, W)`` for lightness ``(N, 1, H, W)`` in 0..100, sides multiples of 256."""
        x = lightness / 50 - 1
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
        x = self.up[-1](F.relu(skips.pop()))
        for level in reversed(self.up[:-1]):
            # ReLU of the parts, not of the whole: it gives BatchNorm dense gradients, on which it is fast
            x = level(torch.cat([F.relu(x), F.relu(skips.pop())], dim=1))
        return AB_RANGE * torch.tanh(x)


def _down(level: int, channels_in: int, channels_out: int) -> nn.Module:
    """Halve the resolution; the outermost level takes the image as it is, the innermost has no norm."""
    innermost = level == len(_WIDTHS) - 1
    activation = nn.LeakyReLU(0.2) if level else nn.Identity()
    norm = nn.BatchNorm2d(channels_out) if level and not innermost else nn.Identity()
    bias = isinstance(norm, nn.Identity)
    return nn.Sequential(activation, nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=bias), norm)


def _up(level: int, channels_out: int, width: int) -> nn.Module:
    """Double the resolution; all but the innermost level also take the skip connection's channels."""
    innermost = level == len(_WIDTHS) - 1
    convolution = nn.ConvTranspose2d(
        width if innermost else 2 * width, channels_out, 4, 2, 1, bias=level == 0
    )
    norm = nn.BatchNorm2d(channels_out) if level else nn.Identity()
    dropout = nn.Dropout(0.5) if level in _DROPOUT_LEVELS else nn.Identity()
    return nn.Sequential(convolution, norm, dropout)
