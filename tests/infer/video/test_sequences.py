"""Sequences of images: in and out, to and from films, resumed, refused."""

import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.video import colorize_video
from colorize_gan.core.errors import UsageError
from colorize_gan.core.images.decode import read_picture
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.planes import plane_view
from colorize_gan.infer.video.stills.dpx import VIDEO, Dpx, encode_dpx
from colorize_gan.infer.video.stills.sequence import Stills
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, frames_of, pan, times_of
from .test_streams import run, written

Make = Callable[..., Path]
FEW = tuple(range(0, 5 * STEP, STEP))
SIZE = (96, 128)
FIRST = 86400


@pytest.fixture
def shots(photo: np.ndarray) -> list[np.ndarray]:
    """Five grey frames of a camera that pans, uint8 ``(H, W)``."""
    return pan(photo, SIZE, 5)


def write_sequence(folder: Path, name: str, shots: list[np.ndarray], bits: int) -> Path:
    """Write images that have all their bits; return their pattern."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    for number, shot in enumerate(shots, FIRST):
        dtype = np.uint8 if bits == 8 else np.uint16
        deep = (shot.astype(dtype) << (bits - 8)) | noise.integers(0, 1 << (bits - 8), shot.shape, dtype)
        path = folder / (name % number)
        if path.suffix == ".dpx":
            path.write_bytes(encode_dpx(np.stack([deep] * 3, axis=-1), bits, b"", "a scanner", VIDEO))
        else:
            cv2.imwrite(str(path), deep)
    return folder / name


def samples(path: Path) -> np.ndarray:
    """Return the codes of a grey image, read by another library than the product's where there is one."""
    if path.suffix == ".dpx":
        return Dpx.decode(path.read_bytes()).pixels[..., 1]
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize(
    ("name", "bits"), [("a%d.png", 8), ("scan_%06d.tif", 16), ("s.%07d.dpx", 10), ("s.%07d.dpx", 12)]
)
def test_film_has_the_luma_of_its_images(
    name: str, bits: int, shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path
) -> None:
    pattern = write_sequence(tmp_path / "in", name, shots, bits)
    result = written(pattern, tmp_path / "out.mkv", colorizer, codec="ffv1", fps=Fraction(16), measure=True)
    assert (result.bits, result.video["luma"]["max_error"]) == (bits, 0)
    frames = frames_of(tmp_path / "out.mkv")
    images = sorted((tmp_path / "in").iterdir())
    for frame, image in zip(frames, images, strict=True):
        codes = plane_view(frame.planes[0], np.dtype(np.uint8 if bits == 8 else np.uint16))
        assert np.array_equal(codes, samples(image))
    assert np.ptp(frames[2].to_ndarray(format="rgb24").astype(int), axis=2).mean() > 4


def test_rate_is_exact(shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.png", shots, 8)
    rate = Fraction(24000, 1001)
    written(pattern, tmp_path / "out.mp4", colorizer, fps=rate)
    assert times_of(tmp_path / "out.mp4") == [number / rate for number in range(5)]


@pytest.mark.parametrize(
    ("name", "bits", "error"), [("a%d.png", 8, 0.6), ("scan_%06d.tif", 16, 0.005), ("s%06d.dpx", 10, 0.12)]
)
def test_images_keep_name_depth_and_lightness(
    name: str, bits: int, error: float, shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path
) -> None:
    pattern = write_sequence(tmp_path / "in", name, shots, bits)
    result = written(pattern, tmp_path / "out" / name, colorizer, measure=True)
    assert (result.bits, result.video["frames"]) == (bits, 5)
    assert result.max_lightness_error is not None
    assert result.max_lightness_error < error
    before, after = (sorted(path.name for path in (tmp_path / sub).glob("[!.]*")) for sub in ("in", "out"))
    assert before == after == [name % number for number in range(FIRST, FIRST + 5)]
    assert sorted((tmp_path / "out").iterdir()) == sorted((tmp_path / "out").glob("[!.]*"))


def test_images_keep_their_metadata(shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.dpx", shots, 10)
    for path in (tmp_path / "in").iterdir():
        content = bytearray(path.read_bytes())
        content[1920:1924] = b"\x01\x02\x03\x04"  # time code
        content[1556:1563] = b"Scanity"
        path.write_bytes(content)
    written(pattern, tmp_path / "out" / "a%d.dpx", colorizer)
    dpx = Dpx.decode((tmp_path / "out" / f"a{FIRST}.dpx").read_bytes())
    assert (dpx.header[1920:1924], dpx.header[1556:1563]) == (b"\x01\x02\x03\x04", b"Scanity")
    assert b"colours made by machine" in dpx.header[160:260]
    write_sequence(tmp_path / "tiff", "a%d.tif", shots, 16)
    written(tmp_path / "tiff" / "a%d.tif", tmp_path / "made" / "a%d.tif", colorizer)
    software = read_picture(tmp_path / "made" / f"a{FIRST}.tif").metadata.tags[305][1]
    assert b"colours made by machine" in software


@pytest.mark.parametrize("rotation", [0, 90])
def test_film_becomes_images(rotation: int, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(times=FEW, rotation=rotation)
    result = written(clip, tmp_path / "out" / "f_%03d.png", colorizer, measure=True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"f_00{number}.png" for number in range(1, 6)]
    image = cv2.imread(str(tmp_path / "out" / "f_003.png"))
    assert image.shape == ((128, 96, 3) if rotation else (96, 128, 3))
    assert result.max_lightness_error is not None
    assert result.max_lightness_error < 0.6
    again = run(clip, tmp_path / "out" / "f_%03d.png", colorizer)
    assert (again.status, again.reason) == ("skipped", "the output exists")


def test_deep_film_becomes_dpx(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", codec="ffv1", options={}, pixel_format="yuv420p10le", times=FEW)
    assert written(clip, tmp_path / "out" / "%04d.dpx", colorizer).bits == 10
    assert Dpx.decode((tmp_path / "out" / "0001.dpx").read_bytes()).depth == 10


def _run_until(count: int, pattern: Path, target: Path, colorizer: Colorizer) -> ItemResult:
    stop = threading.Event()

    def on_frame(path: Path, done: int, total: int) -> None:
        if done >= count:
            stop.set()

    [result] = colorize_videos(
        [WorkItem(pattern, target)], colorizer, VideoOptions(), stop=stop, on_frame=on_frame
    )
    return result


def test_stopped_sequence_goes_on_with_the_next_image(
    photo: np.ndarray, colorizer: Colorizer, tmp_path: Path
) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.tif", pan(photo, SIZE, 30), 16)
    written(pattern, tmp_path / "whole" / "a%d.tif", colorizer)
    target = tmp_path / "out" / "a%d.tif"
    for count in (7, 19):
        assert _run_until(count, pattern, target, colorizer).reason.startswith("interrupted")
        assert len(list((tmp_path / "out").glob("a*.tif"))) == count
    first = (tmp_path / "out" / f"a{FIRST}.tif").stat().st_mtime_ns
    written(pattern, target, colorizer)
    assert (tmp_path / "out" / f"a{FIRST}.tif").stat().st_mtime_ns == first
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 30


def test_work_of_other_settings_is_not_mixed(photo: np.ndarray, colorizer: Colorizer, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.png", pan(photo, SIZE, 12), 8)
    target = tmp_path / "out" / "a%d.png"
    _run_until(4, pattern, target, colorizer)
    refused = run(pattern, target, colorizer, keyframes=2)
    assert "an earlier run began it with another keyframes" in refused.reason
    written(pattern, target, colorizer, keyframes=2, on_exists="overwrite")


def test_images_that_are_there(shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.png", shots, 8)
    target = tmp_path / "out" / "a%d.png"
    written(pattern, target, colorizer)
    assert run(pattern, target, colorizer).status == "skipped"
    assert run(pattern, target, colorizer, on_exists="error").reason.endswith(f"a{FIRST}.png exists")
    (tmp_path / "out" / f"a{FIRST}.png").unlink()
    reason = "4 of its 5 images exist; `on_exists` overwrite replaces them"
    assert run(pattern, target, colorizer).reason == reason
    written(pattern, target, colorizer, on_exists="overwrite")


def test_an_image_in_the_place_of_another_is_a_change(tmp_path: Path) -> None:
    for number in range(3):
        path = tmp_path / f"scan_{number}.bmp"
        path.write_bytes(b"BM" + bytes(60))
        os.utime(path, ns=(number, number))
    stills = Stills.find(tmp_path / "scan_%d.bmp")
    before = stills.version()
    assert stills.version() == before
    (tmp_path / "scan_0.bmp").rename(tmp_path / "other.bmp")
    (tmp_path / "scan_1.bmp").rename(tmp_path / "scan_0.bmp")
    (tmp_path / "other.bmp").rename(tmp_path / "scan_1.bmp")
    assert stills.version() != before


def test_holes_are_named(shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.png", [*shots, *shots], 8)
    for number in (2, 3, 4, 7):
        (tmp_path / "in" / f"a{FIRST + number}.png").unlink()
    result = run(pattern, tmp_path / "out.mkv", colorizer, fps=Fraction(24))
    assert result.reason == "4 images are missing: a86402.png to a86404.png, a86407.png"


def test_images_that_are_not_alike(shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.png", shots, 8)
    third = tmp_path / "in" / f"a{FIRST + 2}.png"
    for image, kind in (
        (shots[0][:-2], "128 x 94 pixels of 8 bits"),
        (shots[0].astype(np.uint16), "128 x 96 pixels of 16 bits"),
    ):
        cv2.imwrite(str(third), image)
        result = run(pattern, tmp_path / "out" / "a%d.png", colorizer)
        assert result.reason == (
            f"a86402.png is of {kind}, a86400.png of 128 x 96 pixels of 8 bits; they have to be alike"
        )
        assert not list((tmp_path / "out").glob("*.png"))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (1, "its transfer is logarithmic; set `transfer` to log, or to video to read it as it is"),
        (3, "its transfer is logarithmic; set `transfer` to log, or to video to read it as it is"),
        (2, "it is of linear light; set `transfer` to linear, or to video to read it as it is"),
    ],
)
def test_transfer_of_film_is_refused_by_name(
    code: int, says: str, shots: list[np.ndarray], colorizer: Colorizer, tmp_path: Path
) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.dpx", shots, 10)
    first = tmp_path / "in" / f"a{FIRST}.dpx"
    content = bytearray(first.read_bytes())
    content[801] = code
    first.write_bytes(content)
    assert run(pattern, tmp_path / "out" / "a%d.dpx", colorizer).reason == f"a86400.dpx: {says}"
    written(pattern, tmp_path / "out" / "a%d.dpx", colorizer, transfer="video")
    assert Dpx.decode((tmp_path / "out" / first.name).read_bytes()).transfer == code


def test_densities_become_light(colorizer: Colorizer, tmp_path: Path) -> None:
    codes = np.repeat(np.array([95, 445, 685, 900], np.uint16), 32)[None].repeat(96, axis=0)
    (tmp_path / "in").mkdir()
    for number in range(2):
        content = encode_dpx(np.stack([codes] * 3, axis=-1), 10, b"", "", 3)
        (tmp_path / "in" / f"a{number}.dpx").write_bytes(content)
    written(
        tmp_path / "in" / "a%d.dpx", tmp_path / "out" / "a%d.dpx", colorizer, transfer="log", measure=True
    )
    made = Dpx.decode((tmp_path / "out" / "a0.dpx").read_bytes())
    light = 10 ** ((445 - 685) * 0.002 / 0.6)
    black = 10 ** ((95 - 685) * 0.002 / 0.6)
    grey = 1.055 * ((light - black) / (1 - black)) ** (1 / 2.4) - 0.055
    luma = made.pixels[48, [10, 48, 80, 110]] @ [0.2126, 0.7152, 0.0722] / ((1 << made.depth) - 1)
    assert np.allclose(luma[[0, 2, 3]], [0, 1, 1], atol=0.002)
    assert abs(luma[1] - grey) < 0.03
    assert made.transfer == VIDEO


@pytest.mark.parametrize("width", [64, 65, 66, 67])
@pytest.mark.parametrize(("depth", "channels"), [(8, 3), (8, 4), (10, 3), (12, 3), (16, 3), (16, 4)])
def test_ffmpeg_reads_the_dpx_that_is_written(depth: int, channels: int, width: int) -> None:
    dtype = np.uint8 if depth == 8 else np.uint16
    pixels = np.random.default_rng(0).integers(0, 1 << depth, (48, width, channels), dtype)
    content = encode_dpx(pixels, depth, b"", "a test", VIDEO)
    made = Dpx.decode(content)
    assert (made.depth, made.transfer) == (depth, VIDEO)
    assert np.array_equal(made.pixels, pixels)
    again = encode_dpx(pixels, depth, made.header, "a test", VIDEO)
    assert again == content


def test_damaged_image_has_the_colours_before(
    photo: np.ndarray, colorizer: Colorizer, tmp_path: Path
) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.jpg", pan(photo, SIZE, 6), 8)
    third = tmp_path / "in" / f"a{FIRST + 3}.jpg"
    third.write_bytes(third.read_bytes()[:-2])
    result = written(pattern, tmp_path / "out" / "a%d.jpg", colorizer)
    assert result.video["hold"] == 1
    assert "damaged" in result.note


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_video, [*map(str, arguments), "--render-size", "64"])


def test_folder_is_a_sequence_by_its_rate(shots: list[np.ndarray], tmp_path: Path) -> None:
    write_sequence(tmp_path / "in", "a%06d.png", shots, 8)
    result = command(tmp_path / "in", "--fps", "18", "--out", tmp_path / "out.mkv", "--codec", "ffv1")
    assert result.exit_code == 0, result.output
    assert len(frames_of(tmp_path / "out.mkv")) == 5
    assert command(tmp_path / "in", "--fps", "18", "--out", tmp_path / "out").exit_code == 0
    assert len(list((tmp_path / "out").glob("a08640?.png"))) == 5


def test_wrong_usage_of_sequences(shots: list[np.ndarray], make: Make, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "in", "a%06d.png", shots, 8)
    for arguments, code, says in (
        ((pattern, "--out", tmp_path / "out.mkv"), 2, "a sequence tells no rate"),
        ((pattern, "--out", pattern), 2, "is the input itself"),
        ((pattern, "--out", tmp_path / "in"), 2, "is the input itself"),
        ((pattern, "--out", tmp_path / "out.avi"), 2, "a sequence becomes a folder"),
        ((pattern, "--out", tmp_path / "out", "--compare"), 2, "is for films"),
        ((pattern, "--out", tmp_path / "out", "--fps", "0"), 2, "invalid rate '0'"),
        ((make(), "--out", tmp_path / "out.mkv", "--fps", "24"), 2, "are for sequences"),
        ((tmp_path / "no_%d.png", "--out", tmp_path / "out"), 3, "no image has such a name"),
        ((tmp_path, "--fps", "24", "--out", tmp_path / "out"), 3, "no numbered images are in it"),
    ):
        result = command(*arguments)
        assert (result.exit_code, says in result.stderr) == (code, True), result.output


def test_rate_of_a_film_is_its_own(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(make(times=FEW), tmp_path / "out.mkv", colorizer, transfer="log")
