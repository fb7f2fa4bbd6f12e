"""Training photographs: finding, splitting, decoding and cropping them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from colorize_gan.color import FloatArray, rgb_to_lab
from colorize_gan.errors import DataError, ImageError
from colorize_gan.images import SUFFIXES, read_rgb8
from colorize_gan.trainer.augment import age, random_crop

Sample = dict[str, Tensor]
"""``L`` float32 (1, H, W), CIE L* 0..100; ``ab`` float32 (2, H, W), CIE a*, b*."""


def find_photos(folder: Path) -> list[Path]:
    """Return all image files below ``folder``, sorted.

    Raises:
        DataError: no such folder, or no images in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of training photographs")
    photos = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not photos:
        raise DataError(f"{folder}: no images ({', '.join(sorted(SUFFIXES))}) in it")
    return photos


def split_photos(photos: list[Path], val_fraction: float) -> tuple[list[Path], list[Path]]:
    """Split into (training, validation) by a hash of each file's bytes.

    A photograph keeps its side whatever it is called and whatever is added beside it, and copies of it
    land on the same side.
    """
    train: list[Path] = []
    val: list[Path] = []
    for photo in photos:
        digest = hashlib.sha256(photo.read_bytes()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        (val if position < val_fraction else train).append(photo)
    return train, val


def center_square(rgb: np.ndarray, size: int) -> np.ndarray:
    """Resize the short side to ``size`` (area or cubic filter) and crop the middle square."""
    height, width = rgb.shape[:2]
    scale = size / min(height, width)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    new_size = (max(size, round(width * scale)), max(size, round(height * scale)))
    resized = cv2.resize(rgb, new_size, interpolation=method)
    top, left = (resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2
    return resized[top : top + size, left : left + size]


class TrainingCrops(Dataset[Sample]):
    """Random resized crops, mirrored and aged at random.

    An item is a function of (seed, epoch, index) alone, so a resumed run sees what an uninterrupted one
    would have seen.
    """

    def __init__(
        self, photos: list[Path], size: int, seed: int, *, tone: float = 0.0, damage: float = 0.0
    ) -> None:
        """Serve square crops of ``size`` pixels; ``tone`` and ``damage`` are those of `age`."""
        self.photos, self.size, self.seed, self.tone, self.damage = photos, size, seed, tone, damage

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.photos)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Return the crop for ``key`` = (epoch, index)."""
        epoch, index = key
        rng = np.random.default_rng((self.seed, epoch, index))
        crop = random_crop(_read(self.photos[index]), rng)
        lightness, ab = rgb_to_lab(cv2.resize(crop, (self.size, self.size), interpolation=cv2.INTER_AREA))
        lightness = age(lightness, rng, self.tone, self.damage)
        return {
            "L": torch.from_numpy(np.ascontiguousarray(lightness)[None]),
            "ab": torch.from_numpy(np.ascontiguousarray(ab.transpose(2, 0, 1))),
        }


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index) keys: a new permutation an epoch, from any step on, for ever."""

    def __init__(self, length: int, batch_size: int, seed: int, first_step: int = 0) -> None:
        """Start at ``first_step``, counted in batches from the beginning of training."""
        if length < batch_size:
            raise DataError(f"--batch-size {batch_size} is larger than the {length} training photographs")
        self.length, self.batch_size, self.seed, self.first_step = length, batch_size, seed, first_step

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch; the incomplete last one is left out."""
        return self.length // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield batches without end."""
        epoch, skip = divmod(self.first_step, self.per_epoch)
        while True:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.length)
            for batch in range(skip, self.per_epoch):
                chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
                yield [(epoch, int(index)) for index in chosen]
            epoch, skip = epoch + 1, 0


def load_square(photo: Path, size: int) -> tuple[FloatArray, FloatArray]:
    """Decode a photograph's middle square as lightness ``(size, size)`` and ab ``(size, size, 2)``."""
    return rgb_to_lab(center_square(_read(photo), size))


def _read(photo: Path) -> np.ndarray:
    try:
        return read_rgb8(photo)
    except ImageError as error:
        raise DataError(f"{photo}: {error}; remove it from the photographs") from error
