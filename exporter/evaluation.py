"""Evaluation of a model file of any kind, as users run it, beside what no model could do worse."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_gan.color import FloatArray
from colorize_gan.infer.backends import BACKENDS_BY_SUFFIX, open_backend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.evaluate import PredictAb, evaluate, preview, torch_predictor
from colorize_gan.trainer.photos import Photo, find_photos

_METRICS = ("psnr", "psnr_gain", "ssim", "ciede2000", "cf", "delta_cf")
_SHEET_ROWS = 16


def evaluate_file(
    model: Path, data: Path, out: Path, size: int | None = None, limit: int | None = None
) -> str:
    """Evaluate a checkpoint or an exported file on colour photographs.

    Writes `evaluation.json`, `evaluation.md` and `contact-sheet.png` (rows of grey, predicted, truth).

    Args:
        model: the file.
        data: folder of photographs, or a packed set.
        out: folder of the results, created when missing.
        size: side of the squares in pixels; None for the contract's render size.
        limit: use so many photographs, evenly spaced over their digests; None for all.

    Returns:
        The Markdown.

    Raises:
        ModelError: the file cannot be used.
        DataError: no photographs.
    """
    photos = find_photos(data)
    if limit is not None:
        photos = [photos[index * len(photos) // limit] for index in range(min(limit, len(photos)))]
    predict, render_size = _open(model)
    size = size or render_size
    rows = {
        model.name: evaluate(predict, photos, size),
        "mean colour": evaluate(_constant(_mean_ab(photos, size)), photos, size),
        "grey": evaluate(_constant(np.zeros(2, np.float32)), photos, size),
    }
    text = _markdown(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(rows, indent=2) + "\n")
    (out / "evaluation.md").write_text(text)
    sheet = preview(predict, photos[:_SHEET_ROWS], size)
    cv2.imwrite(str(out / "contact-sheet.png"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return text


def _open(model: Path) -> tuple[PredictAb, int]:
    """Return a model file's predictor and render size."""
    if model.suffix in BACKENDS_BY_SUFFIX:
        backend = open_backend(model)
        return backend.predict_ab, backend.contract.render_size
    generator, contract = load_generator(model)
    return torch_predictor(generator), contract.render_size


def _mean_ab(photos: Sequence[Photo], size: int) -> FloatArray:
    """Return the mean true ab ``(2,)``: the best single colour, chosen with the truth known."""
    means = [load_square(photo, size)[1].mean(axis=(0, 1)) for photo in photos]
    return np.mean(means, axis=0, dtype=np.float32)


def _constant(ab: FloatArray) -> PredictAb:
    def predict_ab(lightness: FloatArray) -> FloatArray:
        count, _, height, width = lightness.shape
        return np.broadcast_to(ab[None, :, None, None], (count, 2, height, width))

    return predict_ab


def _markdown(rows: dict[str, dict[str, Any]]) -> str:
    first = next(iter(rows.values()))
    lines = [
        f"{first['protocol']}; colourfulness of the truth {first['truth_cf']:.1f}",
        "",
        "| | " + " | ".join(_METRICS) + " |",
        "|---|" + "---:|" * len(_METRICS),
    ]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[metric]:.3f}" for metric in _METRICS) + " |")
    return "\n".join(lines) + "\n"
