"""Where colour ends without an edge: `python benchmarks/studies/spill.py PHOTOS MODEL...`.

It measures photographs that no model learnt from (`--held-out`; 1 for all). The figure is the share of the
pixels far from any edge of L* where the ab of a model steps. Such steps are spots, rims, and colour that
spills over an edge to end in the middle of the next thing. Models should be compared at equal colourfulness.
Writes `benchmarks/studies/spill.json` and prints its table.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from held_out import Rows, study

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.color.metrics import colorfulness
from colorize_gan.exporter.evaluation import open_predictor
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.evaluate import PredictAb
from colorize_gan.trainer.photos import Photo

SIZE = 256
LIGHTNESS_EDGE = 1.5
"""Gradient of L*, blurred by a Gaussian of 1 pixel, in units a pixel, that makes an edge."""
COLOR_STEP = 1.0
"""Gradient of ab, in CIE units a pixel, that makes a step."""
REACH = 3
"""How many pixels an edge's neighbourhood has on each side."""


def rows_of(model: Path, photos: Sequence[Photo]) -> Rows:
    """Return a model's colourfulness, as a part of the truth's, and the shares of its and the true steps."""
    predict, _ = open_predictor(model)
    found, truth, steps, true_steps = np.nanmean([measure(predict, photo) for photo in photos], axis=0)
    return [
        {
            "model": model.stem,
            "colorfulness": round(found / truth, 3),
            "steps": round(steps, 4),
            "true steps": round(true_steps, 4),
        }
    ]


def measure(predict: PredictAb, photo: Photo) -> tuple[float, float, float, float]:
    """Return colourfulness and share of steps of the prediction and of the truth: found, true, found, true.

    The shares are NaN where no pixel is far from an edge.
    """
    lightness, true_ab = load_square(photo, SIZE)
    ab = predict(lightness[None, None])[0].transpose(1, 2, 0)
    edges = gradient(cv2.GaussianBlur(lightness, (0, 0), 1)) > LIGHTNESS_EDGE
    around = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    even = cv2.dilate(edges.astype(np.uint8), around) == 0
    images = (lab_to_image(lightness, colors, np.uint8) for colors in (ab, true_ab))
    shares = (steps_of(colors)[even].mean() if even.any() else np.nan for colors in (ab, true_ab))
    return *map(colorfulness, images), *shares


def steps_of(ab: FloatArray) -> np.ndarray:
    """Return where ab ``(H, W, 2)`` steps, ``(H, W)`` bool."""
    return (
        np.hypot(*(gradient(np.ascontiguousarray(channel)) for channel in np.moveaxis(ab, 2, 0))) > COLOR_STEP
    )


def gradient(channel: FloatArray) -> FloatArray:
    """Return the magnitude of the Sobel gradient of ``(H, W)``, in units a pixel."""
    return np.hypot(*(cv2.Sobel(channel, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0)))


if __name__ == "__main__":
    study(__file__, __doc__, rows_of)
