"""Generators: networks from L to ab, in CIE units at both ends."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from colorize_gan.core.contract import SizeRule
from colorize_gan.core.errors import UsageError
from colorize_gan.trainer.backbones import build_encoder, check_strides, pretrained_weights, timm_name
from colorize_gan.trainer.network import Generator
from colorize_gan.trainer.pix2pix import Pix2PixUNet

_HEAD_SCALE = 10.0  # one unit of the last layer, in CIE a*/b* units

_DECODER_WIDTHS = (256, 128, 64, 32)

_RIM = 2  # outermost pixels of the last layer, which zero padding makes pale


class UpBlock(nn.Module):
    """Double the resolution by pixel shuffle, join the encoder's features, convolve twice."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        """Set the channel counts."""
        super().__init__()
        self.expand = nn.Conv2d(channels_in, 4 * channels_out, kernel_size=1)
        self.shuffle = nn.PixelShuffle(2)
        self.convolve = nn.Sequential(
            *_conv_norm_relu(channels_out + channels_skip, channels_out),
            *_conv_norm_relu(channels_out, channels_out),
        )
        _init_icnr(self.expand)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return ``(N, channels_out, 2h, 2w)`` from deep ``(N, C, h, w)`` and skip ``(N, S, 2h, 2w)``."""
        return self.convolve(torch.cat([self.shuffle(self.expand(deep)), skip], dim=1))


def _conv_norm_relu(channels_in: int, channels_out: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]


def _init_icnr(convolution: nn.Conv2d) -> None:
    """Start as nearest-neighbour upsampling, without checkerboard: ICNR, arXiv 1707.02937."""
    quarter = torch.empty_like(convolution.weight[::4])
    nn.init.kaiming_normal_(quarter)
    convolution.weight.data.copy_(quarter.repeat_interleave(4, dim=0))
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]


class BackboneUNet(Generator):
    """A U-Net over a timm encoder; ab is predicted at half resolution and doubled bilinearly."""

    def __init__(self, backbone: str, weights: dict[str, Tensor] | None = None) -> None:
        """Build the encoder (pretrained when ``weights`` is given) and a fresh decoder."""
        super().__init__()
        self.encoder = build_encoder(backbone, weights)
        deepest, *skips = reversed(self.encoder.feature_info.channels())  # type: ignore[union-attr, operator]
        widths = _DECODER_WIDTHS[-len(skips) :]
        inputs = (deepest, *widths)
        self.decoder = nn.ModuleList(map(UpBlock, inputs, skips, widths))
        self.head = nn.Conv2d(widths[-1], 2, kernel_size=3, padding=1)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")
        stride = self.encoder.feature_info.reduction()[-1]  # type: ignore[union-attr, operator]
        self.size_rule = SizeRule(multiple_of=stride, minimum=stride)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return ab ``(N, 2, H, W)`` for lightness ``(N, 1, H, W)`` in 0..100, sides multiples of 32."""
        x, *skips = reversed(self.encoder(lightness / 50 - 1))
        for block, skip in zip(self.decoder, skips, strict=True):
            x = block(x, skip)
        ab = _HEAD_SCALE * self.head(x)
        inner = ab[..., _RIM:-_RIM, _RIM:-_RIM].contiguous()  # torch.compile wants its gradient so
        ab = F.pad(inner, (_RIM,) * 4, mode="replicate")
        return self.upsample(ab)

    def multiply_chroma(self, factor: float) -> None:
        """Make all colours livelier (above 1) or duller, for good: the last convolution is linear."""
        with torch.no_grad():
            for parameter in self.head.parameters():
                parameter.mul_(factor)


def build_generator(architecture: str, pretrained: str = "none") -> Generator:
    """Build a generator by name.

    Args:
        architecture: ``pix2pix``, ``efficientnet_lite0``..``efficientnet_lite4``, or any timm backbone whose
            features start at stride 2 and double it at each level (``resnet34``, ...).
        pretrained: ``none``, ``auto`` or a weights file; see `pretrained_weights`. No file for ``pix2pix``.

    Raises:
        UsageError: no such architecture, one that the decoder does not fit, or one that takes no weights.
        ModelError: the weights cannot be had or do not fit.
    """
    if architecture == "pix2pix":
        if pretrained not in ("auto", "none"):
            raise UsageError(f"--pretrained {pretrained}: not for pix2pix, which is trained from nothing")
        return Pix2PixUNet()
    backbone = timm_name(architecture)
    check_strides(architecture, backbone, len(_DECODER_WIDTHS) + 1)
    return BackboneUNet(backbone, pretrained_weights(backbone, pretrained))
