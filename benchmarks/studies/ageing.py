"""The effect of age on the colours: `python benchmarks/studies/ageing.py PHOTOS MODEL...`.

Photographs that no model learnt from (`--held-out`) are aged as training ages them; a model colours the aged
lightness. Its colours, on the true lightness, are compared with the true photograph. Writes
`benchmarks/studies/ageing.json` and prints its table: PSNR gain over grey, in dB.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from held_out import Rows, study

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import FloatArray, rgb_to_lab
from colorize_gan.core.color.metrics import psnr
from colorize_gan.exporter.evaluation import open_predictor
from colorize_gan.trainer.augment import age, expose_film
from colorize_gan.trainer.data import center_square
from colorize_gan.trainer.evaluate import PredictAb
from colorize_gan.trainer.photos import Photo

SIZE = 256
AGEINGS: dict[str, dict[str, float]] = {
    "none": {"tone": 0, "damage": 0, "film": 0},
    "contrast": {"tone": 1, "damage": 0, "film": 0},
    "blur, grain, scratches, JPEG": {"tone": 0, "damage": 0.7, "film": 0},
    "film blind to red": {"tone": 0, "damage": 0, "film": 1},
    "all": {"tone": 1, "damage": 0.7, "film": 1},
}
"""The probabilities of each."""


def rows_of(model: Path, photos: Sequence[Photo]) -> Rows:
    """Return a model's mean gain under each ageing."""
    predict, _ = open_predictor(model)
    gains = {
        name: round(statistics.fmean(gain(predict, photo, **ageing) for photo in photos), 2)
        for name, ageing in AGEINGS.items()
    }
    return [{"model": model.stem} | gains]


def gain(predict: PredictAb, photo: Photo, tone: float, damage: float, film: float) -> float:
    """Return the PSNR gain over grey of a photograph, aged by the same chance for every model."""
    rng = np.random.default_rng(int(photo.digest[:8], 16))
    rgb = center_square(photo.read(), SIZE)
    lightness, ab = rgb_to_lab(rgb)
    seen = expose_film(rgb, rng) if film else lightness
    found = predict(age(seen, rng, tone, damage)[None, None])[0].transpose(1, 2, 0)
    return quality(lightness, found, ab) - quality(lightness, 0 * ab, ab)


def quality(lightness: FloatArray, ab: FloatArray, true_ab: FloatArray) -> float:
    """Return the PSNR of ab ``(H, W, 2)`` against the true one, at most 100 dB."""
    found, truth = (lab_to_image(lightness, colors, np.uint8) for colors in (ab, true_ab))
    return min(psnr(found, truth), 100.0)


if __name__ == "__main__":
    study(__file__, __doc__, rows_of)
