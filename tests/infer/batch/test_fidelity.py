"""A tree of 300 files in 15 kinds, as archives hold them, and what must become of each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips
import tifffile
from click.testing import CliRunner
from PIL import Image

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.core.color.lab import LUMINANCE_WEIGHTS, lightness_of, linear_light_table
from colorize_gan.core.color.pixels import as_grey
from colorize_gan.core.images.decode import read_picture
from colorize_gan.core.images.pillow_reading import register_heif
from colorize_gan.infer import Colorizer, colorize_folder
from colorize_gan.infer.batch.work import Selection

TURNED = 6  # EXIF orientation: to be turned right by 90 degrees
COPIES = 20


@dataclass(frozen=True)
class Kind:
    """One kind of file: how to write it from grey ``(H, W)`` uint8, and what its output must be."""

    suffix: str
    write: Callable[[Path, np.ndarray], object]
    bits: int = 8
    channels: int = 3
    turned: bool = False
    tolerance: float = 0.55
    """Of L*, in one pixel: half a level of 8 bits in the shadows, more for JPEG."""


def grey16(grey: np.ndarray) -> np.ndarray:
    return grey.astype(np.uint16) * 257 + 13


def turned(grey: np.ndarray) -> dict[str, Image.Exif]:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return {"exif": exif}


def rgba(grey: np.ndarray) -> np.ndarray:
    return np.dstack([grey, grey, grey, np.arange(grey.size, dtype=np.uint8).reshape(grey.shape)])


KINDS = {
    "grey-jpeg": Kind(".jpg", lambda p, g: Image.fromarray(g).save(p, quality=95), tolerance=2.5),
    "rgb-jpeg": Kind(".jpeg", lambda p, g: Image.fromarray(g).convert("RGB").save(p), tolerance=2.5),
    "turned-jpeg": Kind(
        ".jpg", lambda p, g: Image.fromarray(g).save(p, **turned(g)), turned=True, tolerance=2.5
    ),
    "grey-png": Kind(".png", lambda p, g: Image.fromarray(g).save(p)),
    "rgba-png": Kind(".png", lambda p, g: Image.fromarray(rgba(g)).save(p), channels=4),
    "grey-alpha-png": Kind(
        ".png", lambda p, g: Image.fromarray(rgba(g)[..., 2:].copy(), "LA").save(p), channels=4
    ),
    "palette-png": Kind(".png", lambda p, g: Image.fromarray(g).convert("P").save(p)),
    "one-bit-png": Kind(".png", lambda p, g: Image.fromarray(g).convert("1").save(p)),
    "grey16-png": Kind(".png", lambda p, g: cv2.imwrite(str(p), grey16(g)), bits=16, tolerance=0.01),
    "grey16-tiff": Kind(".tif", lambda p, g: cv2.imwrite(str(p), grey16(g)), bits=16, tolerance=0.01),
    "white-is-zero-tiff": Kind(
        ".tif", lambda p, g: tifffile.imwrite(p, grey16(g), photometric="miniswhite"), bits=16, tolerance=0.01
    ),
    "grey-alpha16-tiff": Kind(
        ".tiff",
        lambda p, g: tifffile.imwrite(
            p, np.dstack([grey16(g), grey16(g)[::-1]]), photometric="minisblack", extrasamples=["unassalpha"]
        ),
        bits=16,
        channels=4,
        tolerance=0.01,
    ),
    "turned-tiff": Kind(".tif", lambda p, g: Image.fromarray(g).save(p, **turned(g)), turned=True),
    "webp": Kind(".webp", lambda p, g: Image.fromarray(g).convert("RGB").save(p, lossless=True)),
    "bmp": Kind(".bmp", lambda p, g: Image.fromarray(g).save(p)),
}


@pytest.fixture
def tree(tmp_path: Path, photo: np.ndarray) -> Path:
    """Twenty files of each kind, one folder a kind, of different odd sizes."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    for name, kind in KINDS.items():
        (tmp_path / "tree" / name).mkdir(parents=True)
        for copy in range(COPIES):
            crop = np.ascontiguousarray(
                grey[copy * 9 : copy * 9 + 41 + copy, copy * 7 : copy * 7 + 66 - copy]
            )
            kind.write(tmp_path / "tree" / name / f"{copy:02}{kind.suffix}", crop)
    return tmp_path / "tree"


def test_other_names_of_jpeg_are_read_and_other_formats_counted(
    exported: dict[str, Path], photo: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    jpeg = cv2.imencode(".jpg", photo[:40, :60])[1].tobytes()
    for name in ("a.jfif", "b.jpe", "c.jif", "d.JFIF", "e.gif", "f.jp2", "g.txt"):
        (tmp_path / "in" / name).write_bytes(jpeg)
    arguments = [tmp_path / "in", "--out", tmp_path / "out", "--model", exported["onnx"]]
    result = CliRunner().invoke(colorize_batch, [str(argument) for argument in arguments])
    assert "4 written, 0 skipped, 0 failed" in result.output
    assert "ignored 2 unsupported images (.gif: 1, .jp2: 1)" in result.output
    assert "ignored 1 non-image file (.txt: 1)" in result.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith("."))
    assert written == ["a.jfif", "b.jpe", "c.jif", "d.JFIF"]
    assert all((tmp_path / "out" / name).read_bytes().startswith(b"\xff\xd8") for name in written)


def test_every_kind_of_file_keeps_what_it_had(exported: dict[str, Path], tree: Path, tmp_path: Path) -> None:
    report, out = tmp_path / "report.json", tmp_path / "out"
    arguments = [tree, "--out", out, "--model", exported["onnx"], "--report", report, "--quiet"]
    result = CliRunner().invoke(colorize_batch, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    items = json.loads(report.read_text())["items"]
    assert len(items) == COPIES * len(KINDS) == 300
    for item in items:
        source, target = Path(item["input"]), Path(item["output"])
        kind = KINDS[source.parent.name]
        assert item["status"] == "written"
        assert target == out / source.relative_to(tree)
        before, after = read_picture(source).pixels, read_picture(target).pixels
        assert (item["bits"], item["height"], item["width"]) == (kind.bits, *after.shape[:2])
        assert after.shape == (*before.shape[:2], kind.channels)
        copy = int(source.stem)
        assert (after.shape[0] == 66 - copy) == kind.turned or 66 - copy == 41 + copy
        assert item["max_lightness_error"] <= kind.tolerance, source
        error = np.abs(lightness_of(after) - lightness_of(as_grey(before))).max()
        assert error == pytest.approx(item["max_lightness_error"], abs=1e-3)
        if kind.channels == 4:
            assert np.array_equal(after[..., 3], before[..., 3])
        with Image.open(target) as image:
            assert image.getexif().get(0x0112, 1) == 1


def test_16_bit_ramp_keeps_every_level(exported: dict[str, Path], tmp_path: Path) -> None:
    """The luminance of the output is that of the grey level, to the rounding of three 16-bit samples."""
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "ramp.png"), ramp)
    cv2.imwrite(str(tmp_path / "in" / "ramp.tif"), ramp)
    for result in colorize_folder([tmp_path / "in"], tmp_path / "out", Colorizer(exported["onnx"])):
        assert result.target is not None
        linear = linear_light_table(np.dtype(np.uint16)).astype(np.float64)
        colored = read_picture(result.target).pixels
        assert np.ptp(colored, axis=2).max() > 1000
        level = np.interp(linear[colored] @ LUMINANCE_WEIGHTS, linear, np.arange(65536))
        assert np.abs(level - ramp).max() < 1


def test_what_cannot_be_colorized_says_why(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    small = Image.fromarray(photo[:32, :32])
    small.save(folder / "animated.png", save_all=True, append_images=[small.rotate(90)])
    small.save(folder / "animated.webp", save_all=True, append_images=[small.rotate(90)])
    register_heif()
    small.save(folder / "burst.heic", save_all=True, append_images=[small.rotate(90)])
    small.save(folder / "pages.tif", save_all=True, append_images=[small.rotate(90)])
    tifffile.imwrite(folder / "float.tif", np.zeros((32, 32), np.float32))
    tifffile.imwrite(folder / "wide.tif", np.zeros((32, 32), np.uint32))
    tifffile.imwrite(folder / "spectral.tif", np.zeros((32, 32, 7), np.uint8), planarconfig="contig")
    (folder / "page.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    pyvips.Image.black(30000, 30000).write_to_file(folder / "bomb.png", compression=1)
    header = b"BM" + bytes(12) + (40).to_bytes(4, "little") + (20000).to_bytes(4, "little") * 2
    (folder / "bomb.bmp").write_bytes(header + b"\1\0\x18\0" + bytes(999))
    results = {
        r.source.name: r for r in colorize_folder([folder], tmp_path / "out", Colorizer(exported["onnx"]))
    }
    assert {result.status for result in results.values()} == {"failed"}
    expected = {
        "animated.png": "several pages or frames",
        "animated.webp": "several pages or frames",
        "burst.heic": "several pages or frames",
        "pages.tif": "several pages or frames",
        "float.tif": "float samples",
        "wide.tif": "samples of 32 bits",
        "spectral.tif": "channels",
        "page.png": "not an image",
        "bomb.bmp": "20000 x 20000 pixels: more than `max_megapixels` 200",
        "bomb.png": "30000 x 30000 pixels: more than `max_megapixels` 200",
    }
    for name, reason in expected.items():
        assert reason in results[name].reason, name


def test_damage_in_a_jpeg_is_said(exported: dict[str, Path], tmp_path: Path, photo: np.ndarray) -> None:
    content = bytearray(cv2.imencode(".jpg", photo)[1].tobytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\xff\xd9" * 100
    (tmp_path / "torn.jpg").write_bytes(content)
    [result] = colorize_folder([tmp_path / "torn.jpg"], tmp_path / "out", Colorizer(exported["onnx"]))
    assert result.status == "written"
    assert "damaged" in result.note


def test_jpeg_of_odd_sides_is_the_same_each_time(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    colorizer, grey = Colorizer(exported["onnx"]), cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    for height, width in ((33, 33), (399, 600), (400, 599), (399, 599)):
        cv2.imwrite(str(tmp_path / "odd.jpg"), grey[:height, :width])
        contents = set()
        for number in range(4):
            target = tmp_path / f"{height}x{width}-{number}"
            [result] = colorize_folder([tmp_path / "odd.jpg"], target, colorizer)
            assert (result.height, result.width) == (height, width)
            contents.add((target / "odd.jpg").read_bytes())
        assert len(contents) == 1
        with Image.open(target / "odd.jpg") as image:
            image.load()
            assert image.size == (width, height)


def test_pages_that_are_thumbnails_are_no_obstacle(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    with tifffile.TiffWriter(tmp_path / "scan.tif") as file:
        file.write(photo, photometric="rgb")
        file.write(photo[::8, ::8], photometric="rgb", subfiletype=1)
    [result] = colorize_folder([tmp_path / "scan.tif"], tmp_path / "out", Colorizer(exported["onnx"]))
    assert result.status == "written", result.reason
    assert (result.width, result.height) == (600, 400)


def test_transparency_of_heic_and_of_bmp(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    register_heif()
    Image.fromarray(rgba(photo[:64, :64, 1])).save(tmp_path / "clear.heic", quality=100)
    Image.fromarray(rgba(photo[:64, :64, 1])).save(tmp_path / "clear.png")
    colorizer = Colorizer(exported["onnx"])
    [result] = colorize_folder([tmp_path / "clear.heic"], tmp_path / "out", colorizer)
    assert result.status == "written", result.reason
    assert read_picture(tmp_path / "out" / "clear.heic").pixels.shape == (64, 64, 4)
    selection = Selection(suffix=".bmp")
    [result] = colorize_folder([tmp_path / "clear.png"], tmp_path / "out", colorizer, selection=selection)
    assert result.reason == ".bmp cannot hold its transparency; save it as PNG, TIFF or WebP"


def test_sides_and_metadata_that_jpeg_cannot_hold(exported: dict[str, Path], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "long.png"), np.zeros((9, 70_000), np.uint8))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = bytes(70_000)
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(tmp_path / "note.png", exif=exif)
    inputs, selection = [tmp_path / "long.png", tmp_path / "note.png"], Selection(suffix=".jpg")
    colorizer = Colorizer(exported["onnx"])
    long, note = colorize_folder(inputs, tmp_path / "out", colorizer, selection=selection)
    assert (long.status, note.status) == ("failed", "written")
    assert "65500 pixels" in long.reason
