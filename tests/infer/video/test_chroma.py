"""Chroma planes mean, to a decoder that reads the tags, the colours that were asked for."""

import numpy as np
import pytest
from av.video.frame import VideoFrame

from colorize_gan.core.color.lab import lab_to_rgb, rgb_to_lab
from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.chroma import ab_to_chroma, check_matrix, luma_to_grey
from colorize_gan.infer.video.encoder import convert_luma, plane_view
from colorize_gan.infer.video.source import ColorTags

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


def luma_codes(rgb: np.ndarray, tags: ColorTags, depth: int) -> np.ndarray:
    """Return luma of sRGB 0..1 by the equations of ITU-T H.273."""
    red, blue = WEIGHTS[tags.matrix]
    unit = rgb @ np.array([red, 1 - red - blue, blue])
    scale = 1 << (depth - 8)
    codes = unit * ((1 << depth) - 1) if tags.is_full else scale * (219 * unit + 16)
    return np.rint(codes).astype(np.uint8 if depth == 8 else np.uint16)


def decoded(luma: np.ndarray, cb: np.ndarray, cr: np.ndarray, tags: ColorTags, depth: int) -> np.ndarray:
    """Return sRGB 0..1 by the equations of ITU-T H.273."""
    red, blue = WEIGHTS[tags.matrix]
    scale, top = 1 << (depth - 8), (1 << depth) - 1
    middle = 128 * scale
    y = luma / top if tags.is_full else (luma / scale - 16) / 219
    span = top if tags.is_full else 224 * scale
    b = y + 2 * (1 - blue) * (cb.astype(float) - middle) / span
    r = y + 2 * (1 - red) * (cr.astype(float) - middle) / span
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.dstack([r, g, b])


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_come_back_in_every_matrix_range_and_depth(matrix: int, is_full: bool, depth: int) -> None:
    tags = ColorTags(matrix, 1, 1, is_full)
    lightness = np.tile(np.linspace(15, 90, 32, dtype=np.float32)[:, None], (1, 32))
    hue = np.linspace(0, 2 * np.pi, 32, dtype=np.float32)
    ab = np.dstack(np.broadcast_arrays(12 * np.cos(hue), 12 * np.sin(hue), lightness)[:2]).astype(np.float32)
    luma = luma_codes(lab_to_rgb(lightness, np.zeros_like(ab)).astype(float), tags, depth)
    grey = luma_to_grey(luma, depth, is_full=is_full)
    settings = {"subsampling": (1, 1), "depth": depth, "tags": tags}
    cb, cr = ab_to_chroma(ab, grey, **settings)
    rgb = decoded(luma, cb, cr, tags, depth)
    found = rgb_to_lab(np.rint(np.clip(rgb, 0, 1) * 65535).astype(np.uint16))[1]
    # luma, not L*, is what stays; that moves ab a little
    assert np.abs(found - ab).mean() < 1.2
    assert np.corrcoef(found.ravel(), ab.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (9, 8)])
@pytest.mark.parametrize(
    ("subsampling", "form"), [((2, 2), "yuv420p"), ((1, 2), "yuv422p"), ((1, 1), "yuv444p")]
)
def test_planes_have_the_size_of_the_formats(
    size: tuple[int, int], subsampling: tuple[int, int], form: str
) -> None:
    frame = VideoFrame(size[1], size[0], form)
    grey = np.full(size, 120, np.uint8)
    ab = np.full((32, 32, 2), 10, np.float32)
    settings = {"depth": 8, "tags": ColorTags(1, 1, 1, False)}
    planes = ab_to_chroma(ab, grey, subsampling=subsampling, **settings)
    for plane, samples in zip(frame.planes[1:], planes, strict=True):
        assert plane_view(plane, samples.dtype).shape == samples.shape


def test_pure_blue_of_full_range_does_not_wrap_around() -> None:
    tags, size = ColorTags(6, 1, 1, True), (32, 32)
    ab = np.dstack([np.full(size, 79, np.float32), np.full(size, -108, np.float32)])
    grey = np.full(size, 76, np.uint8)
    settings = {"subsampling": (1, 1), "depth": 8, "tags": tags}
    cb, _ = ab_to_chroma(ab, grey, **settings)
    assert cb.min() > 200


def test_grey_of_luma() -> None:
    codes = np.array([[0, 16, 126, 235, 255]], np.uint8)
    assert luma_to_grey(codes, 8, is_full=False).tolist() == [[0, 0, 128, 255, 255]]
    assert luma_to_grey(codes, 8, is_full=True).tolist() == codes.tolist()
    deep = np.array([[64, 940, 1023]], np.uint16)
    assert luma_to_grey(deep, 10, is_full=False).tolist() == [[0, 65535, 65535]]
    assert luma_to_grey(deep, 10, is_full=True)[0, 2] == 65535


@pytest.mark.parametrize(("is_full", "becomes_full"), [(False, False), (True, True), (True, False)])
def test_luma_in_more_bits_and_back(is_full: bool, becomes_full: bool) -> None:
    codes = np.arange(256, dtype=np.uint8)[None]
    deeper = convert_luma(codes, 8, 10, is_full=is_full, becomes_full=becomes_full)
    assert np.array_equal(convert_luma(deeper, 10, 8, is_full=becomes_full, becomes_full=is_full), codes)
    white = 255 if is_full else 235
    assert deeper[0, white] == (1023 if becomes_full else 940)


def test_unknown_matrix_is_refused() -> None:
    with pytest.raises(VideoError, match=r"colour matrix \(8 of"):
        check_matrix(ColorTags(8, 1, 1, False))
