import math

import pytest
import torch
from torch import nn

from colorize_gan.trainer.backbones import build_classifier, timm_name
from colorize_gan.trainer.perceptual import PerceptualLoss, _divergence, _fold_batch_norm

lightness = torch.rand(2, 1, 64, 64) * 60 + 20
truth = torch.zeros(2, 2, 64, 64) + torch.tensor([20.0, -15.0])[None, :, None, None]


@pytest.mark.parametrize("part", ["loss/perceptual", "loss/recognition"])
def test_distance_grows_with_the_error_and_reaches_the_prediction_only(part: str) -> None:
    loss = PerceptualLoss("efficientnet_lite0", "auto")
    near, far = (truth + error for error in (2.0, 30.0))
    assert loss(lightness, truth, truth)[part].item() == pytest.approx(0, abs=1e-6)
    assert 0 < loss(lightness, near, truth)[part] < loss(lightness, far, truth)[part]
    predicted = near.clone().requires_grad_()
    loss(lightness, predicted, truth)[part].backward()
    assert predicted.grad is not None
    assert predicted.grad.abs().sum() > 0
    assert all(p.grad is None for p in loss.parameters())


@pytest.mark.parametrize("arch", ["efficientnet_lite0", "resnet18"])
def test_folded_batch_norm_changes_no_answer(arch: str) -> None:
    classifier = build_classifier(timm_name(arch), "none")
    for module in classifier.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 1.5)
    images = torch.rand(2, 3, 64, 64)
    before = classifier(images)
    _fold_batch_norm(classifier)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in classifier.modules())
    torch.testing.assert_close(classifier(images), before, rtol=1e-4, atol=1e-4)


def test_features_that_nobody_asked_for_are_not_compared() -> None:
    loss = PerceptualLoss("efficientnet_lite0", "none", with_features=False)
    assert set(loss(lightness, truth, truth)) == {"loss/recognition"}


def test_answers_differ_by_ln_2_at_most() -> None:
    sure, other = (torch.eye(3)[[number]].log().clamp(min=-100) for number in (0, 1))
    assert _divergence(sure, other).item() == pytest.approx(math.log(2))
    assert _divergence(sure, sure).item() == pytest.approx(0, abs=1e-6)


def test_normalisation_is_the_backbones_own() -> None:
    assert PerceptualLoss("efficientnet_lite0", "none").see.mean.flatten().tolist() == [0.5] * 3
    mean = PerceptualLoss("resnet18", "none").see.mean.flatten()
    assert torch.allclose(mean, torch.tensor([0.485, 0.456, 0.406]))
