"""LPIPS, FID and recoloured agreement, where the weights of their networks are on this machine."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from colorize_gan.core.errors import ModelError
from colorize_gan.trainer.recognition import Recognition, recognition_weights

# Where torch.hub looks first; torchmetrics and torch-fidelity would download them there.
_LPIPS_WEIGHTS = "alexnet-owt-7be5be79.pth"
_FID_WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"


class DeepMetrics:
    """LPIPS (AlexNet; Zhang et al., 2018), FID (Heusel et al., 2017) and `Recognition` of many pairs."""

    def __init__(self) -> None:
        """Load the networks that are here; the others are left out.

        Raises:
            ModelError: damaged weights.
        """
        self._lpips, self._fid = None, None
        self._recognition = Recognition() if recognition_weights() else None
        try:
            if path := _weights(_LPIPS_WEIGHTS):
                self._lpips = LearnedPerceptualImagePatchSimilarity("alex")
            if path := _weights(_FID_WEIGHTS):
                self._fid = FrechetInceptionDistance(feature_extractor_weights_path=str(path))
        except Exception as error:  # torch.load raises whatever the damaged bytes make it raise
            raise ModelError(f"{path}: damaged weights ({type(error).__name__}); remove the file") from error

    def update(self, rgb: np.ndarray, truth: np.ndarray, label: int | None = None) -> None:
        """Take a colorization, its truth, both ``(H, W, 3)`` uint8 sRGB, and the class for `Recognition`."""
        images = [to_batch(rgb), to_batch(truth)]
        if self._lpips is not None:
            self._lpips.update(*(image / 127.5 - 1 for image in images))
        if self._fid is not None:
            for image, real in zip(images, (False, True), strict=True):
                self._fid.update(image.to(torch.uint8), real=real)
        if self._recognition is not None:
            self._recognition.update(rgb, truth, label)

    def compute(self) -> dict[str, float]:
        """Return the shares of `Recognition` (higher is better), ``lpips`` and ``fid`` (lower) of all pairs.

        FID needs two pairs or more.
        """
        metrics = self._recognition.compute() if self._recognition is not None else {}
        if self._lpips is not None:
            metrics["lpips"] = float(self._lpips.compute())
        if self._fid is not None:
            metrics["fid"] = float(self._fid.compute())
        return {name: round(value, 4) for name, value in metrics.items()}


def missing_weights() -> list[str]:
    """Say which metrics are left out and where their weights belong."""
    recognition = (
        [] if recognition_weights() else ["agreement, top1 not measured: pip install 'colorize-gan[train]'"]
    )
    return recognition + [
        f"{metric} not measured: no {_checkpoints() / name}"
        for metric, name in (("lpips", _LPIPS_WEIGHTS), ("fid", _FID_WEIGHTS))
        if _weights(name) is None
    ]


def _checkpoints() -> Path:
    return Path(torch.hub.get_dir(), "checkpoints")


def _weights(name: str) -> Path | None:
    path = _checkpoints() / name
    return path if path.is_file() else None


def to_batch(rgb: np.ndarray) -> Tensor:
    """Turn ``(H, W, 3)`` uint8 into ``(1, 3, H, W)`` float32."""
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
