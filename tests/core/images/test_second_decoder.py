"""A second library must see the lightness that is kept: a decode compared with itself shows nothing."""

import io
from typing import Any

import av
import cv2
import numpy as np
import PIL
import pytest
import pyvips
import tifffile
from PIL import Image

from colorize_gan.core.color.lab import lightness_of
from colorize_gan.core.color.pixels import as_grey
from colorize_gan.core.images.decode import decode_picture
from colorize_gan.core.images.pillow_reading import register_heif

OLD_PILLOW = int(PIL.__version__.split(".")[0]) < 13
TOLERANCE = 2.0
"""Of L*, in any pixel."""

Y, X = np.mgrid[:96, :128]
GREY: np.ndarray = (110 + 90 * np.sin(X / 15) * np.cos(Y / 11)).astype(np.uint8)
RGB: np.ndarray = np.dstack([GREY, 255 - GREY, GREY // 2 + 40])


def by_pillow(mode: str, suffix: str, **options: Any) -> bytes:
    file, rgb = io.BytesIO(), Image.fromarray(RGB)
    Image.init()
    made = rgb.convert(mode) if mode != "LA" else Image.merge("LA", [rgb.convert("L"), Image.fromarray(GREY)])
    made.save(file, Image.registered_extensions()[suffix], **options)
    return file.getvalue()


def by_tifffile(samples: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **options)
    return file.getvalue()


def by_vips(samples: np.ndarray, suffix: str, **options: Any) -> bytes:
    return pyvips.Image.new_from_array(samples).write_to_buffer(suffix, **options)


def deep(samples: np.ndarray) -> np.ndarray:
    return samples.astype(np.uint16) * 257


def with_pillow(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content))
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.uint16)
    return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))


def with_ffmpeg(content: bytes) -> np.ndarray:
    with av.open(io.BytesIO(content)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def with_tifffile(content: bytes) -> np.ndarray:
    return tifffile.imread(io.BytesIO(content))


def with_opencv(content: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels if pixels.ndim == 2 else pixels[..., 2::-1]


PILLOW = {
    f"{suffix[1:]}-{mode}": (mode, suffix, {})
    for suffix, modes in {
        ".jpg": ("L", "RGB"),
        ".png": ("1", "L", "LA", "P", "RGB", "RGBA"),
        ".tif": ("1", "L", "P", "RGB", "RGBA"),
        ".bmp": ("1", "L", "P", "RGB", "RGBA"),
        ".webp": ("L", "RGB", "RGBA"),
        ".avif": ("L", "RGB"),
    }.items()
    for mode in modes
}
PILLOW |= {
    "jpg-progressive": ("RGB", ".jpg", {"progressive": True}),
    "jpg-keeps-rgb": ("RGB", ".jpg", {"keep_rgb": True}),
    "jpg-restarts": ("RGB", ".jpg", {"restart_marker_blocks": 4}),
    "png-grey-trns": ("L", ".png", {"transparency": 40}),
    "png-rgb-trns": ("RGB", ".png", {"transparency": (40, 30, 20)}),
    "png-palette-trns": ("P", ".png", {"transparency": 3}),
    "png-palette-2-bits": ("P", ".png", {"bits": 2}),
    "webp-lossless": ("RGB", ".webp", {"lossless": True}),
    "tif-ycbcr": ("YCbCr", ".tif", {}),
    "tif-ycbcr-jpeg": ("YCbCr", ".tif", {"compression": "jpeg"}),
} | {
    f"tif-{mode}-{compression}": (mode, ".tif", {"compression": compression})
    for mode, compressions in {
        "RGB": ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd", "lzma", "jpeg"),
        "L": ("tiff_lzw", "packbits", "zstd", "jpeg"),
        "1": ("group3", "group4", "tiff_ccitt", "packbits"),
    }.items()
    for compression in compressions
}

TIFFS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "white-is-zero": (GREY, {"photometric": "miniswhite"}),
    "white-is-zero-deep": (deep(GREY), {"photometric": "miniswhite"}),
    "tiles": (RGB, {"photometric": "rgb", "tile": (32, 48)}),
    "tiles-deep": (deep(RGB), {"photometric": "rgb", "tile": (32, 48), "compression": "zlib"}),
    "big-endian": (deep(RGB), {"photometric": "rgb", "byteorder": ">"}),
    "bigtiff": (RGB, {"photometric": "rgb", "bigtiff": True}),
    "bigtiff-big-endian": (RGB, {"photometric": "rgb", "bigtiff": True, "byteorder": ">"}),
    "predictor": (deep(RGB), {"photometric": "rgb", "compression": "zlib", "predictor": True}),
    "lzma-predictor": (RGB, {"photometric": "rgb", "compression": "lzma", "predictor": True}),
    "lzma-tiles": (RGB, {"photometric": "rgb", "compression": "lzma", "tile": (32, 48)}),
    "planes": (np.moveaxis(RGB, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
    "planes-tiles": (
        np.moveaxis(RGB, -1, 0),
        {"photometric": "rgb", "planarconfig": "separate", "tile": (32, 48)},
    ),
    "planes-tiles-big-endian": (
        np.moveaxis(deep(RGB), -1, 0),
        {"photometric": "rgb", "planarconfig": "separate", "tile": (32, 48), "byteorder": ">"},
    ),
    "selections": (
        np.dstack([RGB, GREY, GREY]),
        {"photometric": "rgb", "extrasamples": ["unspecified", "unspecified"]},
    ),
}


def difference_of(content: bytes, other: np.ndarray) -> np.ndarray:
    read = decode_picture(content).pixels
    ours, other = (as_grey(each[..., :3] if each.ndim == 3 else each) for each in (read, other))
    assert ours.shape[:2] == other.shape[:2]
    return np.abs(lightness_of(ours) - lightness_of(np.ascontiguousarray(other)))


def assert_agrees(content: bytes, other: np.ndarray) -> None:
    assert difference_of(content, other).max() < TOLERANCE


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(OLD_PILLOW, reason="not read by this Pillow"))
        if name == "tif-ycbcr"
        else name
        for name in PILLOW
    ],
)
def test_pillow_sees_the_same_lightness(name: str) -> None:
    mode, suffix, options = PILLOW[name]
    content = by_pillow(mode, suffix, **options)
    assert_agrees(content, with_pillow(content))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_ffmpeg_sees_the_same_lightness_in_heic(mode: str) -> None:
    pytest.importorskip("pillow_heif")
    register_heif()
    content = by_pillow(mode, ".heic")
    assert_agrees(content, with_ffmpeg(content))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_avif_differs_only_where_colour_kept_at_half_size_changes(subsampling: str) -> None:
    """No standard says how its colour is enlarged: libvips repeats samples, Pillow interpolates them."""
    vivid = np.random.default_rng(3).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    blocks, file = np.kron(vivid, np.ones((16, 16, 1), np.uint8)), io.BytesIO()
    Image.fromarray(blocks).save(file, "AVIF", quality=100, subsampling=subsampling)
    difference = difference_of(file.getvalue(), with_pillow(file.getvalue()))
    inside = np.kron(np.ones((6, 8), bool), np.pad(np.ones((10, 10), bool), 3))
    assert difference[inside].max() < TOLERANCE
    assert difference.mean() < TOLERANCE / 2
    if subsampling == "4:4:4":
        assert difference.max() < TOLERANCE


@pytest.mark.parametrize("name", TIFFS)
def test_tifffile_sees_the_same_lightness(name: str) -> None:
    samples, options = TIFFS[name]
    content = by_tifffile(samples, **options)
    read = with_tifffile(content)
    if options.get("planarconfig") == "separate":
        read = np.moveaxis(read, 0, -1)
    if options["photometric"] == "miniswhite":
        read = ~read
    assert_agrees(content, read)


@pytest.mark.parametrize(
    ("entry", "odd"),
    [
        pytest.param("1c01 0300 0100 0000 0100", "1c01 0300 0100 0000 0200", id="planes of one sample"),
        pytest.param("1201 0300 0100 0000 0100", "1201 0700 0100 0000 0100", id="orientation as a byte"),
    ],
)
def test_odd_tags_of_tiled_grey_change_nothing(entry: str, odd: str) -> None:
    content = by_vips(GREY, ".tif", tile=True, tile_width=32, tile_height=48)
    assert content.count(bytes.fromhex(entry)) == 1
    assert_agrees(content.replace(bytes.fromhex(entry), bytes.fromhex(odd)), GREY)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("samples", [deep(GREY), deep(RGB)], ids=["grey", "rgb"])
def test_opencv_sees_the_same_lightness_in_16_bits(suffix: str, samples: np.ndarray) -> None:
    content = by_vips(samples, suffix)
    assert_agrees(content, with_opencv(content))


def cmyk_jpeg(*, is_adobe: bool) -> bytes:
    """Ink ``GREY`` of black alone; Adobe's files have its absence, and say so."""
    file = io.BytesIO()
    inks = Image.merge("CMYK", [Image.new("L", (128, 96))] * 3 + [Image.fromarray(GREY)])
    inks.save(file, "JPEG", quality=95)
    content = file.getvalue()
    adobe = content.find(b"\xff\xee")
    assert adobe > 0
    if is_adobe:
        return content
    length = int.from_bytes(content[adobe + 2 : adobe + 4], "big") + 2
    return content[:adobe] + content[adobe + length :]


def test_black_ink_of_cmyk_jpeg_darkens() -> None:
    lightness = lightness_of(decode_picture(cmyk_jpeg(is_adobe=True)).pixels)
    assert np.corrcoef(lightness.ravel(), GREY.ravel())[0, 1] < -0.95


SUBSAMPLINGS = [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2)]


def ycbcr_tiff(horizontal: int, vertical: int) -> bytes:
    """Luma ``GREY`` with neutral chroma, in units of a block of luma and one sample of each chroma."""
    blocks = GREY.reshape(96 // vertical, vertical, 128 // horizontal, horizontal).swapaxes(1, 2)
    units = blocks.reshape(*blocks.shape[:2], -1)
    neutral = np.full((*units.shape[:2], 2), 128, np.uint8)
    data = np.concatenate([units, neutral], axis=-1).tobytes()
    tags = [(256, 128), (257, 96), (258, 8), (259, 1), (262, 6), (273, 8), (277, 3), (278, 96)]
    tags += [(279, len(data)), (530, horizontal | vertical << 16)]
    body = len(tags).to_bytes(2, "little")
    for tag, value in tags:
        kind, count = (3, 2) if tag == 530 else (4, 1)
        body += tag.to_bytes(2, "little") + kind.to_bytes(2, "little")
        body += count.to_bytes(4, "little") + value.to_bytes(4, "little")
    return b"II*\0" + (8 + len(data)).to_bytes(4, "little") + data + body + bytes(4)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_luma_of_ycbcr_tiff_is_the_lightness(subsampling: tuple[int, int]) -> None:
    assert_agrees(ycbcr_tiff(*subsampling), GREY)


@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14])
@pytest.mark.parametrize("channels", [1, 3])
def test_odd_depths_of_tiff_are_scaled(bits: int, channels: int) -> None:
    levels = (np.repeat(GREY[..., None], channels, -1).astype(np.uint32) << 8) >> (16 - bits)
    digits = levels[..., None] >> np.arange(bits - 1, -1, -1) & 1
    data = np.packbits(digits.reshape(96, -1).astype(np.uint8), axis=1).tobytes()
    tags = [(256, 128), (257, 96), (258, bits), (259, 1), (262, 1 if channels == 1 else 2), (273, 8)]
    tags += [(277, channels), (278, 96), (279, len(data))]
    body = len(tags).to_bytes(2, "little")
    for tag, value in tags:
        body += tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
    content = b"II*\0" + (8 + len(data)).to_bytes(4, "little") + data + body + bytes(4)
    expected = np.round(levels[..., 0] * (65535 / ((1 << bits) - 1))).astype(np.uint16)
    assert_agrees(content, expected)
