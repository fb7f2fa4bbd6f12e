"""The parity gate: a graph's colours against those of its generator, or of another runtime."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import FloatArray, lightness_of, rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import DataError, ImageError, ModelError, VerificationError
from colorize_gan.core.files.folders import find_images
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.hints import join_hints, random_hints
from colorize_gan.core.images.decode import read_image

Run = Callable[[np.ndarray], np.ndarray]
"""A graph of either kind: see `colorize_gan.infer.backends.protocol.Backend.run`."""

Probe = tuple[str, np.ndarray]
"""A named input of a graph."""

PHOTOGRAPHS = Path(__file__).parent / "photographs"

_BATCHES = (1, 3, 8)
_PHOTOGRAPH_SIDE = 256
_MOST_IMAGES = 300  # each pixel's difference is kept until the end: some 2 MB an image
_FINGERPRINT_POINTS = 12  # a side


@dataclass(frozen=True)
class Limit:
    """The largest CIEDE2000 differences that pass."""

    p99: float
    mean: float = math.inf


_LIMITS = {
    "fp32": Limit(p99=0.1),
    "fp16-weights": Limit(p99=0.5),
    "int8-weights": Limit(p99=2.0),
    "fp16": Limit(p99=1.0),
    "bf16": Limit(p99=1.0),
    "int8": Limit(p99=3.0, mean=1.0),
}
_ROUNDING = 0.5  # CIEDE2000 p99 of the few 8-bit samples that lie between two levels and round the other way


def limit_of(contract: ModelContract, computed_in: str = "fp32") -> Limit:
    """Return what a file has to keep to on a backend of that precision: the looser of the two."""
    limit = max((_LIMITS[name] for name in (contract.precision, computed_in)), key=lambda limit: limit.p99)
    return limit if contract.graph == "lab" else Limit(limit.p99 + _ROUNDING, limit.mean)


def compare(reference: Run, tested: Run, probes: Iterable[Probe]) -> dict[str, Any]:
    """Measure how far the colours of two graphs of one kind are from each other.

    Returns:
        CIEDE2000 ``mean``, ``p99`` and ``max`` over all pixels of all probes, ``mean_ab`` and ``max_ab``
        differences, the share of 8-bit sRGB pixels that differ (``changed_pixels``), the largest such
        difference (``max_pixel``, 0..255), the number of ``probes`` and the ``worst`` one.

    Raises:
        VerificationError: an output is not finite or has another shape.
    """
    results = []
    for name, inputs in probes:
        expected, actual = reference(inputs), tested(inputs)
        if (actual.shape, actual.dtype) != (expected.shape, expected.dtype) or not np.isfinite(actual).all():
            raise VerificationError(
                f"{name}: a {actual.dtype} output of shape {actual.shape} is not finite, or not as expected"
            )
        one, two = _to_lab(inputs, expected), _to_lab(inputs, actual)
        pixels = [_to_rgb8(output, lab) for output, lab in ((expected, one), (actual, two))]
        changes = np.abs(np.subtract(*pixels, dtype=np.int16)).max(axis=-1)
        results.append(
            (name, ciede2000(one, two).ravel(), np.abs(one - two)[..., 1:].ravel(), changes.ravel())
        )
    names, differences, ab, changes = zip(*results, strict=True)
    everything, all_ab, all_changes = (np.concatenate(arrays) for arrays in (differences, ab, changes))
    worst = max(range(len(names)), key=lambda index: np.percentile(differences[index], 99))
    return {
        "metric": "CIEDE2000",
        "probes": len(names),
        "mean": round(float(everything.mean()), 6),
        "p99": round(float(np.percentile(everything, 99)), 6),
        "max": round(float(everything.max()), 6),
        "mean_ab": round(float(all_ab.mean()), 6),
        "max_ab": round(float(all_ab.max()), 6),
        "changed_pixels": round(float((all_changes > 0).mean()), 6),
        "max_pixel": int(all_changes.max()),
        "worst": names[worst],
    }


def enforce(record: dict[str, Any], limit: Limit) -> None:
    """Raise a `VerificationError` when a record of `compare` is above the limit; not a number is."""
    for name, most in (("p99", limit.p99), ("mean", limit.mean)):
        if not record[name] <= most:
            raise VerificationError(
                f"colours differ: CIEDE2000 {name} {record[name]} is above {most}, worst on {record['worst']}"
            )


def fingerprint(reference: Run, contract: ModelContract) -> dict[str, Any]:
    """Return the colours of a graph at a grid of points of known inputs, to recognise it by.

    ab is rounded to 0.01, or RGB is as it is.
    """
    points = {}
    for name, inputs in _known_probes(contract):
        output = _channels_last(reference(inputs))[0]
        points[name] = np.round(output[_grid(output)].astype(np.float64), 2).tolist()
    return points


def compare_with_fingerprint(tested: Run, contract: ModelContract) -> dict[str, Any]:
    """`compare` a graph with the fingerprint in its contract, at those points alone.

    Raises:
        ModelError: the contract has no fingerprint, or one of other images.
    """
    known = dict(_known_probes(contract))
    if not contract.fingerprint or not contract.fingerprint.keys() <= known.keys():
        raise ModelError(f"{contract.name}: no fingerprint to verify it by; set `against` to its checkpoint")
    points: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for name, colors in contract.fingerprint.items():
        inputs = known[name]
        rows, columns = _grid(_channels_last(inputs)[0])
        wanted = np.asarray(colors, np.float32)
        found = _channels_last(tested(inputs))[0][rows, columns]
        if wanted.shape != found.shape:
            raise ModelError(f"{contract.name}: its fingerprint of {name} has another shape")
        if contract.graph == "pixels":
            points[name] = (inputs[:, rows, columns], wanted[None].astype(np.uint8), found[None])
        else:
            at_points = (wanted.transpose(2, 0, 1)[None], found.transpose(2, 0, 1)[None])
            points[name] = (inputs[:, :, rows, columns], *at_points)
    answers = {id(inputs): (wanted, found) for inputs, wanted, found in points.values()}
    return compare(
        lambda inputs: answers[id(inputs)][0],
        lambda inputs: answers[id(inputs)][1],
        [(name, inputs) for name, (inputs, _, _) in points.items()],
    )


def probes(contract: ModelContract, images: StrPath = PHOTOGRAPHS) -> Iterator[Probe]:
    """Yield inputs of a graph: photographs, photograph-like clouds, noise and flat fields.

    Sizes are the usual, odd and extreme ones, batches 1, 3 and 8.

    Raises:
        DataError: no images in that folder.
    """
    yield from photographs(contract, images)
    rng = np.random.default_rng(0)
    for height, width in _sizes(contract):
        for batch in _BATCHES if (height, width) == next(_sizes(contract)) else _BATCHES[:2]:
            label = f"{batch}x{height}x{width}"
            clouds = np.stack([_clouds(height, width, rng) for _ in range(batch)])
            yield from _hinted(f"clouds {label}", _as_input(clouds, contract), contract)
    yield from _synthetic(contract)


def _known_probes(contract: ModelContract) -> Iterator[Probe]:
    """Yield the probes that are the same on every machine, to the last bit."""
    yield from photographs(contract)
    yield from _synthetic(contract)


def photographs(contract: ModelContract, images: StrPath = PHOTOGRAPHS) -> Iterator[Probe]:
    """Yield the photographs among the `probes`; of a model that takes hints, each without and with some.

    Raises:
        DataError: no images in that folder.
    """
    side = contract.size.fit(_PHOTOGRAPH_SIDE)
    for path in some_images(images):
        lightness = read_lightness(path, side)[None]
        yield from _hinted(f"photograph {path.name}", _as_input(lightness, contract), contract)


def _hinted(name: str, inputs: np.ndarray, contract: ModelContract) -> Iterator[Probe]:
    yield name, inputs
    if contract.takes_hints and contract.graph == "lab":
        yield f"{name} with hints", join_hints(inputs, random_hints(inputs.shape))


def some_images(folder: StrPath) -> list[Path]:
    """Return the images below a folder; of more than 300, some of each part.

    Raises:
        DataError: there are none.
    """
    folder = Path(folder)
    found = find_images(folder)
    return found[:: math.ceil(len(found) / _MOST_IMAGES)]


def _synthetic(contract: ModelContract) -> Iterator[Probe]:
    side = contract.size.fit(_PHOTOGRAPH_SIDE)
    noise = np.random.default_rng(1).uniform(0, 100, (1, 1, side, side)).astype(np.float32)
    yield "noise", _as_input(noise, contract)
    for level in (0, 50, 100):
        yield f"flat {level}", _as_input(np.full((1, 1, side, side), level, np.float32), contract)
    if contract.graph == "pixels":  # own colour, which the graph is to see as lightness alone
        yield "coloured noise", np.random.default_rng(2).integers(0, 256, (1, side, side, 3), np.uint8)


def read_lightness(path: StrPath, side: int) -> FloatArray:
    """Read an image as CIE L* ``(1, side, side)``: its middle square, resized.

    Raises:
        DataError: it cannot be read.
    """
    try:
        image = read_image(path)
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error
    lightness = lightness_of(image)
    height, width = lightness.shape
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = lightness[top : top + short, left : left + short]
    if short != side:
        square = np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    return np.ascontiguousarray(square)[None]


def _sizes(contract: ModelContract) -> Iterator[tuple[int, int]]:
    """Yield heights and widths: the usual, then non-square, smallest and, of a pixels graph, odd ones."""
    size, usual = contract.size, contract.size.fit(_PHOTOGRAPH_SIDE)
    step = 0 if size.fixed else size.multiple_of
    yield usual, usual
    if contract.graph == "pixels":
        yield from [(usual + 61, usual + 5), (67, 101)]
    elif not size.fixed:
        yield from [(usual, usual + step), (usual + 3 * step, usual), (size.minimum, size.minimum + step)]


def _as_input(lightness: FloatArray, contract: ModelContract) -> np.ndarray:
    """Turn lightness ``(N, 1, H, W)`` into an input of the contract's graph."""
    if contract.graph == "lab":
        return lightness
    neutral = np.zeros((*lightness.shape[2:], 2), np.float32)
    return np.stack([lab_to_image(plane[0], neutral, np.uint8) for plane in lightness])


def _clouds(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """Return lightness ``(1, H, W)`` with the 1/f amplitude spectrum of natural images (Field, 1987)."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) / frequency, (height, width))
    low, high = np.percentile(field, [1, 99])
    return np.clip(100 * (field - low) / (high - low), 0, 100).astype(np.float32)[None]


def _channels_last(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == np.uint8 else array.transpose(0, 2, 3, 1)


def _grid(image: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the indices of an even grid of points of ``(H, W, C)``."""
    rows, columns = (
        np.linspace(0, length - 1, _FINGERPRINT_POINTS).astype(int) for length in image.shape[:2]
    )
    return np.ix_(rows, columns)


def _to_lab(inputs: np.ndarray, outputs: np.ndarray) -> FloatArray:
    """Return what a graph shows as Lab ``(N, H, W, 3)``."""
    if outputs.dtype == np.uint8:
        return np.stack([np.dstack(rgb_to_lab(image)) for image in outputs])
    return np.concatenate([inputs[:, :1], outputs], axis=1).transpose(0, 2, 3, 1)


def _to_rgb8(outputs: np.ndarray, lab: FloatArray) -> np.ndarray:
    """Return what a graph shows as sRGB uint8 ``(N, H, W, 3)``."""
    if outputs.dtype == np.uint8:
        return outputs
    return np.stack([lab_to_image(image[..., 0], image[..., 1:], np.uint8) for image in lab])
