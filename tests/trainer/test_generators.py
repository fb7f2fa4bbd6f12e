import pytest
import torch

from colorize_gan.trainer.decoder import UpBlock
from colorize_gan.trainer.fusion import FusionGenerator
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.network import Generator
from colorize_gan.trainer.pix2pix import Pix2PixUNet

ARCHITECTURES = ["efficientnet_lite0", "efficientnet_lite2", "resnet18", "resnet34", "resnet50"]
ARCHITECTURES += ["dinov2_nano", "pix2pix"]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def generator(request: pytest.FixtureRequest) -> Generator:
    torch.manual_seed(0)
    return build_generator(request.param)


def test_every_parameter_gets_a_gradient(generator: Generator) -> None:
    generator.train()
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)  # timm starts the last one of a residual block at zero
    side = 2 * generator.size_rule.minimum
    inputs = [torch.rand(2, 1, side, side) * 100]
    if generator.takes_hints:
        inputs.append(torch.rand(2, 3, side, side))
    generator(*inputs).square().sum().backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_any_multiple_of_the_stride_gives_ab_of_the_same_size(generator: Generator) -> None:
    generator.eval()
    unit, least = generator.size_rule.multiple_of, generator.size_rule.minimum
    expected = {Pix2PixUNet: (256, 256), FusionGenerator: (16, 32)}
    assert (unit, least) == expected.get(type(generator), (32, 32))
    with torch.inference_mode():
        for height, width in [(least, least), (least, least + unit)]:
            assert generator(torch.rand(1, 1, height, width) * 100).shape == (1, 2, height, width)


def test_evaluation_is_deterministic_and_per_image(generator: Generator) -> None:
    generator.eval()
    batch = torch.rand(3, 1, generator.size_rule.minimum, generator.size_rule.minimum) * 100
    with torch.inference_mode():
        together = generator(batch)
        assert torch.equal(generator(batch), together)
        assert torch.allclose(generator(batch[1:2]), together[1:2], atol=1e-3)


def test_colours_reach_the_rim_of_the_picture() -> None:
    generator = build_generator("efficientnet_lite0").eval()
    with torch.inference_mode():
        ab = generator(torch.rand(1, 1, 64, 96) * 100)
    assert torch.equal(ab[..., :4, 8:-8], ab[..., 4:5, 8:-8].expand(-1, -1, 4, -1))
    assert torch.equal(ab[..., 8:-8, -4:], ab[..., 8:-8, -5:-4].expand(-1, -1, -1, 4))


def test_hints_of_no_weight_are_none_and_others_change_colours_about_them() -> None:
    torch.manual_seed(0)
    generator = build_generator("dinov2_nano").eval()
    lightness, hints = torch.rand(2, 1, 64, 96) * 100, torch.zeros(2, 3, 64, 96)
    with torch.inference_mode():
        expected = generator(lightness)
        hints[:, :2] = 50  # without weight
        assert torch.allclose(generator(lightness, hints), expected, atol=1e-5)
        hints[1, 2, 20:24, 30:34] = 1
        hinted = generator(lightness, hints)
    assert torch.equal(hinted[0], expected[0])
    changed = (hinted - expected)[1].abs().mean(dim=0)
    assert changed[16:32, 24:40].mean() > changed.mean() > 0


def test_more_chroma_is_not_that_of_hints() -> None:
    torch.manual_seed(0)
    generator = build_generator("dinov2_nano").eval()
    for layer in (generator.head, generator.coarse.tell):  # type: ignore[union-attr]
        torch.nn.init.normal_(layer.weight, std=0.3)  # type: ignore[arg-type, union-attr]
    lightness, hints = (
        torch.rand(1, 1, 64, 64) * 100,
        torch.rand(1, 3, 64, 64) * torch.tensor([30, -40, 1])[:, None, None],
    )
    duller = hints / torch.tensor([1.25, 1.25, 1])[:, None, None]
    with torch.inference_mode():
        wanted = 1.25 * generator(lightness, duller)
        generator.multiply_chroma(1.25)
        torch.testing.assert_close(generator(lightness, hints), wanted, rtol=1e-4, atol=1e-4)


def test_fresh_upsampling_has_no_checkerboard() -> None:
    block = UpBlock(24, 8, 16)
    deep = torch.rand(1, 24, 4, 4)
    with torch.inference_mode():
        up = block.shuffle(block.expand(deep))
    for row, column in ((0, 1), (1, 0), (1, 1)):
        assert torch.equal(up[..., row::2, column::2], up[..., ::2, ::2])


def test_pix2pix_is_the_published_network() -> None:
    torch.manual_seed(0)
    network = build_generator("pix2pix")
    # 54.414 million for 3 to 3 channels, as the reference implementation prints; 1 to 2 has fewer
    assert sum(p.numel() for p in network.parameters()) == 54_414_531 - 2 * 64 * 16 - (128 * 16 + 1)
    assert sum(isinstance(module, torch.nn.Dropout) for module in network.modules()) == 3
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, torch.nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    noisy = network.train()
    grey = torch.full((1, 1, 512, 512), 50.0)
    with torch.inference_mode():
        assert not torch.equal(noisy(grey), noisy(grey))
        assert network.eval()(grey).abs().max() <= 110


def test_size_stays_small() -> None:
    parameters = sum(p.numel() for p in build_generator("efficientnet_lite2").parameters())
    assert parameters <= 8_000_000
