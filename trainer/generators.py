"""Generators: networks from L to ab, in CIE units at both ends."""

from torch import Tensor, nn

from colorize_gan.core.contract import SizeRule
from colorize_gan.core.errors import UsageError
from colorize_gan.trainer.backbones import build_encoder, check_strides, pretrained_weights, timm_name
from colorize_gan.trainer.decoder import LinearHead, UpBlock
from colorize_gan.trainer.dinov2 import SHAPES, VitEncoder, find_weights
from colorize_gan.trainer.fusion import FusionGenerator
from colorize_gan.trainer.network import Generator
from colorize_gan.trainer.pix2pix import Pix2PixUNet

_DECODER_WIDTHS = (256, 128, 64, 32)


class BackboneUNet(LinearHead):
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
        stride = self.encoder.feature_info.reduction()[-1]  # type: ignore[union-attr, operator]
        self.size_rule = SizeRule(multiple_of=stride, minimum=stride)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return ab ``(N, 2, H, W)`` for lightness ``(N, 1, H, W)`` in 0..100, sides multiples of 32."""
        x, *skips = reversed(self.encoder(lightness / 50 - 1))
        for block, skip in zip(self.decoder, skips, strict=True):
            x = block(x, skip)
        return self.decode(x)


def build_generator(architecture: str, pretrained: str = "none") -> Generator:
    """Build a generator by name.

    Args:
        architecture: ``pix2pix``, ``dinov2_small``, ``efficientnet_lite0``..``efficientnet_lite4``, or any
            timm backbone whose features start at stride 2 and double it at each level (``resnet34``, ...).
        pretrained: ``none``, ``auto`` or a weights file, but none for ``pix2pix``; see `pretrained_weights`
            and, for ``dinov2_small``, `find_weights`.

    Raises:
        UsageError: no such architecture, one that the decoder does not fit, or one that takes no weights.
        ModelError: the weights cannot be had or do not fit.
    """
    if architecture == "pix2pix":
        if pretrained not in ("auto", "none"):
            raise UsageError(f"`pretrained` {pretrained}: not for pix2pix, which is trained from nothing")
        return Pix2PixUNet()
    if architecture in SHAPES:
        encoder = VitEncoder(SHAPES[architecture], find_weights(architecture, pretrained))
        return FusionGenerator(encoder, encoder.channels)
    backbone = timm_name(architecture)
    check_strides(architecture, backbone, len(_DECODER_WIDTHS) + 1)
    return BackboneUNet(backbone, pretrained_weights(backbone, pretrained))
