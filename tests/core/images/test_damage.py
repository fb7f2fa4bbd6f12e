"""Damaged files are refused or said to be damaged; those that all viewers open are read."""

import io
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms

from colorize_gan.core.color.lab import lightness_of
from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.decode import decode_picture
from colorize_gan.core.images.pillow_reading import register_heif

Y, X = np.mgrid[:192, :256]
GRAIN = np.random.default_rng(0).integers(0, 40, Y.shape)
GREY: np.ndarray = (110 + 60 * np.sin(X / 15) * np.cos(Y / 11) + GRAIN).astype(np.uint8)


def encoded(suffix: str, **options: Any) -> bytes:
    return pyvips.Image.new_from_array(GREY).write_to_buffer(suffix, **options)


def saved(kind: str, image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def assert_said(content: bytes) -> None:
    """Fail where a picture is read as if it were whole."""
    try:
        picture = decode_picture(content)
    except ImageError:
        return
    assert picture.is_damaged


COMPRESSIONS = ["none", "lzw", "deflate", "packbits", "jpeg"]


@pytest.mark.parametrize("tile", [True, False], ids=["tiles", "strips"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_tiff_cut_short_is_refused(compression: str, tile: bool) -> None:
    content = encoded(".tif", compression=compression, tile=tile, tile_width=64, tile_height=64)
    decode_picture(content)
    page = tifffile.TiffFile(io.BytesIO(content)).pages[0]
    assert isinstance(page, tifffile.TiffPage)
    middle = len(page.dataoffsets) // 2
    assert_said(content[: page.dataoffsets[middle] + 9])


@pytest.mark.parametrize("tile", [True, False], ids=["tiles", "strips"])
@pytest.mark.parametrize("compression", COMPRESSIONS[1:])
def test_damage_inside_a_piece_of_a_tiff_is_said(compression: str, tile: bool) -> None:
    content = encoded(".tif", compression=compression, tile=tile, tile_width=64, tile_height=64)
    page = tifffile.TiffFile(io.BytesIO(content)).pages[0]
    assert isinstance(page, tifffile.TiffPage)
    middle = len(page.dataoffsets) // 2
    offset, count = page.dataoffsets[middle], page.databytecounts[middle]
    start, length = offset + count // 3, count - count // 3
    assert_said(content[:start] + b"\x80" * length + content[start + length :])


@pytest.mark.parametrize("filler", [b"\0", b"\x55", b"\x80"])
def test_damage_inside_a_tile_of_deflated_planes_is_said(filler: bytes) -> None:
    """Some of it inflates without an error: only the checksum tells."""
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        np.stack([GREY] * 3),
        photometric="rgb",
        planarconfig="separate",
        compression="zlib",
        tile=(64, 64),
    )
    content = file.getvalue()
    page = tifffile.TiffFile(io.BytesIO(content)).pages[0]
    assert isinstance(page, tifffile.TiffPage)
    assert not decode_picture(content).is_damaged
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        start, length = offset + count // 3, count - count // 3
        assert_said(content[:start] + filler * length + content[start + length :])


def test_strip_that_is_nowhere_is_not_black() -> None:
    content = encoded(".tif", compression="deflate")
    page = tifffile.TiffFile(io.BytesIO(content)).pages[0]
    assert isinstance(page, tifffile.TiffPage)
    where = page.dataoffsets[-1].to_bytes(4, "little")
    assert content.count(where) == 1
    with pytest.raises(ImageError, match="empty"):
        decode_picture(content.replace(where, bytes(4)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_other_formats_cut_short_are_refused(kind: str, share: float) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
        register_heif()
    content = saved(kind, Image.fromarray(GREY).convert("RGB"))
    decode_picture(content)
    with pytest.raises(ImageError):
        decode_picture(content[: int(len(content) * share)])


def test_wrong_checksum_of_png_is_refused() -> None:
    content = bytearray(saved("PNG", Image.fromarray(GREY)))
    content[content.index(b"IDAT") + 2000] ^= 255
    with pytest.raises(ImageError):
        decode_picture(bytes(content))


def test_jpeg_without_its_end_is_read_and_said_damaged() -> None:
    content = saved("JPEG", Image.fromarray(GREY), quality=95)
    picture = decode_picture(content[:-2])
    assert picture.is_damaged
    assert np.array_equal(picture.pixels, decode_picture(content).pixels)


def test_jpeg_with_a_damaged_restart_interval_is_said_damaged() -> None:
    content = saved("JPEG", Image.fromarray(GREY), quality=95, restart_marker_rows=2)
    start = content.index(b"\xff\xd3") + 2
    picture = decode_picture(content[:start] + b"\x55" * 40 + content[start + 40 :])
    assert picture.is_damaged


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_progressive_jpeg_of_some_of_its_scans_is_said_damaged(mode: str, end: bytes) -> None:
    content = saved("JPEG", Image.fromarray(GREY).convert(mode), progressive=True)
    assert not decode_picture(content).is_damaged
    starts = [at for at in range(len(content)) if content.startswith(b"\xff\xda", at)]
    for start in starts[1:]:
        assert decode_picture(content[:start] + end).is_damaged


def test_stray_bytes_in_the_header_of_a_jpeg_are_passed_over() -> None:
    content = saved("JPEG", Image.fromarray(GREY), quality=95)
    tables = content.index(b"\xff\xdb")
    picture = decode_picture(content[:tables] + b"\x00stray" + content[tables:])
    assert picture.is_damaged
    assert np.array_equal(picture.pixels, decode_picture(content).pixels)


def test_unknown_transform_of_a_jpeg_is_the_usual_one() -> None:
    """Code 2 is of four components; libjpeg assumes the usual one of three."""
    content = saved("JPEG", Image.fromarray(GREY).convert("RGB"), quality=95)
    odd = content[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\2" + content[20:]
    picture = decode_picture(odd)
    assert picture.is_damaged
    assert np.array_equal(picture.pixels, decode_picture(content).pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_damaged_profile_is_ignored_and_noted(mode: str) -> None:
    profile = bytearray(pyvips.Operation.call("profile_load", "srgb"))
    profile[140:] = b"\2" * (len(profile) - 140)
    image = Image.fromarray(GREY).convert(mode)
    picture = decode_picture(saved("TIFF", image, icc_profile=bytes(profile)))
    assert any("profile" in note for note in picture.notes)
    assert np.abs(lightness_of(picture.pixels) - lightness_of(GREY)).max() < 1


@pytest.mark.parametrize("compression", ["zstd", "lzma"])
def test_damage_of_what_pillow_decodes_is_said(compression: str) -> None:
    content = saved("TIFF", Image.fromarray(GREY), compression=compression)
    middle = len(content) // 2
    assert_said(content[:middle] + b"\x80" * 4000 + content[middle + 4000 :])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("profile", ["none at all", "of CMYK", "of Lab"])
def test_profile_of_something_else_is_ignored_and_noted(kind: str, profile: str) -> None:
    profiles = {
        "none at all": b"x" * 400,
        "of CMYK": pyvips.Operation.call("profile_load", "cmyk"),
        "of Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    }
    image = Image.fromarray(np.dstack([GREY] * 3))
    picture = decode_picture(saved(kind, image, icc_profile=profiles[profile], quality=100))
    assert any("profile" in note for note in picture.notes)
    assert np.abs(lightness_of(picture.pixels) - lightness_of(GREY)).max() < 3


MARKED = {3: "lossless JPEG", 0: "JPEG of 12 bits"}


@pytest.mark.parametrize("process", MARKED)
def test_jpeg_of_other_processes_is_refused_by_name(process: int) -> None:
    content = bytearray(saved("JPEG", Image.fromarray(GREY)))
    frame = content.index(b"\xff\xc0")
    content[frame + 1] = 0xC0 + process
    content[frame + 4] = 8 if process else 12
    with pytest.raises(ImageError, match=MARKED[process]):
        decode_picture(bytes(content))


def test_old_style_jpeg_in_tiles_is_refused_by_name() -> None:
    content = encoded(".tif", compression="jpeg", tile=True, tile_width=64, tile_height=64)
    entry = content.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x07\x00")
    with pytest.raises(ImageError, match="old-style JPEG"):
        decode_picture(content[: entry + 8] + b"\6" + content[entry + 9 :])


def test_16_bit_cielab_is_refused_by_name() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((64, 96, 3), np.uint16), photometric="cielab")
    with pytest.raises(ImageError, match="CIELAB"):
        decode_picture(file.getvalue())


@pytest.mark.parametrize("tag", [(529, "2I", 3, (1, 0, 1, 0, 1, 0), True), (532, "2I", 6, (9, 1) * 6, True)])
def test_ycbcr_that_means_nothing_is_refused(tag: tuple[Any, ...]) -> None:
    file = io.BytesIO()
    samples = np.dstack([GREY, np.full((*GREY.shape, 2), 128, np.uint8)])
    tifffile.imwrite(file, samples, photometric="ycbcr", compression=None, extratags=[tag])
    with pytest.raises(ImageError, match="YCbCr"):
        decode_picture(file.getvalue())


def test_saved_selections_are_left_out_and_noted() -> None:
    file = io.BytesIO()
    samples = np.dstack([GREY] * 5)
    tifffile.imwrite(file, samples, photometric="rgb", extrasamples=["unspecified"] * 2)
    picture = decode_picture(file.getvalue())
    assert picture.pixels.shape == (192, 256, 3)
    assert any("channels" in note for note in picture.notes)


def test_gain_map_of_a_jpeg_is_left_out_and_noted() -> None:
    linear = np.repeat((X / 256).astype(np.float32)[..., None], 3, 2) * 2
    image = pyvips.Image.new_from_array(linear).copy(interpretation="scrgb")
    picture = decode_picture(image.uhdrsave_buffer())
    assert picture.pixels.shape == (192, 256, 3)
    assert any("gain map" in note for note in picture.notes)


def test_second_view_of_a_stereo_camera_is_left_out_and_noted() -> None:
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "MPO", save_all=True, append_images=[Image.fromarray(GREY)])
    preview = file.getvalue()
    assert not decode_picture(preview).notes
    second_entry = preview.index(b"MPF\0") + 4 + 50 + 16
    stereo = preview[:second_entry] + (0x20002).to_bytes(4, "little") + preview[second_entry + 4 :]
    assert any("stereo" in note for note in decode_picture(stereo).notes)


def test_strip_above_50_megabytes_is_read() -> None:
    samples = np.full((5100, 5200), 30_000, np.uint16)
    file = io.BytesIO()
    options: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 0}}
    tifffile.imwrite(file, samples, photometric="minisblack", rowsperstrip=5100, **options)
    assert decode_picture(file.getvalue()).pixels.shape == (5100, 5200)


def test_deflated_strip_of_much_more_than_its_bytes_is_whole() -> None:
    file = io.BytesIO()
    samples = np.zeros((5000, 5000), np.uint8)
    tifffile.imwrite(file, samples, photometric="minisblack", compression="zlib", rowsperstrip=5000)
    assert not decode_picture(file.getvalue()).is_damaged


@pytest.mark.parametrize(
    ("kind", "sign"), [("HEIF", "urn:com:apple:photo:2020:aux:hdrgainmap"), ("AVIF", "")]
)
def test_gain_map_of_a_container_is_left_out_and_noted(kind: str, sign: str) -> None:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif")
        register_heif()
    content = saved(kind, Image.fromarray(np.dstack([GREY] * 3)), quality=95)
    assert not decode_picture(content).notes
    # an auxiliary picture is called so in a box, and a brand says it where the map is ISO's
    content = (
        content + b"\0\0\0\x40free" + sign.encode().ljust(56)
        if sign
        else content.replace(b"miaf", b"tmap", 1)
    )
    assert any("gain map" in note for note in decode_picture(content).notes)
