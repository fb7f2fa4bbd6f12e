"""Evaluation of a model file of any kind, as users run it."""

from pathlib import Path
from typing import Any

from colorize_gan.infer.backends import BACKENDS_BY_SUFFIX, open_backend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.evaluate import evaluate, torch_predictor
from colorize_gan.trainer.photos import find_photos


def evaluate_file(
    model: Path, data: Path, size: int | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Evaluate a checkpoint or an exported file on a folder of colour photographs.

    Args:
        model: the file.
        data: folder of photographs.
        size: side of the squares in pixels; None for the contract's render size.
        limit: use so many photographs, evenly spaced over the digests; None for all.

    Returns:
        See `evaluate`.

    Raises:
        ModelError: the file cannot be used.
        DataError: no photographs.
    """
    photos = find_photos(data)
    if limit is not None:
        photos = [photos[index * len(photos) // limit] for index in range(min(limit, len(photos)))]
    if model.suffix in BACKENDS_BY_SUFFIX:
        backend = open_backend(model)
        return evaluate(backend.predict_ab, photos, size or backend.contract.render_size)
    generator, contract = load_generator(model)
    return evaluate(torch_predictor(generator), photos, size or contract.render_size)
