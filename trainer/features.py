"""Features of a frozen encoder, kept on disk: later epochs and runs need not compute them again."""

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from colorize_gan.core.errors import DataError
from colorize_gan.core.files.atomic import write_atomically
from colorize_gan.core.files.paths import StrPath
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.precision import Precision

_OF_CROPS = ("seed", "least_area", "flip", "tone", "damage", "film", "blank")
"""The settings that decide what a crop looks like."""

_STEPS = 127  # on either side of zero


class FeatureCache:
    """A folder of features, as int8 with a scale for each channel of each crop.

    Several runs may share it; those with other crops or another encoder have a folder of their own within.
    """

    def __init__(
        self, folder: StrPath, encoder: nn.Module, config: TrainConfig, precision: Precision
    ) -> None:
        """Keep what a frozen encoder gives for the crops of a config."""
        self.encoder, self.precision = encoder, precision
        self.device = next(encoder.parameters()).device
        self.folder = Path(folder) / _fingerprint(encoder, config)

    def of(self, names: list[str], lightness: Tensor) -> Tensor:
        """Return the encoder's features ``(N, C, h, w)`` of crops, computing those that are not kept.

        Args:
            names: one for each crop, which tells it from all others of the config.
            lightness: CIE L* ``(N, 1, H, W)``, on the CPU.

        Raises:
            DataError: a damaged file, or one that cannot be written.
        """
        paths = [self.folder / name[:2] / f"{name}-{lightness.shape[-1]}.npz" for name in names]
        kept = [_read(path) for path in paths]
        missing = [number for number, each in enumerate(kept) if each is None]
        if missing:
            for number, features in zip(missing, self._encode(lightness[missing]), strict=True):
                kept[number] = _write(paths[number], features)
        return torch.stack([each for each in kept if each is not None])

    def _encode(self, lightness: Tensor) -> Tensor:
        with torch.no_grad(), self.precision.autocast():
            features: Tensor = self.encoder(lightness.to(self.device))
        return features.float().cpu()


def _fingerprint(encoder: nn.Module, config: TrainConfig) -> str:
    settings = dataclasses.asdict(config)
    digest = hashlib.sha256(repr([settings[name] for name in _OF_CROPS]).encode())
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> Tensor | None:
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return _restored(arrays["steps"], arrays["scale"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged features ({error}); remove the file") from error


def _write(path: Path, features: Tensor) -> Tensor:
    """Keep features ``(C, h, w)``; return them as they will be read."""
    array = features.numpy()
    scale = np.maximum(np.abs(array).max(axis=(1, 2), keepdims=True) / _STEPS, np.finfo(np.float16).tiny)
    scale = scale.astype(np.float16)
    steps = np.clip(np.rint(array / scale), -_STEPS, _STEPS).astype(np.int8)
    content = io.BytesIO()
    np.savez(content, steps=steps, scale=scale)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; free space, or give another folder") from error
    return _restored(steps, scale)


def _restored(steps: np.ndarray, scale: np.ndarray) -> Tensor:
    return torch.from_numpy(steps * scale.astype(np.float32))
