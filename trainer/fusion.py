"""A generator that colours coarsely from the features of any encoder, then refines that at the edges of L."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.core.contract import SizeRule
from colorize_gan.trainer.decoder import HEAD_SCALE, LinearHead, UpBlock, conv_norm_relu
from colorize_gan.trainer.dinov2 import VitBlock
from colorize_gan.trainer.network import AB_RANGE
from colorize_gan.trainer.propagation import HintPropagation

_STRIDE = 16
_DETAIL_WIDTHS = (16, 32, 64)  # at strides 2, 4 and 8
_MIXER_WIDTH, _MIXER_HEADS, _MIXER_BLOCKS = 256, 4, 2
_COARSE_STRIDE = 8
_FIRST_COLOR = 1e-3  # deviation of a head's first weights: training begins with hardly any colour
_DECODER_WIDTHS = (128, 48, 24)  # at strides 8, 4 and 2
_DROPOUT = 0.1  # features of a frozen network identify single photographs
_LEAST_WEIGHT = 1e-3  # of the hints in a cell: less than one pixel in 256 counts half


class FusionGenerator(LinearHead):
    """Attention mixes features and hints into coarse colours; convolutions add what edges show."""

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
        self.coarse = CoarseColors(channels)
        self.enlarge = nn.Upsample(scale_factor=_COARSE_STRIDE // 2, mode="bilinear")
        inputs = (_MIXER_WIDTH, *_DECODER_WIDTHS[:-1])
        self.decoder = nn.ModuleList(map(UpBlock, inputs, reversed(_DETAIL_WIDTHS), _DECODER_WIDTHS))
        self.head = nn.Conv2d(_DECODER_WIDTHS[-1], 2, kernel_size=3, padding=1)
        nn.init.normal_(self.head.weight, std=_FIRST_COLOR)
        self.size_rule = SizeRule(multiple_of=_STRIDE, minimum=2 * _STRIDE)

    def forward(
        self, lightness: Tensor, hints: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Return ab ``(N, 2, H, W)``.

        Args:
            lightness: CIE L* ``(N, 1, H, W)`` in 0..100, sides multiples of 16.
            hints: CIE a*, b* and weight 0..1 ``(N, 3, H, W)``, zero where there is none; None for no hints.
            features: what the encoder gives for ``lightness``, if that is known.
        """
        hints = _scaled(hints, lightness)
        x = torch.cat([lightness / 50 - 1, hints], dim=1)
        skips = []
        for block in self.details:
            x = block(x)
            skips.append(x)
        x, ab = self.coarse(self.encoder(lightness) if features is None else features, hints)
        for up, skip in zip(self.decoder, reversed(skips), strict=True):
            x = up(x, skip)
        return self.decode(x, self.enlarge(ab))

    def multiply_chroma(self, factor: float) -> None:
        """Make all colours livelier or duller, for good, but those that hints ask for: see `LinearHead`."""
        super().multiply_chroma(factor)
        self.coarse.multiply_chroma(factor)
        first = self.details[0][0]  # type: ignore[index]
        _divide_hints(first, factor)


class CoarseColors(nn.Module):
    """Mix features and hints at stride 16 by attention; give colours at stride 8."""

    def __init__(self, channels: int) -> None:
        """Take so many features."""
        super().__init__()
        self.dropout = nn.Dropout2d(_DROPOUT)
        self.join = nn.Conv2d(channels + 3, _MIXER_WIDTH, kernel_size=1)
        self.mixer = nn.Sequential(
            *(VitBlock(_MIXER_WIDTH, _MIXER_HEADS, ratio=2) for _ in range(_MIXER_BLOCKS))
        )
        self.head = nn.Conv2d(_MIXER_WIDTH, 2 * (_STRIDE // _COARSE_STRIDE) ** 2, kernel_size=1)
        nn.init.normal_(self.head.weight, std=_FIRST_COLOR)
        self.shuffle = nn.PixelShuffle(_STRIDE // _COARSE_STRIDE)
        self.propagation = HintPropagation(channels)
        self.tell = nn.Conv2d(2, _MIXER_WIDTH, kernel_size=1, bias=False)
        nn.init.zeros_(self.tell.weight)

    def forward(self, features: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """Return mixed features ``(N, 256, h, w)`` and ab ``(N, 2, 2h, 2w)``.

        Args:
            features: ``(N, channels, h, w)``.
            hints: a* and b* over `AB_RANGE` times the weight, and the weight: ``(N, 3, 16h, 16w)``.
        """
        pooled = _pool(hints)
        x = self.join(torch.cat([self.dropout(features), pooled], dim=1))
        mixed = self.mixer(x.flatten(2).transpose(1, 2))
        x = mixed.transpose(1, 2).unflatten(2, x.shape[-2:])
        ab = HEAD_SCALE * self.shuffle(self.head(x))
        colors = torch.cat([AB_RANGE * pooled[:, :2], pooled[:, 2:]], dim=1)
        moved = self.propagation(features, F.avg_pool2d(ab, 2), colors)
        return x + self.tell(moved / AB_RANGE), ab + F.interpolate(moved, scale_factor=2, mode="bilinear")

    def multiply_chroma(self, factor: float) -> None:
        """Make all colours livelier (above 1) or duller, for good: the last convolution is linear."""
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(factor)
            self.tell.weight.div_(factor)
        _divide_hints(self.join, factor)


class CoarsePath(nn.Module):
    """The part of a `FusionGenerator` that gives the coarse colours, to train it alone."""

    def __init__(self, generator: FusionGenerator) -> None:
        """Share the generator's weights."""
        super().__init__()
        self.encoder, self.coarse = generator.encoder, generator.coarse

    def forward(
        self, lightness: Tensor, hints: Tensor | None = None, features: Tensor | None = None
    ) -> Tensor:
        """Return ab ``(N, 2, H/8, W/8)`` for what `FusionGenerator` takes."""
        features = self.encoder(lightness) if features is None else features
        ab: Tensor = self.coarse(features, _scaled(hints, lightness))[1]
        return ab


def _divide_hints(convolution: nn.Conv2d, factor: float) -> None:
    """Have a layer, whose last inputs are those of `_scaled`, see duller or livelier colours of hints."""
    with torch.no_grad():
        convolution.weight[:, -3:-1].div_(factor)


def _scaled(hints: Tensor | None, lightness: Tensor) -> Tensor:
    """Return hints as the layers take them: a* and b* over `AB_RANGE` times the weight, and the weight."""
    if hints is None:
        hints = lightness.new_zeros(1, 3, 1, 1).expand(-1, -1, *lightness.shape[-2:])
        hints = hints.expand(lightness.shape[0], -1, -1, -1)
    weight = hints[:, 2:]
    return torch.cat([hints[:, :2] * (weight / AB_RANGE), weight], dim=1)


def _pool(hints: Tensor) -> Tensor:
    """Return the mean colour of the hints in each cell of 16 x 16, and how sure they are: 0..1."""
    pooled = F.avg_pool2d(hints, _STRIDE)
    return pooled / (pooled[:, 2:] + _LEAST_WEIGHT)
