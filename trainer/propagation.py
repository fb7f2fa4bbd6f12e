"""Hints reach what looks alike: attention from every cell to those that have hints.

iColoriT, too, spreads hints by attention: Yun et al. (2023), arXiv 2207.06831.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_KEY_WIDTH = 64
_FIRST_SHARPNESS, _FIRST_NEARNESS, _FIRST_DOUBT = 16.0, 1.5, 12.0
_UNIT = 16  # cells: distances are measured in render sizes of 256 pixels


class HintPropagation(nn.Module):
    """Carry what hints change to all cells whose features are like those of a cell with a hint.

    A cell ``i`` moves by ``sum_j A_ij (hint_j - ab_j)``. ``A_ij`` is ``w_j exp(s_ij)`` over the sum of all
    and of ``exp(doubt)``, which stands for no change. ``s_ij`` is the cosine of learned keys, sharpened, less
    the squared distance. Without hints, nothing changes.
    """

    def __init__(self, channels: int) -> None:
        """Take so many features of a cell."""
        super().__init__()
        self.key = nn.Conv2d(channels, _KEY_WIDTH, kernel_size=1)
        self.sharpness = nn.Parameter(torch.tensor(_FIRST_SHARPNESS))
        self.nearness = nn.Parameter(torch.tensor(_FIRST_NEARNESS))
        self.doubt = nn.Parameter(torch.tensor(_FIRST_DOUBT))

    def forward(self, features: Tensor, ab: Tensor, hints: Tensor) -> Tensor:
        """Return how far the colour of each cell moves, ``(N, 2, h, w)`` in CIE units.

        Args:
            features: ``(N, channels, h, w)``.
            ab: the colours without the hints' reach, ``(N, 2, h, w)`` in CIE units.
            hints: a* and b* in CIE units times the weight, and the weight 0..1: ``(N, 3, h, w)``.
        """
        weight = hints[:, 2:].flatten(2)
        wanted = hints[:, :2].flatten(2) - weight * ab.flatten(2)
        keys = F.normalize(self.key(features).flatten(2).float(), dim=1)
        likeness = self.sharpness * (keys.transpose(1, 2) @ keys)
        strength = torch.exp(likeness - self.nearness * _squared_distances(features) - self.doubt)
        moved = wanted.float() @ strength.transpose(1, 2)
        total = 1 + weight.float() @ strength.transpose(1, 2)
        return (moved / total).unflatten(2, features.shape[-2:])


def _squared_distances(features: Tensor) -> Tensor:
    """Return those between all cells of ``(N, C, h, w)``, ``(h w, h w)`` in squares of `_UNIT` cells."""
    rows, columns = (
        torch.arange(length, device=features.device, dtype=torch.float32) / _UNIT
        for length in features.shape[-2:]
    )
    places = torch.stack([each.flatten() for each in torch.meshgrid(rows, columns, indexing="ij")])
    return (places[:, :, None] - places[:, None, :]).square().sum(dim=0)
