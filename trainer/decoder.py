"""How generators decode features: blocks that double the resolution, and the layer that gives ab."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.trainer.network import Generator

HEAD_SCALE = 10.0
"""One unit of a last layer, in CIE a*/b* units."""

_RIM = 2  # outermost pixels of the last layer, which zero padding makes pale


class UpBlock(nn.Module):
    """Double the resolution by pixel shuffle, join the encoder's features, convolve twice."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        """Set the channel counts."""
        super().__init__()
        self.expand = nn.Conv2d(channels_in, 4 * channels_out, kernel_size=1)
        self.shuffle = nn.PixelShuffle(2)
        self.convolve = nn.Sequential(
            *conv_norm_relu(channels_out + channels_skip, channels_out),
            *conv_norm_relu(channels_out, channels_out),
        )
        _init_icnr(self.expand)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return ``(N, channels_out, 2h, 2w)`` from deep ``(N, C, h, w)`` and skip ``(N, S, 2h, 2w)``."""
        return self.convolve(torch.cat([self.shuffle(self.expand(deep)), skip], dim=1))


def conv_norm_relu(channels_in: int, channels_out: int, stride: int = 1) -> list[nn.Module]:
    """Return a 3 x 3 convolution, BatchNorm and ReLU."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel_size=3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]


def _init_icnr(convolution: nn.Conv2d) -> None:
    """Start as nearest-neighbour upsampling, without checkerboard: ICNR, arXiv 1707.02937."""
    quarter = torch.empty_like(convolution.weight[::4])
    nn.init.kaiming_normal_(quarter)
    convolution.weight.data.copy_(quarter.repeat_interleave(4, dim=0))
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]


class LinearHead(Generator):
    """A generator whose last convolution gives ab at half resolution, which is doubled bilinearly."""

    encoder: nn.Module
    head: nn.Conv2d

    def __init__(self) -> None:
        """Leave `encoder` and `head` to the subclass, whose order of layers is that of random weights."""
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")

    def decode(self, features: Tensor, coarse: Tensor | None = None) -> Tensor:
        """Return ab ``(N, 2, 2h, 2w)``.

        Args:
            features: ``(N, C, h, w)``.
            coarse: ab ``(N, 2, h, w)`` that the features correct.
        """
        ab = HEAD_SCALE * self.head(features)
        inner = ab[..., _RIM:-_RIM, _RIM:-_RIM].contiguous()  # torch.compile wants its gradient so
        ab = F.pad(inner, (_RIM,) * 4, mode="replicate")
        return self.upsample(ab if coarse is None else ab + coarse)

    def multiply_chroma(self, factor: float) -> None:
        """Make all colours livelier (above 1) or duller, for good: the last convolution is linear."""
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(factor)
