import pytest
import torch

from colorize_gan.trainer.generators import BackboneUNet, build_generator

ARCHITECTURES = ["efficientnet_lite0", "efficientnet_lite2", "resnet18"]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def generator(request: pytest.FixtureRequest) -> BackboneUNet:
    torch.manual_seed(0)
    return build_generator(request.param)


def test_every_parameter_gets_a_gradient(generator: BackboneUNet) -> None:
    generator.train()
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)  # timm starts the last one of a residual block at zero
    generator(torch.rand(2, 1, 64, 64) * 100).square().sum().backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_any_multiple_of_32_gives_ab_of_the_same_size(generator: BackboneUNet) -> None:
    generator.eval()
    with torch.inference_mode():
        for height, width in [(32, 32), (64, 160)]:
            assert generator(torch.rand(1, 1, height, width) * 100).shape == (1, 2, height, width)
    assert generator.size_rule.multiple_of == generator.size_rule.minimum == 32


def test_evaluation_is_deterministic_and_per_image(generator: BackboneUNet) -> None:
    generator.eval()
    batch = torch.rand(3, 1, 64, 64) * 100
    with torch.inference_mode():
        together = generator(batch)
        assert torch.equal(generator(batch), together)
        assert torch.allclose(generator(batch[1:2]), together[1:2], atol=1e-3)


def test_fresh_upsampling_has_no_checkerboard(generator: BackboneUNet) -> None:
    block = generator.decoder[0]
    deep = torch.rand(1, block.expand.in_channels, 4, 4)
    with torch.inference_mode():
        up = block.shuffle(block.expand(deep))
    for row, column in ((0, 1), (1, 0), (1, 1)):
        assert torch.equal(up[..., row::2, column::2], up[..., ::2, ::2])


def test_size_stays_small() -> None:
    parameters = sum(p.numel() for p in build_generator("efficientnet_lite2").parameters())
    assert parameters <= 8_000_000
