"""Evaluation of model files of any kind, as users run them, beside what no model could do worse."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import DataError, ModelError, UsageError
from colorize_gan.core.files.atomic import atomic_path
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.text import printable
from colorize_gan.infer.backends.bundled import BACKENDS_BY_SUFFIX, bundled_models
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.deep_metrics import DeepMetrics
from colorize_gan.trainer.evaluate import PredictAb, evaluate, preview, torch_predictor
from colorize_gan.trainer.photos import FilePhoto, Photo, find_photos, split_photos
from colorize_gan.trainer.recognition import CLASSES

_METRICS = ("psnr", "psnr_gain", "ssim", "ciede2000", "cf", "delta_cf")
_DEEP_METRICS = ("agreement", "top1", "lpips", "fid")
_SHEET_ROWS = 16


@dataclass(frozen=True)
class EvaluationOptions:
    """Which photographs are used, and how."""

    size: int | None = None
    """Side of the squares in pixels; None for the first model's render size."""
    held_out: float | None = None
    """Use those photographs only that a run with this `val_fraction` held out."""
    limit: int | None = None
    """Use so many, evenly spaced over their digests."""
    labels: StrPath | None = None
    """Use those photographs only that are in this list, as `read_labels` takes it."""
    hints: tuple[int, ...] = (0,)
    """Evaluate models that take hints with so many of the true colour, at random places: a row each."""


def evaluate_files(models: Sequence[StrPath], data: StrPath, out: StrPath, options: EvaluationOptions) -> str:
    """Evaluate checkpoints and exported files on colour photographs.

    Writes `evaluation.json`, `evaluation.md` and `contact-sheet.png`, whose rows are grey, each model's
    prediction without hints, and the truth.

    Args:
        models: the files.
        data: folder of photographs, or a packed set.
        out: folder of the results, created when missing.
        options: which photographs, and how.

    Returns:
        The Markdown.

    Raises:
        ModelError: a file cannot be used.
        UsageError: a size that a model cannot take, or hints where no model takes any.
        DataError: no photographs.
    """
    data, out = Path(data), Path(out)
    labels = read_labels(options.labels) if options.labels else None
    photos = choose_photos(
        [photo for photo in find_photos(data) if labels is None or photo.digest in labels], options
    )
    opened = {printable(model): open_predictor(model) for model in models}
    size = options.size or next(iter(opened.values()))[1].render_size
    for name, (_, contract) in opened.items():
        if contract.size.fit(size) != size:
            raise UsageError(f"`size` {size}: {name} takes {contract.size.fit(size)}")
    if any(options.hints) and not any(contract.takes_hints for _, contract in opened.values()):
        raise UsageError(f"`hints` {max(options.hints)}: {', '.join(opened)} takes none")
    predictors = {name: predict for name, (predict, _) in opened.items()}
    baselines = {"mean colour": _constant(_mean_ab(photos, size)), "grey": _constant(np.zeros(2, np.float32))}
    rows: dict[str, dict[str, Any]] = {}
    for name, predict in (predictors | baselines).items():
        takes_hints = name in opened and opened[name][1].takes_hints
        for points in options.hints if takes_hints else (0,):
            label = f"{name}, {points} hints" if points else name
            rows[label] = evaluate(predict, photos, size, DeepMetrics(), labels, points)
    text = _markdown(rows)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (("evaluation.json", json.dumps(rows, indent=2) + "\n"), ("evaluation.md", text)):
        with atomic_path(out / name) as part:
            part.write_text(content, encoding="utf-8")
    sheet = preview(list(predictors.values()), photos[:_SHEET_ROWS], size)
    png = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1]
    with atomic_path(out / "contact-sheet.png") as part:
        part.write_bytes(png.tobytes())
    return text


def choose_photos(photos: list[Photo], options: EvaluationOptions) -> list[Photo]:
    """Return those that the options ask for.

    Raises:
        DataError: fewer than two.
    """
    if options.held_out is not None:
        photos = split_photos(photos, options.held_out)[1]
    if options.limit is not None:
        count = min(options.limit, len(photos))
        photos = [photos[index * len(photos) // count] for index in range(count)]
    if len(photos) < 2:
        raise DataError(f"{len(photos)} photographs are too few to evaluate on")
    return photos


def read_labels(file: StrPath) -> dict[str, int]:
    """Read the ImageNet classes of photographs, by their digests.

    Args:
        file: a line ``path, class`` a photograph, and blank ones; the path is relative to the file, the class
            0..999.

    Raises:
        DataError: the file or a photograph cannot be read, or a line is none of these.
    """
    file = Path(file)
    labels = {}
    try:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            path, _, label = line.rpartition(",")
            if not path or not label.strip().isdecimal() or int(label) >= CLASSES:
                raise DataError(
                    f"{file}, line {number}: not 'path, class' with a class of 0 to {CLASSES - 1}"
                )
            labels[FilePhoto(file.parent / path).digest] = int(label)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the labels cannot be read ({error})") from error
    return labels


def open_predictor(model: StrPath) -> tuple[PredictAb, ModelContract]:
    """Return the predictor and the contract of a checkpoint, an exported file or a bundled model.

    Raises:
        ModelError: the file cannot be used.
    """
    model = Path(model)
    model = bundled_models().get(str(model), model)
    if model.suffix in BACKENDS_BY_SUFFIX:
        backend = open_backend(model, "native")  # figures do not depend on the CPU
        if backend.contract.graph != "lab":
            raise ModelError(f"{model}: evaluate the lab file of the same model")
        return backend.run, backend.contract
    generator, contract = load_generator(model)
    return torch_predictor(generator), contract


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
    metrics = [name for name in (*_METRICS, *_DEEP_METRICS) if name in first]
    top1 = f", top1 {first['truth_top1']:.3f}" if "truth_top1" in first else ""
    lines = [
        f"{first['protocol']}; colourfulness of the truth {first['truth_cf']:.1f}{top1}",
        "",
        "| | " + " | ".join(metrics) + " |",
        "|---|" + "---:|" * len(metrics),
    ]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[metric]:.3f}" for metric in metrics) + " |")
    return "\n".join(lines) + "\n"
