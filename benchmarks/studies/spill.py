"""Where colour ends without an edge: `python benchmarks/studies/spill.py PHOTOS MODEL...`.

On photographs that no model learnt from (`--held-out`; 1 for all), the share of the pixels far from any
edge of L* where the ab of a model steps: spots, rims, and colour that spills over an edge to end in the
middle of the next thing. Models should be compared at equal colourfulness. Writes
`benchmarks/studies/spill.json` and prints its table.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_gan.benchmarks.timing import table
from colorize_gan.color import FloatArray, lab_to_image
from colorize_gan.exporter.evaluation import open_predictor
from colorize_gan.metrics import colorfulness
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.evaluate import PredictAb
from colorize_gan.trainer.photos import Photo, find_photos, split_photos

RESULT = Path(__file__).with_suffix(".json")
SIZE = 256
LIGHTNESS_EDGE = 1.5
"""Gradient of L*, blurred by a Gaussian of 1 pixel, in units a pixel, that makes an edge."""
COLOR_STEP = 1.0
"""Gradient of ab, in CIE units a pixel, that makes a step."""
REACH = 3
"""How many pixels an edge's neighbourhood has on each side."""


def main(data: Path, models: list[Path], held_out: float, limit: int) -> None:
    """Measure, print and write."""
    photos = split_photos(find_photos(data), held_out)[1]
    photos = photos[:: max(1, len(photos) // limit)][:limit]
    rows = [row(model, photos) for model in models]
    RESULT.write_text(json.dumps({"photographs": len(photos), "rows": rows}, indent=2) + "\n")
    print(table(list(rows[0]), [list(row.values()) for row in rows]))  # noqa: T201


def row(model: Path, photos: list[Photo]) -> dict[str, Any]:
    """Return a model's colourfulness, as a part of the truth's, and the shares of its and the true steps."""
    predict, _ = open_predictor(model)
    found, truth, steps, true_steps = np.nanmean([measure(predict, photo) for photo in photos], axis=0)
    return {
        "model": model.stem,
        "colorfulness": round(found / truth, 3),
        "steps": round(steps, 4),
        "true steps": round(true_steps, 4),
    }


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="PHOTOS")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="checkpoint or exported file")
    parser.add_argument("--held-out", type=float, default=0.05, help="the val_fraction of their runs")
    parser.add_argument("--limit", type=int, default=400)
    arguments = parser.parse_args()
    main(arguments.data, arguments.models, arguments.held_out, arguments.limit)
