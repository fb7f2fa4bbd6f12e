"""The `pixels` graph: from RGB to RGB, with all colour arithmetic inside the model file.

The functions under ``@script`` are onnxscript: Python syntax that becomes ONNX operators. They follow
`colorize_gan.core.color.lab` and `colorize_gan.infer.Colorizer` step by step.
"""

from typing import Any

import numpy as np
import onnx
from onnx import compose, inliner, numpy_helper
from onnxscript import FLOAT, UINT8, optimizer, script
from onnxscript import opset18 as op

from colorize_gan.core.color.gamut import GAMUT_STEPS, GAMUT_TOLERANCE
from colorize_gan.core.color.lab import (
    LINEAR_FROM_XYZ,
    LUMINANCE_WEIGHTS,
    WHITE_D65,
    XYZ_FROM_LINEAR,
    linear_light_table,
)
from colorize_gan.core.contract import HINTS_NAME, ModelContract
from colorize_gan.infer.colorizer import MAXIMUM_ASPECT
from colorize_gan.infer.hints import HINT_SIDE

PIXELS_INPUT, PIXELS_OUTPUT = "rgb", "colored"

_IMAGE = UINT8["batch", "height", "width", 3]
_PLANE = FLOAT["batch", 1, "height", "width"]
_SMALL, _AB = FLOAT["batch", 1, "h", "w"], FLOAT["batch", 2, "h", "w"]
_POINTS, _DRAWN = FLOAT["batch", "points", 5], FLOAT["batch", 3, "h", "w"]
_TABLE = numpy_helper.from_array(linear_light_table(np.dtype(np.uint8)))  # (256,)
_WEIGHTS = numpy_helper.from_array(LUMINANCE_WEIGHTS.astype(np.float32)[:, None])  # (3, 1)
_MATRIX = numpy_helper.from_array((LINEAR_FROM_XYZ * WHITE_D65).T.astype(np.float32))  # (3, 3)
_WHITE_MATRIX = numpy_helper.from_array((XYZ_FROM_LINEAR / WHITE_D65[:, None]).T.astype(np.float32))
_REACH = float(HINT_SIDE // 2)
_FLOAT, _DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
_UINT8, _INT64 = onnx.TensorProto.UINT8, onnx.TensorProto.INT64


def to_pixels(generator: onnx.ModelProto, contract: ModelContract) -> onnx.ModelProto:
    """Put the colour arithmetic around an ONNX generator.

    The new graph takes ``rgb``, sRGB uint8 ``(N, H, W, 3)`` of any size, and returns ``colored``, the same
    with new chroma. L* is that of the input at its full resolution. Chroma is reduced where sRGB cannot show
    it. The generator sees the image at the contract's render size, each pixel the mean of those it covers.

    A graph that takes hints has a second input, ``hints``, float32 ``(N, P, 5)``: x and y as shares of the
    image, and sRGB red, green and blue, 0 to 255. P may be 0, and a point with a negative x is none. Where
    patches of `hint_map` overlap, their mean counts.

    Args:
        generator: a graph from L to ab as `build_onnx` makes it.
        contract: its names and sizes.
    """
    before, after = (
        optimizer.optimize(inliner.inline_local_functions(function.to_model_proto()))
        for function in (_before(contract), _after)
    )
    for part in (before, after):
        part.ir_version = generator.ir_version
        del part.opset_import[:]
        part.opset_import.extend(generator.opset_import)
    before, inner = (
        compose.add_prefix(part, f"{name}/", rename_inputs=False, rename_outputs=False)
        for name, part in (("before", before), ("generator", generator))
    )
    fed = [("small", contract.input_name), ("drawn", HINTS_NAME)]
    model = compose.merge_models(before, inner, io_map=fed[: len(contract.input_names)])
    model = compose.merge_models(
        model, after, io_map=[("lightness", "lightness"), (contract.output_name, "ab")]
    )
    del model.metadata_props[:]
    del model.opset_import[:]  # merging repeats them
    model.opset_import.extend(generator.opset_import)
    return model


@script()
def _resize_weights(length, new_length):
    """Return (new_length, length): the mean over a pixel's area when shrinking, else linear interpolation."""
    scale = length / new_length
    target = op.Unsqueeze(op.Range(0.0, new_length, 1.0), op.Constant(value_ints=[1]))
    source = op.Range(0.0, length, 1.0)
    overlap = op.Min(source + 1.0, (target + 1.0) * scale) - op.Max(source, target * scale)
    center = op.Clip((target + 0.5) * scale - 0.5, 0.0, length - 1.0)
    return op.Where(scale > 1.0, op.Relu(overlap) / scale, op.Relu(1.0 - op.Abs(center - source)))


@script()
def _patches(places, length):
    """Return (N, P, length): 1 on the pixels that a hint at places (N, P, 1), 0..1, covers, else 0."""
    middles = op.Min(op.Floor(places * length), length - 1.0)
    return op.Cast(op.Abs(op.Range(0.0, length, 1.0) - middles) <= _REACH, to=_FLOAT)


@script()
def _draw(hints, sides):
    """Return what `hint_map` draws: hints (N, P, 5) as CIE a*, b* and weight (N, 3, h, w)."""
    x, y, red, green, blue = op.Split(hints, axis=2, num_outputs=5)
    rows = _patches(y, op.Gather(sides, 0)) * op.Cast(x >= 0.0, to=_FLOAT)
    columns = op.Transpose(_patches(x, op.Gather(sides, 1)), perm=[0, 2, 1])
    colors = op.Cast(op.Round(op.Concat(red, green, blue, axis=2)), to=_INT64)
    xyz = op.MatMul(op.Gather(op.Constant(value=_TABLE), colors), op.Constant(value=_WHITE_MATRIX))
    f = op.Where(xyz > 216.0 / 24389.0, op.Pow(xyz, 1.0 / 3.0), (xyz * (24389.0 / 27.0) + 16.0) / 116.0)
    fx, fy, fz = op.Split(f, axis=2, num_outputs=3)
    count = op.MatMul(columns, rows)
    a = op.MatMul(columns, rows * (500.0 * (fx - fy)))
    b = op.MatMul(columns, rows * (200.0 * (fy - fz)))
    one = op.Constant(value_ints=[1])
    planes = op.Concat(
        op.Unsqueeze(a / op.Max(count, 1.0), one),
        op.Unsqueeze(b / op.Max(count, 1.0), one),
        op.Unsqueeze(op.Min(count, 1.0), one),
        axis=1,
    )
    return op.Transpose(planes, perm=[0, 1, 3, 2])


def _before(contract: ModelContract) -> Any:
    size = contract.size
    render, longest = float(contract.render_size), float(contract.render_size * MAXIMUM_ASPECT)
    multiple, minimum = float(size.multiple_of), float(size.minimum)
    maximum = minimum if size.fixed else float("inf")

    @script()
    def before(rgb: _IMAGE) -> tuple[_PLANE, _SMALL]:
        linear = op.Gather(op.Constant(value=_TABLE), op.Cast(rgb, to=_INT64))
        luminance = op.MatMul(linear, op.Constant(value=_WEIGHTS))
        cube_root = op.Pow(op.Max(luminance, 216.0 / 24389.0), 1.0 / 3.0)
        flat = op.Where(luminance > 216.0 / 24389.0, 116.0 * cube_root - 16.0, luminance * (24389.0 / 27.0))
        lightness = op.Transpose(flat, perm=[0, 3, 1, 2])
        sides = op.Cast(op.Shape(lightness, start=2), to=_FLOAT)
        exact = op.Cast(sides, to=_DOUBLE)  # as in Python: sizes are rounded, and ties must fall alike
        scaled = op.Min(exact * (render / op.ReduceMin(exact)), longest)
        fitted = op.Cast(op.Clip(op.Round(scaled / multiple) * multiple, minimum, maximum), to=_FLOAT)
        rows = _resize_weights(op.Gather(sides, 0), op.Gather(fitted, 0))
        columns = _resize_weights(op.Gather(sides, 1), op.Gather(fitted, 1))
        small = op.MatMul(op.MatMul(rows, lightness), op.Transpose(columns))
        return lightness, small

    @script()
    def before_with_hints(rgb: _IMAGE, hints: _POINTS) -> tuple[_PLANE, _SMALL, _DRAWN]:
        lightness, small = before(rgb)
        drawn = _draw(hints, op.Cast(op.Shape(small, start=2), to=_FLOAT))
        return lightness, small, drawn

    return before_with_hints if contract.takes_hints else before


@script()
def _lab_to_linear(lightness, ab):
    """Convert lightness (P, 1) and ab (P, 2) to linear light (P, 3)."""
    fy = (lightness + 16.0) / 116.0
    a, b = op.Split(ab, axis=1, num_outputs=2)
    f = op.Concat(fy + a / 500.0, fy, fy - b / 200.0, axis=1)
    xyz = op.Where(f > 6.0 / 29.0, f * f * f, 3.0 * (36.0 / 841.0) * (f - 4.0 / 29.0))
    return op.MatMul(xyz, op.Constant(value=_MATRIX))


@script()
def _is_outside(lightness, ab):
    """Tell for lightness (P, 1) and ab (P, 2) whether a linear component leaves 0..1: (P,) bool."""
    linear = _lab_to_linear(lightness, ab)
    excess = op.ReduceMax(op.Abs(linear - 0.5), op.Constant(value_ints=[1]), keepdims=0)
    return excess > 0.5 + GAMUT_TOLERANCE


@script()
def _fit_to_gamut(lightness, ab):
    """Reduce the chroma of those of (P, 2) that leave the gamut, by bisection."""
    where = op.Transpose(op.NonZero(_is_outside(lightness, ab)))  # (K, 1)
    fixed, wanted = op.GatherND(lightness, where), op.GatherND(ab, where)
    low = fixed * 0.0
    high = low + 1.0
    for _ in range(GAMUT_STEPS):
        middle = 0.5 * (low + high)
        outside = op.Unsqueeze(_is_outside(fixed, wanted * middle), op.Constant(value_ints=[1]))
        low = op.Where(outside, low, middle)
        high = op.Where(outside, middle, high)
    return op.ScatterND(ab, where, wanted * low)


@script()
def _after(lightness: _PLANE, ab: _AB) -> _IMAGE:
    sizes = op.Concat(op.Shape(ab, end=2), op.Shape(lightness, start=2), axis=0)
    large = op.Resize(ab, None, None, sizes, mode="linear")
    pixels = op.Reshape(op.Transpose(large, perm=[0, 2, 3, 1]), op.Constant(value_ints=[-1, 2]))
    lightnesses = op.Reshape(lightness, op.Constant(value_ints=[-1, 1]))
    fitted = _fit_to_gamut(lightnesses, pixels)
    linear = op.Clip(_lab_to_linear(lightnesses, fitted), 0.0, 1.0)
    curved = 1.055 * op.Pow(op.Max(linear, 0.0031308), 1.0 / 2.4) - 0.055
    encoded = op.Where(linear > 0.0031308, curved, 12.92 * linear)
    shape = op.Concat(op.Shape(ab, end=1), op.Shape(lightness, start=2), op.Constant(value_ints=[3]), axis=0)
    colored = op.Reshape(op.Cast(op.Round(encoded * 255.0), to=_UINT8), shape)
    return colored
