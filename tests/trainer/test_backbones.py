import re
from pathlib import Path

import pytest
import skimage.data
import timm
import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame

from colorize_gan.core.errors import ModelError, UsageError
from colorize_gan.trainer.backbones import (
    StaticSameConv2d,
    build_encoder,
    packaged_weights_file,
    pretrained_weights,
)
from colorize_gan.trainer.generators import build_generator

TABBY, TIGER_CAT, EGYPTIAN_CAT, ESPRESSO, CUP = 281, 282, 285, 967, 968


@pytest.mark.parametrize("lite", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_packaged_weights_recognise_photographs(lite: str) -> None:
    network = timm.create_model(f"tf_{lite}").eval()
    weights = pretrained_weights(f"tf_{lite}", "auto")
    assert weights is not None
    network.load_state_dict(weights, strict=True)
    for rgb, classes in (
        (skimage.data.chelsea(), {TABBY, TIGER_CAT, EGYPTIAN_CAT}),
        (skimage.data.coffee(), {ESPRESSO, CUP}),
    ):
        pixels = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float()
        with torch.inference_mode():
            logits = network((F.interpolate(pixels, (256, 256), mode="bilinear") - 127) / 128)
        assert logits.argmax().item() in classes
        assert logits.softmax(1).max() > 0.3


def test_one_channel_encoder_sees_grey_as_the_rgb_network_does() -> None:
    weights = pretrained_weights("tf_efficientnet_lite0", "auto")
    assert weights is not None
    rgb = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    rgb.load_state_dict({key: weights[key] for key in rgb.state_dict()}, strict=True)
    one = build_encoder("tf_efficientnet_lite0", weights).eval()
    grey = torch.rand(1, 1, 64, 96) * 2 - 1
    with torch.inference_mode():
        for expected, actual in zip(rgb(grey.expand(-1, 3, -1, -1)), one(grey), strict=True):
            assert torch.allclose(expected, actual, atol=1e-3)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [32, 96])
def test_static_padding_is_tensorflows_same_padding(kernel: int, size: int) -> None:
    dynamic = Conv2dSame(4, 4, kernel, stride=2, groups=4)
    static = StaticSameConv2d(4, 4, kernel, stride=2, groups=4)
    static.load_state_dict(dynamic.state_dict())
    x = torch.rand(1, 4, size, size)
    assert torch.equal(dynamic(x), static(x))


def test_weights_of_another_network_are_refused() -> None:
    weights = pretrained_weights("tf_efficientnet_lite0", "auto")
    assert weights is not None
    with pytest.raises(ModelError, match="not weights of resnet18"):
        build_encoder("resnet18", weights)


def test_unreadable_weights_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_text("nothing")
    with pytest.raises(ModelError, match=r"w\.pth: cannot be read"):
        pretrained_weights("resnet18", str(tmp_path / "w.pth"))


def test_a_file_of_another_lite_network_is_refused(tmp_path: Path) -> None:
    weights = pretrained_weights("tf_efficientnet_lite1", "auto")
    torch.save(weights, tmp_path / "lite1.pth")
    with pytest.raises(ModelError, match="not weights of tf_efficientnet_lite0"):
        build_generator("efficientnet_lite0", str(tmp_path / "lite1.pth"))


def test_without_network_the_user_learns_what_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        ModelError, match=r"no ImageNet weights of resnet18 here.*set `pretrained` to timm's weights file"
    ):
        pretrained_weights("resnet18", "auto")


@pytest.mark.parametrize(
    ("arch", "says"),
    [
        ("vgg11", "its features are at strides 1, 2, 4, 8, 16, 32, not 2, 4, 8"),
        ("convnext_atto", "its features are at strides 4, 8, 16, 32, not"),
        ("vit_tiny_patch16_224", "its features are at strides 16, 16, 16, not"),
        ("inception_v3", "its features of 288 pixels are 141, "),
        ("resnet18.nope", "Invalid pretrained tag"),
    ],
)
def test_backbone_that_no_decoder_fits_is_a_usage_error(arch: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"`arch` {re.escape(arch)}: {says}"):
        build_generator(arch, "auto")


def test_weights_are_packaged_for_a_tagged_name_too() -> None:
    assert packaged_weights_file("resnet18.a1_in1k") is None
    assert packaged_weights_file("tf_efficientnet_lite0.in1k") == packaged_weights_file(
        "tf_efficientnet_lite0"
    )


@pytest.mark.parametrize("content", [[torch.zeros(1)], torch.zeros(1), {"state_dict": {}}])
def test_file_of_no_state_dict_is_refused_by_name(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w\.pth: not a PyTorch state dict"):
        pretrained_weights("resnet18", str(tmp_path / "w.pth"))


def test_pix2pix_takes_no_weights() -> None:
    with pytest.raises(UsageError, match=r"`pretrained` w\.pth: not for pix2pix"):
        build_generator("pix2pix", "w.pth")


def test_unknown_architecture_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="`arch` lite9"):
        build_generator("lite9")
