"""Hints of colour: how they travel to a graph beside L, as more channels of one array."""

import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import UsageError

LARGEST_AB = 128.0
"""The most that a* or b* of a hint may be; sRGB stays within 108."""
NO_POINTS = np.full((1, 1, 5), -1, np.float32)
"""The hints of a pixels graph where there are none: a point outside of the image."""
_PATCHES, _LARGEST_SIDE = 5, 9


def join_hints(lightness: FloatArray, hints: FloatArray) -> FloatArray:
    """Return what a backend takes where hints are given: float32 ``(N, 4, H, W)``.

    Args:
        lightness: CIE L* ``(N, 1, H, W)``.
        hints: CIE a*, b* and weight 0..1 ``(N, 3, H, W)``, zero where there is none.

    Raises:
        UsageError: hints of another shape, or outside their range.
    """
    expected = (len(lightness), 3, *lightness.shape[2:])
    if hints.shape != expected:
        raise UsageError(f"hints: the shape is {hints.shape}, not {expected} as the lightness wants")
    for channels, name, low, high in (
        (hints[:, :2], "a* or b*", -LARGEST_AB, LARGEST_AB),
        (hints[:, 2], "weight", 0, 1),
    ):
        if not (low <= channels.min() and channels.max() <= high):  # not: NaN
            raise UsageError(f"hints: {name} outside {low:g} to {high:g}")
    return np.concatenate([lightness, hints], axis=1, dtype=np.float32)


def feeds(contract: ModelContract, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a graph is fed, by name and in the order of `ModelContract.input_names`.

    Args:
        contract: the graph's.
        inputs: as `colorize_gan.infer.backends.protocol.Backend.run` takes them; hints that are not given
            are zero; a pixels graph is given none.

    Raises:
        UsageError: hints for a graph that takes none.
    """
    if contract.graph == "lab" and inputs.shape[1] > 1 and not contract.takes_hints:
        raise UsageError(f"{contract.name}: takes no hints")
    if not contract.takes_hints:
        return {contract.input_name: inputs}
    if contract.graph == "pixels":
        return dict(zip(contract.input_names, (inputs, NO_POINTS.repeat(len(inputs), 0)), strict=True))
    lightness, hints = inputs[:, :1], inputs[:, 1:]
    if not hints.size:
        hints = np.zeros((len(inputs), 3, *inputs.shape[2:]), np.float32)
    return {
        name: np.ascontiguousarray(each)
        for name, each in zip(contract.input_names, (lightness, hints), strict=True)
    }


def random_hints(shape: tuple[int, ...], seed: int = 0) -> FloatArray:
    """Return test inputs: hints ``(N, 3, H, W)`` of any colour for lightness of ``shape``."""
    rng = np.random.default_rng(seed)
    count, _, height, width = shape
    hints = np.zeros((count, 3, height, width), np.float32)
    for each in hints:
        for _ in range(_PATCHES):
            side, top, left = rng.integers(1, _LARGEST_SIDE + 1), rng.integers(height), rng.integers(width)
            patch = each[:, top : top + side, left : left + side]
            patch[:2] = rng.integers(-60, 61, (2, 1, 1))
            patch[2] = 1
    return hints
