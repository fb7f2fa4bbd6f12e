"""A generator's ONNX graph in another precision, in the ways that there are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.hints import feeds, join_hints, random_hints
from colorize_gan.core.parity import read_lightness, some_images
from colorize_gan.exporter.precisions import (
    INT8_EXCEPTIONS,
    store_weights_as_half,
    store_weights_as_int8,
    to_half,
    to_int8,
)

_CONVERSIONS = {
    "fp16-weights": store_weights_as_half,
    "int8-weights": store_weights_as_int8,
    "fp16": to_half,
}


def conversions(
    generator: onnx.ModelProto, precision: str, contract: ModelContract, calibration: StrPath
) -> Iterator[tuple[int, onnx.ModelProto]]:
    """Yield a generator in a precision, from the fastest way to the most exact, with how many are left.

    Args:
        generator: the float32 graph.
        precision: one that ONNX has of `PRECISIONS`.
        contract: the generator's.
        calibration: folder of photographs that set the ranges of int8.
    """
    if precision != "int8":
        convert = _CONVERSIONS.get(precision)
        yield 0, convert(generator) if convert else generator
        return
    inputs = [feeds(contract, each) for each in _photographs(Path(calibration), contract)]
    for left, exceptions in zip(reversed(range(len(INT8_EXCEPTIONS))), INT8_EXCEPTIONS, strict=True):
        yield left, to_int8(generator, inputs, exceptions)


def _photographs(folder: Path, contract: ModelContract) -> Iterator[FloatArray]:
    """Yield photographs as they are, darker and lighter; of a large collection, some of each part.

    A model that takes hints gets some with each photograph as it is.
    """
    side = contract.size.fit(contract.render_size)
    for path in some_images(folder):
        lightness = read_lightness(path, side)[None]
        for gamma in (1.0, 0.7, 1.4):
            yield np.asarray(100 * (lightness / 100) ** gamma, np.float32)
        if contract.takes_hints:
            yield join_hints(lightness, random_hints(lightness.shape))
