"""The data of training: batches of crops in a reproducible order, and whole squares for evaluation."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.errors import DataError
from colorize_gan.trainer.augment import age, expose_film, random_crop
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.features import FeatureCache
from colorize_gan.trainer.hints import recolored, simulate_hints
from colorize_gan.trainer.photos import Photo

_BLOCK = 4096  # photographs; some hundred MB of a pack

_LONGEST_ENLARGED = 16  # short sides; the middle of longer pictures is resized alone

_HINT_STREAM = 1  # hints have random numbers of their own: crops are the same with and without

Batch = dict[str, Tensor]
"""``L`` float32 (N, 1, H, W), CIE L* 0..100; ``ab`` float32 (N, 2, H, W), CIE a*, b*. Where the config wants
hints, ``hints`` float32 (N, 3, H, W), CIE a*, b* and weight 0..1. Where they are kept, ``features`` float32
(N, C, H/16, W/16) of the encoder."""


def center_square(rgb: np.ndarray, size: int) -> np.ndarray:
    """Resize the short side to ``size`` (area or cubic filter) and crop the middle square."""
    scale = size / min(rgb.shape[:2])
    if scale > 1:  # a strip of 1 x 60000 pixels would take 12 GB
        rgb = _middle(rgb, _LONGEST_ENLARGED * min(rgb.shape[:2]))
    height, width = rgb.shape[:2]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    new_size = (max(size, round(width * scale)), max(size, round(height * scale)))
    resized = cv2.resize(rgb, new_size, interpolation=method)
    top, left = (resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2
    return resized[top : top + size, left : left + size]


def _middle(rgb: np.ndarray, longest: int) -> np.ndarray:
    """Return the middle of an image, its sides ``longest`` pixels at most."""
    top, left = (max(0, (length - longest) // 2) for length in rgb.shape[:2])
    return rgb[top : top + longest, left : left + longest]


class TrainingCrops:
    """Random crops, mirrored and aged at random as the config says.

    A crop is a function of seed, epoch, photograph and size alone, so a resumed run sees what an
    uninterrupted one would have seen. With features that are kept, crops come again after some epochs.
    """

    def __init__(
        self, photos: list[Photo], config: TrainConfig, features: FeatureCache | None = None
    ) -> None:
        """Serve crops of ``photos``, with the encoder's features where those are kept."""
        self.photos, self.config, self.features = photos, config, features

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.photos)

    def crop(self, epoch: int, index: int, size: int) -> tuple[FloatArray, FloatArray]:
        """Return a crop as lightness ``(1, size, size)`` and ab ``(2, size, size)``."""
        config = self.config
        rng = np.random.default_rng((config.seed, self._turn(epoch), self._number(index)))
        rgb = self._view(index, size, rng)
        lightness, ab = rgb_to_lab(rgb)
        if rng.random() < config.film:
            lightness = expose_film(rgb, rng)
        return age(lightness, rng, config.tone, config.damage)[None], ab.transpose(2, 0, 1)

    def _turn(self, epoch: int) -> int:
        """Return which of a photograph's crops an epoch uses."""
        return epoch if self.features is None else epoch % self.config.feature_crops

    def _number(self, index: int) -> int:
        """Return a number that a photograph keeps whatever is added beside it."""
        return int(self.photos[index].digest[:16], 16)

    def _view(self, index: int, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return a window of the photograph, or an even grey, as ``(size, size, 3)`` uint8 sRGB."""
        if rng.random() < self.config.blank:
            return np.full((size, size, 3), rng.integers(256), np.uint8)
        crop = random_crop(self.photos[index].read(), rng, self.config.least_area, self.config.flip)
        return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)

    def batch(self, keys: Sequence[tuple[int, int]], size: int) -> Batch:
        """Return the crops of all (epoch, index) keys."""
        lightness, ab = zip(*(self.crop(epoch, index, size) for epoch, index in keys), strict=True)
        arrays = {"L": lightness, "ab": ab}
        if self.config.hints:
            hinted = (self.hinted(*key, colors) for key, colors in zip(keys, ab, strict=True))
            arrays["ab"], arrays["hints"] = zip(*hinted, strict=True)
        # stacked by numpy: torch would start its threads in each loader thread
        batch = {name: torch.from_numpy(np.stack(each)) for name, each in arrays.items()}
        if self.features is not None:
            names = [f"{self.photos[index].digest}-{self._turn(epoch)}" for epoch, index in keys]
            batch["features"] = self.features.of(names, batch["L"])
        return batch

    def hinted(self, epoch: int, index: int, ab: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a crop's ab, perhaps changed, and its hints ``(3, size, size)``, or none."""
        rng = np.random.default_rng((self.config.seed, epoch, self._number(index), _HINT_STREAM))
        if rng.random() >= self.config.hints:
            return ab, np.zeros((3, *ab.shape[1:]), np.float32)
        if rng.random() < self.config.recolor:
            return recolored(ab, rng)
        return ab, simulate_hints(ab, rng)


class EpochBatches:
    """Batches of (epoch, index) keys, from any step on, for ever.

    Each epoch takes blocks of neighbours in a new order and shuffles each block, so that a packed set is read
    in long runs.
    """

    def __init__(self, length: int, batch_size: int, seed: int, first_step: int = 0) -> None:
        """Start at ``first_step``, counted in batches from the beginning of training."""
        if length < batch_size:
            raise DataError(f"`batch_size` {batch_size}: larger than the {length} training photographs")
        self.length, self.batch_size, self.seed, self.first_step = length, batch_size, seed, first_step

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch; the incomplete last one is left out."""
        return self.length // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield batches without end."""
        epoch, skip = divmod(self.first_step, self.per_epoch)
        while True:
            order = _block_order(self.length, np.random.default_rng((self.seed, epoch)))
            for batch in range(skip, self.per_epoch):
                chosen = order[batch * self.batch_size : (batch + 1) * self.batch_size]
                yield [(epoch, int(index)) for index in chosen]
            epoch, skip = epoch + 1, 0


def _block_order(length: int, rng: np.random.Generator) -> np.ndarray:
    starts = rng.permutation(np.arange(0, length, _BLOCK))
    return np.concatenate([start + rng.permutation(min(_BLOCK, length - start)) for start in starts])


def load_square(photo: Photo, size: int) -> tuple[FloatArray, FloatArray]:
    """Decode a photograph's middle square as lightness ``(size, size)`` and ab ``(size, size, 2)``."""
    return rgb_to_lab(center_square(photo.read(), size))
