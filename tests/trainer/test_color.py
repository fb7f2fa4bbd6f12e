import numpy as np
import pytest
import torch

from colorize_gan.core.color.lab import lab_to_rgb, rgb_to_lab
from colorize_gan.trainer.color import encode_srgb, lab_to_linear


def to_batch(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]


def test_lab_to_srgb_agrees_with_the_reference(photo: np.ndarray) -> None:
    lightness, ab = rgb_to_lab(photo)
    rgb = encode_srgb(lab_to_linear(to_batch(lightness[..., None]), to_batch(ab)))
    assert np.abs(rgb[0].permute(1, 2, 0).numpy() - lab_to_rgb(lightness, ab)).max() < 1e-3
    assert np.abs(rgb[0].permute(1, 2, 0).numpy() * 255 - photo).max() < 0.5


@pytest.mark.parametrize("level", [0.0, 50.0, 100.0])
def test_gradients_are_finite_in_and_out_of_gamut(level: float) -> None:
    ab = (torch.randn(1, 2, 8, 8) * 60).requires_grad_()
    encode_srgb(lab_to_linear(torch.full((1, 1, 8, 8), level), ab)).sum().backward()
    assert ab.grad is not None
    assert ab.grad.isfinite().all()
