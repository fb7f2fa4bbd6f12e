"""What livelier colours cost: `python benchmarks/studies/saturation.py PHOTOS MODEL...`.

Photographs that no model learnt from (`--held-out`) are coloured, with the chroma multiplied as
`--saturation` of `colorize-batch` does and `--final-chroma` of `colorize-train`. Models should be
compared at equal colourfulness. Writes `benchmarks/studies/saturation.json` and prints its table.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.benchmarks.timing import table
from colorize_gan.color import FloatArray, lab_to_image
from colorize_gan.exporter.evaluation import open_predictor
from colorize_gan.metrics import colorfulness, psnr
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.photos import Photo, find_photos, split_photos
from colorize_gan.trainer.recognition import Recognition

RESULT = Path(__file__).with_suffix(".json")
SIZE = 256
SATURATIONS = (0.0, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


def main(data: Path, models: list[Path], held_out: float, limit: int) -> None:
    """Measure, print and write."""
    photos = split_photos(find_photos(data), held_out)[1]
    photos = photos[:: max(1, len(photos) // limit)][:limit]
    rows = [row for model in models for row in rows_of(model, photos)]
    RESULT.write_text(json.dumps({"photographs": len(photos), "rows": rows}, indent=2) + "\n")
    print(table(list(rows[0]), [list(row.values()) for row in rows]))  # noqa: T201


def rows_of(model: Path, photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """Return a model's figures at each saturation."""
    predict, _ = open_predictor(model)
    meters = {saturation: Meter() for saturation in SATURATIONS}
    for photo in photos:
        lightness, true_ab = load_square(photo, SIZE)
        ab = predict(lightness[None, None])[0].transpose(1, 2, 0)
        for saturation, meter in meters.items():
            meter.update(lightness, saturation * ab, true_ab)
    return [
        {"model": model.stem, "saturation": saturation} | meter.compute()
        for saturation, meter in meters.items()
    ]


class Meter:
    """Means over photographs."""

    def __init__(self) -> None:
        """Begin."""
        self._gains: list[float] = []
        self._colorfulness: list[float] = []
        self._true_colorfulness: list[float] = []
        self._recognition = Recognition()

    def update(self, lightness: FloatArray, ab: FloatArray, true_ab: FloatArray) -> None:
        """Take colours ``(H, W, 2)`` and the true ones."""
        found, truth, grey = (
            lab_to_image(lightness, colors, np.uint8) for colors in (ab, true_ab, 0 * true_ab)
        )
        # an already grey photograph would be infinitely good
        self._gains.append(min(psnr(found, truth), 100.0) - min(psnr(grey, truth), 100.0))
        self._colorfulness.append(colorfulness(found))
        self._true_colorfulness.append(colorfulness(truth))
        self._recognition.update(found, truth)

    def compute(self) -> dict[str, float]:
        """Return PSNR gain over grey in dB, colourfulness as a part of the truth's, recoloured agreement."""
        return {
            "gain": round(statistics.fmean(self._gains), 2),
            "colorfulness": round(
                statistics.fmean(self._colorfulness) / statistics.fmean(self._true_colorfulness), 3
            ),
            "agreement": round(self._recognition.compute(), 3),
        }


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
