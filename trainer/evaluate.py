"""How good colours are: PSNR, SSIM, CIEDE2000 and colourfulness on held-out photographs."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.color.metrics import ciede2000, colorfulness, psnr
from colorize_gan.core.hints import join_hints
from colorize_gan.core.system.parallel import map_in_order
from colorize_gan.trainer.data import load_square
from colorize_gan.trainer.deep_metrics import DeepMetrics, to_batch
from colorize_gan.trainer.hints import random_points
from colorize_gan.trainer.photos import Photo

PredictAb = Callable[[FloatArray], FloatArray]
"""From lightness ``(N, 1, H, W)`` to ab ``(N, 2, H, W)``, float32, CIE units."""


def evaluate(
    predict_ab: PredictAb,
    photos: Sequence[Photo],
    size: int,
    deep: DeepMetrics | None = None,
    labels: Mapping[str, int] | None = None,
    points: int = 0,
) -> dict[str, Any]:
    """Colorize the middle squares of ``photos`` at ``size`` pixels and compare them with the truth.

    Args:
        predict_ab: the model.
        photos: photographs it did not learn from.
        size: side of the squares.
        deep: fresh ones add what they can measure here.
        labels: ImageNet classes by the photographs' digests, for all of them or for none.
        points: hints of the true colour that the model gets of each photograph, at random places.

    Returns:
        The protocol, and the mean over photographs of each metric for the model (``psnr``, ``ssim``,
        ``ciede2000``, ``cf``), for grey (``grey_*``) and for the truth (``truth_cf``).
    """
    rows = []
    work = partial(_colorized, predict_ab, size=size, points=points)
    with contextlib.closing(map_in_order(work, photos, os.cpu_count() or 1, "evaluate")) as colorized:
        for photo, (row, rgb, truth) in zip(photos, colorized, strict=True):
            rows.append(row)
            if deep is not None:
                deep.update(rgb, truth, labels[photo.digest] if labels else None)
    means = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
    return {
        "protocol": f"{len(photos)} photographs, short side {size} px (area filter), middle square, "
        "true L*, 8-bit sRGB, mean over photographs",
        "photographs": len(photos),
        **({"hints": points} if points else {}),
        **means,
        "psnr_gain": round(means["psnr"] - means["grey_psnr"], 4),
        "delta_cf": round(means["truth_cf"] - means["cf"], 4),
        **(deep.compute() if deep is not None else {}),
    }


def _colorized(
    predict_ab: PredictAb, photo: Photo, size: int, points: int
) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Return the metrics of a photograph, its colorization and the truth ``(size, size, 3)`` uint8 sRGB."""
    lightness, ab_true = load_square(photo, size)
    inputs = lightness[None, None]
    if points:
        rng = np.random.default_rng(int(photo.digest[:16], 16))
        hints = random_points(ab_true.transpose(2, 0, 1), points, rng)
        inputs = join_hints(inputs, hints[None])
    predicted = predict_ab(inputs)[0].transpose(1, 2, 0)
    truth = lab_to_image(lightness, ab_true, np.uint8)
    grey = _compare(lightness, 0 * ab_true, ab_true)
    row = (
        _compare(lightness, predicted, ab_true)
        | {f"grey_{name}": value for name, value in grey.items() if name != "cf"}
        | {"truth_cf": colorfulness(truth)}
    )
    return row, lab_to_image(lightness, predicted, np.uint8), truth


def _compare(lightness: FloatArray, ab: FloatArray, ab_true: FloatArray) -> dict[str, float]:
    """Measure one colorization ``(H, W, 2)`` against the true ab."""
    rgb, truth = lab_to_image(lightness, ab, np.uint8), lab_to_image(lightness, ab_true, np.uint8)
    difference = ciede2000(np.dstack([lightness, ab]), np.dstack([lightness, ab_true]))
    return {
        # an already grey photograph would be infinitely good
        "psnr": min(psnr(rgb, truth), 100.0),
        "ssim": _ssim(rgb, truth),
        "ciede2000": float(difference.mean()),
        "cf": colorfulness(rgb),
    }


def _ssim(rgb: np.ndarray, truth: np.ndarray) -> float:
    value = structural_similarity_index_measure(to_batch(rgb), to_batch(truth), data_range=255.0)
    assert isinstance(value, torch.Tensor)
    return float(value)


def preview(predictors: Sequence[PredictAb], photos: Sequence[Photo], size: int) -> np.ndarray:
    """Return a picture ``(H, W, 3)`` uint8 with a row a photograph: grey, each prediction, truth."""
    rows = []
    for photo in photos:
        lightness, ab_true = load_square(photo, size)
        predicted = [predict(lightness[None, None])[0].transpose(1, 2, 0) for predict in predictors]
        rows.append(
            np.hstack([lab_to_image(lightness, ab, np.uint8) for ab in (0 * ab_true, *predicted, ab_true)])
        )
    return np.vstack(rows)


def torch_predictor(generator: torch.nn.Module) -> PredictAb:
    """Wrap a generator in eval mode as a `PredictAb`, on the device where it is.

    One that takes hints also takes them, behind L: ``(N, 4, H, W)``.
    """
    device = next(generator.parameters()).device

    def predict_ab(inputs: FloatArray) -> FloatArray:
        lightness, hints = torch.from_numpy(inputs).to(device).tensor_split([1], dim=1)
        with torch.inference_mode():
            return generator(lightness, *([hints] if hints.numel() else [])).float().cpu().numpy()

    return predict_ab
