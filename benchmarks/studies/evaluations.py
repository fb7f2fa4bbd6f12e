"""Models on sets of photographs: `python benchmarks/studies/evaluations.py STUDY SET PHOTOS NAME=MODEL...`.

Made by it: `architectures.json`, `imagenet.json` (with `--labels`), `unseen.json` and `outside.json`, whose
photographs `outside.tsv` lists. Measures what `colorize-eval` does, and standard errors of the differences
from grey. Puts a row for each model into `benchmarks/studies/STUDY.json`, in the place of an older one
of its SET.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.exporter.evaluation import EvaluationOptions, choose_photos, open_predictor, read_labels
from colorize_gan.trainer.deep_metrics import DeepMetrics
from colorize_gan.trainer.evaluate import PredictAb, evaluate
from colorize_gan.trainer.photos import Photo, find_photos

SIZE = 256
SHARES = ("agreement", "top1")
FIGURES = (
    *("photographs", "psnr", "psnr_gain", "ssim", "ciede2000", "cf", "agreement", "top1", "grey_psnr"),
    *("grey_ssim", "grey_ciede2000", "truth_cf", "grey_agreement", "grey_top1", "truth_top1"),
)


def rows_of(
    models: dict[str, str],
    photos: Sequence[Photo],
    labels: dict[str, int] | None,
    *,
    hints: Sequence[int],
    classify: bool,
) -> dict[str, dict[str, Any]]:
    """Return the figures of each model, with those of grey beside them."""
    found = {}
    for name, model in models.items():
        predict, contract = open_predictor(model)
        for points in hints if contract.takes_hints else (0,):
            row = f"{name}, {points} hints" if points else name
            deep = DeepMetrics() if classify else None
            found[row] = evaluate(predict, photos, SIZE, deep, labels, points)
    grey = {}
    if classify:
        measured = evaluate(_grey, photos, SIZE, DeepMetrics(), labels)
        grey = {f"grey_{name}": measured[name] for name in SHARES if name in measured}
    rows = {name: row | grey for name, row in found.items()}
    return {name: {key: row[key] for key in FIGURES if key in row} for name, row in rows.items()}


def _grey(lightness: np.ndarray) -> np.ndarray:
    return np.zeros((len(lightness), 2, *lightness.shape[2:]), np.float32)


def standard_errors(model: str, photos: Sequence[Photo], labels: dict[str, int] | None) -> dict[str, float]:
    """Return the standard errors of a model's gain over grey, in dB, and of its shares over grey's."""
    predict, _ = open_predictor(model)
    own, grey = (each_of(way, photos, labels) for way in (predict, _grey))
    errors = {"standard_error_of_psnr_gain": own["psnr_gain"]}
    errors |= {
        f"standard_error_of_{name}_over_grey": own[name] - grey[name] for name in SHARES if name in own
    }
    return {name: round(float(values.std(ddof=1) / len(photos) ** 0.5), 4) for name, values in errors.items()}


def each_of(
    predict: PredictAb, photos: Sequence[Photo], labels: dict[str, int] | None
) -> dict[str, np.ndarray]:
    """Return the figures of every photograph by itself."""
    rows = [evaluate(predict, [photo], SIZE, DeepMetrics(), labels) for photo in photos]
    return {name: np.array([row[name] for row in rows]) for name in ("psnr_gain", *SHARES) if name in rows[0]}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", metavar="STUDY")
    parser.add_argument("set", metavar="SET")
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL")
    parser.add_argument("--held-out", type=float, help="the val_fraction of their runs")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--labels", type=Path, help="lines of 'path, class'")
    parser.add_argument("--hints", default="0", help="numbers of random hints, with commas between them")
    parser.add_argument("--unclassified", action="store_true", help="leave the classifier's shares out")
    parser.add_argument("--standard-errors", action="store_true", help="of the differences from grey")
    given = parser.parse_args()
    models = dict(model.split("=", 1) for model in given.models)
    labels = read_labels(given.labels) if given.labels else None
    photos = [photo for photo in find_photos(given.photos) if labels is None or photo.digest in labels]
    photos = choose_photos(photos, EvaluationOptions(SIZE, given.held_out, given.limit))
    hints = [int(number) for number in given.hints.split(",")]
    rows = rows_of(models, photos, labels, hints=hints, classify=not given.unclassified)
    if given.standard_errors:
        for name, model in models.items():
            rows[name] |= standard_errors(model, photos, labels)
    path = Path(__file__).with_name(f"{given.study}.json")
    result = json.loads(path.read_text()) if path.exists() else {"rows": []}
    kept = [row for row in result["rows"] if row["set"] != given.set or row["model"] not in rows]
    result["rows"] = kept + [{"set": given.set, "model": name} | row for name, row in rows.items()]
    sets = list(dict.fromkeys(row["set"] for row in result["rows"]))
    result["rows"].sort(key=lambda row: sets.index(row["set"]))
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
