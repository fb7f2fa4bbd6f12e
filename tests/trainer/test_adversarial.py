import math

import pytest
import torch
from torch import nn

from colorize_gan.trainer.discriminator import PatchGAN, ProjectedGAN
from colorize_gan.trainer.losses import (
    discriminator_loss,
    edge_loss,
    feature_matching_loss,
    generator_loss,
    pixel_loss,
)

ab = torch.full((1, 2, 64, 64), 20.0)
lightness = torch.full((1, 1, 64, 64), 50.0)


def receptive_field(network: PatchGAN) -> int:
    field = 1
    for convolution in reversed([m for m in network.modules() if isinstance(m, nn.Conv2d)]):
        field = (field - 1) * convolution.stride[0] + convolution.kernel_size[0]
    return field


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_patches_have_the_published_size(layers: int, field: int) -> None:
    assert receptive_field(PatchGAN(layers)) == field


def test_default_discriminator_is_the_published_network() -> None:
    convolutions = [m for m in PatchGAN().modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 128, 256, 512, 1]
    assert [c.stride[0] for c in convolutions] == [2, 2, 2, 1, 1]
    logits, features = PatchGAN()(lightness, ab)
    assert (logits.shape, len(features)) == ((1, 1, 6, 6), 4)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("spectral", [False, True])
def test_every_discriminator_parameter_gets_a_gradient(norm: str, spectral: bool) -> None:
    torch.manual_seed(0)
    network = PatchGAN(norm=norm, spectral=spectral)
    logits, _ = network(torch.rand(2, 1, 64, 64) * 100, torch.randn(2, 2, 64, 64) * 30)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_projected_heads_learn_on_features_that_stay() -> None:
    torch.manual_seed(0)
    network = ProjectedGAN("test_efficientnet", "none").train()
    before = {name: value.clone() for name, value in network.see.state_dict().items()}
    fake = torch.randn(2, 2, 64, 64, requires_grad=True)
    logits, features = network(torch.rand(2, 1, 64, 64) * 100, fake)
    assert logits.shape == (2, len(features), *features[0].shape[-2:])
    logits.square().sum().backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.heads.parameters())
    assert all(parameter.grad is None for parameter in network.see.parameters())
    for name, value in network.see.state_dict().items():  # no statistics are gathered
        assert torch.equal(value, before[name]), name


def test_spectral_norm_bounds_every_convolution() -> None:
    torch.manual_seed(0)
    network = PatchGAN(spectral=True).train()
    for _ in range(50):  # power iterations
        network(lightness, ab)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("mode", "undecided", "fooled"),
    [
        ("vanilla", math.log(2), math.log1p(math.exp(-3))),
        ("lsgan", 0.5, 0.5 * (2**2 + 3**2)),
        ("hinge", 1.0, 2.0),
    ],
)
def test_gan_losses_have_their_known_values(mode: str, undecided: float, fooled: float) -> None:
    zero, three = torch.zeros(4), torch.full((4,), 3.0)
    assert discriminator_loss(zero, zero, mode).item() == pytest.approx(undecided)
    right = discriminator_loss(three, -three, mode).item()
    wrong = discriminator_loss(-three, three, mode).item()
    assert right < wrong
    if mode == "vanilla":
        assert right == pytest.approx(fooled)
    assert generator_loss(three, mode) < generator_loss(-three, mode) or mode == "lsgan"


def test_pixel_losses() -> None:
    zero = torch.zeros(1, 2, 2, 2)
    assert pixel_loss(zero + 55, zero, "l1").item() == pytest.approx(0.5)
    assert pixel_loss(zero + 55, zero, "huber").item() == pytest.approx(0.5 - 5 / 110)
    assert pixel_loss(zero + 5, zero, "huber").item() == pytest.approx(0.5 * 5**2 / (10 * 110))


def test_chroma_weight_counts_vivid_pixels_more() -> None:
    target = torch.tensor([[0.0, 30.0], [0.0, 40.0]])[None, :, None]  # chroma 0 and 50
    predicted = target + torch.tensor([0.0, 55.0])
    assert pixel_loss(predicted, target, "l1").item() == pytest.approx(0.5 / 2)
    assert pixel_loss(predicted, target, "l1", chroma_weight=1).item() == pytest.approx(0.5 * 2 / 3)


def test_edge_loss_asks_for_the_steps_of_the_truth_where_they_are() -> None:
    step = torch.zeros(1, 2, 16, 16)
    step[..., 8:] = 11
    flat, shifted = torch.zeros_like(step), step.roll(1, dims=-1)
    assert edge_loss(step + 7, step).item() == 0  # the colour itself is the pixel loss's
    assert edge_loss(step, step.clamp(max=5.5)).item() == pytest.approx(edge_loss(flat, step).item() / 2)
    assert edge_loss(shifted, step) > edge_loss(flat, step)  # beside the edge is worse than nowhere
    # one column in 15 has a step of 11 / 110; one in 7 and one in 3 after pooling
    assert edge_loss(flat, step).item() == pytest.approx(0.1 * (1 / 15 + 1 / 7 + 1 / 3) / 3)


def test_feature_matching_reaches_the_fake_side_only() -> None:
    real, fake = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    loss = feature_matching_loss([real, real], [fake, fake])
    loss.backward()
    assert loss.item() == 1
    assert real.grad is None
    assert fake.grad is not None
