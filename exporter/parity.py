"""The parity gate: an exported file's colours against the eager generator's."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from colorize_gan.color import FloatArray
from colorize_gan.contract import SizeRule
from colorize_gan.errors import VerificationError
from colorize_gan.metrics import ciede2000

PredictAb = Callable[[FloatArray], FloatArray]

_BATCHES = (1, 3)


def check_parity(reference: PredictAb, exported: PredictAb, size: SizeRule, floor: float) -> dict[str, Any]:
    """Compare two predictors on every probe and return the record for the contract.

    Args:
        reference: the eager generator, float32.
        exported: the file, opened with the loader that users have.
        size: which sizes the generator accepts.
        floor: the largest CIEDE2000 99th percentile that passes.

    Returns:
        CIEDE2000 ``mean``, ``p99``, ``max`` over all pixels of all probes, the largest difference of ab
        ``max_ab``, the ``floor`` and the number of ``probes``.

    Raises:
        VerificationError: above the floor, or not finite; names the worst probe.
    """
    differences, worst, worst_name, max_ab = [], -1.0, "", 0.0
    for name, lightness in probes(size):
        expected, actual = reference(lightness), exported(lightness)
        if actual.shape != expected.shape or not np.isfinite(actual).all():
            raise VerificationError(
                f"probe {name}: ab of shape {actual.shape} is not finite, or not as expected"
            )
        difference = ciede2000(_to_lab(lightness, expected), _to_lab(lightness, actual)).ravel()
        differences.append(difference)
        max_ab = max(max_ab, float(np.abs(expected - actual).max()))
        if difference.max() > worst:
            worst, worst_name = float(difference.max()), name
    everything = np.concatenate(differences)
    p99 = round(float(np.percentile(everything, 99)), 6)
    record = {
        "metric": "CIEDE2000, exported file against eager float32",
        "probes": len(differences),
        "mean": round(float(everything.mean()), 6),
        "p99": p99,
        "max": round(worst, 6),
        "max_ab": round(max_ab, 6),
        "floor": floor,
    }
    if not p99 <= floor:
        raise VerificationError(
            f"colours differ from the generator's: CIEDE2000 p99 {p99} is above {floor}; "
            f"worst on {worst_name} ({worst:.3f})"
        )
    return record


def probes(size: SizeRule) -> Iterator[tuple[str, FloatArray]]:
    """Yield named lightness batches ``(N, 1, H, W)``: photograph-like, noise and flat, in several sizes."""
    rng = np.random.default_rng(0)
    step = 0 if size.fixed else size.multiple_of
    smallest, usual = size.minimum, size.fit(256)
    for height, width in dict.fromkeys(
        [(usual, usual), (usual, usual + step), (usual + 3 * step, usual), (smallest, smallest + step)]
    ):
        for batch in _BATCHES:
            label = f"{batch}x{height}x{width}"
            yield f"clouds {label}", np.stack([_clouds(height, width, rng) for _ in range(batch)])
        yield f"noise {label}", rng.uniform(0, 100, (batch, 1, height, width)).astype(np.float32)
    for level in (0, 50, 100):
        yield f"flat {level}", np.full((1, 1, usual, usual), level, np.float32)


def _clouds(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Return lightness ``(1, H, W)`` with the 1/f amplitude spectrum of natural images (Field, 1987)."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) / frequency, (height, width))
    low, high = np.percentile(field, [1, 99])
    return np.clip(100 * (field - low) / (high - low), 0, 100).astype(np.float32)[None]


def _to_lab(lightness: FloatArray, ab: FloatArray) -> FloatArray:
    """Join ``(N, 1, H, W)`` and ``(N, 2, H, W)`` to Lab ``(N, H, W, 3)``."""
    return np.concatenate([lightness, ab], axis=1).transpose(0, 2, 3, 1)
