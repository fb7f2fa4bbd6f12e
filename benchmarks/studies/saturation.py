"""What livelier colours cost: `python benchmarks/studies/saturation.py PHOTOS MODEL...`.

Photographs that no model learnt from (`--held-out`) are coloured, with the chroma multiplied as
`--saturation` of `colorize-batch` does and `--final-chroma` of `colorize-train`. Models should be
compared at equal colourfulness. Writes `benchmarks/studies/saturation.json` and prints its table.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colorize_gan.benchmarks.timing import table
from colorize_gan.exporter.evaluation import open_predictor
from colorize_gan.trainer.deep_metrics import DeepMetrics
from colorize_gan.trainer.evaluate import PredictAb, evaluate
from colorize_gan.trainer.photos import Photo, find_photos, split_photos

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
    """Return a model's gain in dB, colourfulness as a part of the truth's and agreement, by saturation."""
    predict, _ = open_predictor(model)
    rows = []
    for saturation in SATURATIONS:
        found = evaluate(saturated(predict, saturation), photos, SIZE, DeepMetrics())
        rows.append(
            {
                "model": model.stem,
                "saturation": saturation,
                "gain": round(found["psnr_gain"], 2),
                "colorfulness": round(found["cf"] / found["truth_cf"], 3),
                "agreement": round(found["agreement"], 3),
            }
        )
    return rows


def saturated(predict: PredictAb, saturation: float) -> PredictAb:
    """Multiply a model's ab."""
    return lambda lightness: saturation * predict(lightness)


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
