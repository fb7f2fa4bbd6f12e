"""A generator that joins the features of any encoder at stride 16 with edges of L and hints of colour."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.core.contract import SizeRule
from colorize_gan.trainer.decoder import LinearHead, UpBlock, conv_norm_relu
from colorize_gan.trainer.dinov2 import VitBlock
from colorize_gan.trainer.network import AB_RANGE

_STRIDE = 16
_DETAIL_WIDTHS = (16, 32, 64)  # at strides 2, 4 and 8
_MIXER_WIDTH, _MIXER_HEADS, _MIXER_BLOCKS = 256, 4, 2
_DECODER_WIDTHS = (128, 48, 24)  # at strides 8, 4 and 2
_DROPOUT = 0.1  # features of a frozen network identify single photographs
_LEAST_WEIGHT = 1e-3  # of the hints in a cell: less than one pixel in 256 counts half


class FusionGenerator(LinearHead):
    """An encoder's features, edges and hints, mixed by attention at stride 16 and decoded by convolutions."""

    takes_hints = True

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        """Join an encoder.

        Args:
            encoder: from L ``(N, 1, H, W)`` in 0..100 to ``(N, channels, H/16, W/16)``.
            channels: how many features it gives.
        """
        super().__init__()
        self.encoder = encoder
        self.details = nn.ModuleList(
            nn.Sequential(*conv_norm_relu(before, width, stride=2), *conv_norm_relu(width, width))
            for before, width in zip((4, *_DETAIL_WIDTHS[:-1]), _DETAIL_WIDTHS, strict=True)
        )
        self.dropout = nn.Dropout2d(_DROPOUT)
        self.join = nn.Conv2d(channels + 4 * _DETAIL_WIDTHS[-1] + 3, _MIXER_WIDTH, kernel_size=1)
        self.mixer = nn.Sequential(
            *(VitBlock(_MIXER_WIDTH, _MIXER_HEADS, ratio=2) for _ in range(_MIXER_BLOCKS))
        )
        inputs = (_MIXER_WIDTH, *_DECODER_WIDTHS[:-1])
        self.decoder = nn.ModuleList(map(UpBlock, inputs, reversed(_DETAIL_WIDTHS), _DECODER_WIDTHS))
        self.head = nn.Conv2d(_DECODER_WIDTHS[-1], 2, kernel_size=3, padding=1)
        self.unshuffle = nn.PixelUnshuffle(2)
        self.size_rule = SizeRule(multiple_of=_STRIDE, minimum=2 * _STRIDE)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> Tensor:
        """Return ab ``(N, 2, H, W)``.

        Args:
            lightness: CIE L* ``(N, 1, H, W)`` in 0..100, sides multiples of 16.
            hints: CIE a*, b* and weight 0..1 ``(N, 3, H, W)``, zero where there is none; None for no hints.
        """
        if hints is None:
            hints = lightness.new_zeros(1, 3, 1, 1).expand(-1, -1, *lightness.shape[-2:])
            hints = hints.expand(lightness.shape[0], -1, -1, -1)
        weight = hints[:, 2:]
        hints = torch.cat([hints[:, :2] * (weight / AB_RANGE), weight], dim=1)
        x = torch.cat([lightness / 50 - 1, hints], dim=1)
        skips = []
        for block in self.details:
            x = block(x)
            skips.append(x)
        deep = self.dropout(self.encoder(lightness))
        x = self.join(torch.cat([deep, self.unshuffle(x), _pool(hints)], dim=1))
        mixed = self.mixer(x.flatten(2).transpose(1, 2))
        x = mixed.transpose(1, 2).unflatten(2, x.shape[-2:])
        for up, skip in zip(self.decoder, reversed(skips), strict=True):
            x = up(x, skip)
        return self.decode(x)


def _pool(hints: Tensor) -> Tensor:
    """Return the mean colour of the hints in each cell of 16 x 16, and how sure they are: 0..1."""
    pooled = F.avg_pool2d(hints, _STRIDE)
    return pooled / (pooled[:, 2:] + _LEAST_WEIGHT)
