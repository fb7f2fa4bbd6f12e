"""The cost of livelier colours: `python benchmarks/studies/saturation.py PHOTOS MODEL...`.

Photographs that no model learnt from (`--held-out`) are coloured, with the chroma multiplied as
`--saturation` of `colorize-batch` does and `final_chroma` of `colorize-train`. Models should be
compared at equal colourfulness. Writes `benchmarks/studies/saturation.json` and prints its table.
"""

from collections.abc import Sequence
from pathlib import Path

from held_out import Rows, study

from colorize_gan.exporter.evaluation import open_predictor
from colorize_gan.trainer.deep_metrics import DeepMetrics
from colorize_gan.trainer.evaluate import PredictAb, evaluate
from colorize_gan.trainer.photos import Photo

SIZE = 256
SATURATIONS = (0.0, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


def rows_of(model: Path, photos: Sequence[Photo]) -> Rows:
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
    study(__file__, __doc__, rows_of)
