"""Hints of colour as a user might give them, taken from the truth: Zhang et al. (2017), arXiv 1705.02999."""

import numpy as np

from colorize_gan.core.color.lab import FloatArray

_STOPS = 1 / 8  # parameter of the geometric distribution of their number: eight on average
_ALL = 1 / 100  # how often the whole truth is given
_LARGEST = 9  # pixels a side
_ALIKE = 12.0  # CIE units between colours that are changed together
_MOST_CHROMA = 60.0
POINT_SIDE = 7
"""Side, in pixels, of the patches that `random_points` reveals."""


def simulate_hints(ab: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Give away the colours of some square patches, rarely of all pixels.

    Every other place is anywhere, the others gather about the middle: a Gaussian, a quarter of a side wide.

    Args:
        ab: true CIE ab ``(2, H, W)``.
        rng: source of all chance.

    Returns:
        ``(3, H, W)`` float32: CIE a*, b* and the weight, 1 where there is a hint; the rest is zero.
    """
    if rng.random() < _ALL:
        return np.concatenate([ab, np.ones_like(ab[:1])])
    hints = np.zeros((3, *ab.shape[1:]), np.float32)
    sides = np.array(ab.shape[1:])
    for _ in range(rng.geometric(_STOPS)):
        place = rng.normal(sides / 2, sides / 4) if rng.random() < 0.5 else rng.uniform(0, sides)
        add_hint(hints, ab, np.clip(place, 0, sides - 1).astype(int), int(rng.integers(1, _LARGEST + 1)))
    return hints


def recolored(ab: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Give all that has the colour of a random place another colour, and hint at it there.

    A network that saw true colours alone follows a hint as far as it finds it likely.

    Args:
        ab: true CIE ab ``(2, H, W)``.
        rng: source of all chance.

    Returns:
        The changed ab, and hints as those of `simulate_hints`, one of them at the place.
    """
    place = rng.integers(ab.shape[1:])
    old = ab[:, place[0], place[1]][:, None, None]
    hue, chroma = rng.uniform(0, 2 * np.pi), rng.uniform(0, _MOST_CHROMA)
    new = chroma * np.array([np.cos(hue), np.sin(hue)], np.float32)[:, None, None]
    likeness = np.exp(-((ab - old) ** 2).sum(axis=0) / (2 * _ALIKE**2))
    changed = (ab + likeness * (new - old)).astype(np.float32)
    hints = simulate_hints(changed, rng)
    add_hint(hints, changed, place, int(rng.integers(1, _LARGEST + 1)))
    return changed, hints


def random_points(ab: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Give away the mean true colours of ``count`` patches at random places, to measure what they bring.

    Args:
        ab: true CIE ab ``(2, H, W)``.
        count: how many; the first are the same whatever comes after.
        rng: source of the places.

    Returns:
        Hints ``(3, H, W)`` as those of `simulate_hints`.
    """
    hints = np.zeros((3, *ab.shape[1:]), np.float32)
    for _ in range(count):
        add_hint(hints, ab, rng.integers(ab.shape[1:]), POINT_SIDE)
    return hints


def add_hint(hints: FloatArray, ab: FloatArray, place: np.ndarray, side: int) -> None:
    """Put the mean true colour of a patch into ``hints``.

    Args:
        hints: ``(3, H, W)``, changed in place.
        ab: true CIE ab ``(2, H, W)``.
        place: row and column of the patch's middle.
        side: of the patch, in pixels; what lies outside is cut off.
    """
    top, left = np.maximum(place - side // 2, 0)
    bottom, right = place - side // 2 + side
    hints[:2, top:bottom, left:right] = ab[:, top:bottom, left:right].mean(axis=(1, 2), keepdims=True)
    hints[2, top:bottom, left:right] = 1
