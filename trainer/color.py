"""`colorize_gan.core.color.lab` on tensors, differentiable. Images are channels-first, float32."""

import torch
from torch import Tensor

from colorize_gan.core.color.lab import LINEAR_FROM_XYZ, WHITE_D65

_EPSILON, _KAPPA = 216 / 24389, 24389 / 27  # CIE 15


def lab_to_linear(lightness: Tensor, ab: Tensor) -> Tensor:
    """Convert CIE L* ``(N, 1, H, W)`` and ab ``(N, 2, H, W)`` to linear light ``(N, 3, H, W)``.

    In gamut it is in 0..1.
    """
    fy = (lightness + 16) / 116
    f = torch.cat([fy + ab[:, :1] / 500, fy, fy - ab[:, 1:] / 200], dim=1)
    xyz = torch.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA)
    matrix = torch.from_numpy(LINEAR_FROM_XYZ * WHITE_D65).to(f)
    return torch.nn.functional.conv2d(xyz, matrix[:, :, None, None])


def encode_srgb(linear: Tensor) -> Tensor:
    """Convert linear light to sRGB samples, clipped to 0..1: IEC 61966-2-1."""
    linear = linear.clamp(0, 1)
    # the power's gradient is infinite at 0
    curved = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curved)


def grey_srgb(lightness: Tensor) -> Tensor:
    """Convert CIE L*, of any shape, to the sRGB sample 0..1 of the same grey."""
    f = (lightness + 16) / 116
    return encode_srgb(torch.where(f**3 > _EPSILON, f**3, lightness / _KAPPA))
