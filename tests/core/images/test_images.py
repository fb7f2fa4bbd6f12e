import io
import struct
import zlib
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import PIL
import pytest
import pyvips
import skimage.data
from PIL import Image

from colorize_gan.core.color.gamut import lab_to_image
from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.errors import ImageError
from colorize_gan.core.files.atomic import atomic_path, write_atomically
from colorize_gan.core.images import decode as images
from colorize_gan.core.images.decode import decode_picture, read_image, read_rgb8
from colorize_gan.core.images.encode import encode
from colorize_gan.core.images.metadata import Metadata

LOSSLESS = [".png", ".tif", ".tiff", ".webp", ".bmp"]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_give_the_pixels_back(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(encode(path.suffix, photo, 95, Metadata()))
    assert np.array_equal(read_image(path), photo)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_and_alpha_survive(tmp_path: Path, suffix: str) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 4), np.uint16)
    (tmp_path / f"deep{suffix}").write_bytes(encode(suffix, deep, 95, Metadata()))
    assert np.array_equal(read_image(tmp_path / f"deep{suffix}"), deep)


def test_16_bits_become_8_in_jpeg(tmp_path: Path) -> None:
    deep = np.full((16, 16, 3), 40000, np.uint16)
    (tmp_path / "deep.jpg").write_bytes(encode(".jpg", deep, 95, Metadata()))
    assert abs(int(read_image(tmp_path / "deep.jpg").mean()) - 40000 // 257) <= 1


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_keeps_the_lightness_of_a_noisy_photograph(tmp_path: Path, suffix: str) -> None:
    lightness, ab = rgb_to_lab(
        skimage.data.rocket()
    )  # sensor noise in the shadows: the worst of the examples
    rgb = lab_to_image(lightness, cv2.blur(ab, (15, 15)), np.uint8)
    (tmp_path / f"rocket{suffix}").write_bytes(encode(suffix, rgb, 95, Metadata()))
    error = np.abs(rgb_to_lab(read_image(tmp_path / f"rocket{suffix}"))[0] - rgb_to_lab(rgb)[0])
    assert error.mean() <= 0.3
    assert np.percentile(error, 99.9) <= 1.2


def test_jpeg_quality_is_honoured(tmp_path: Path, photo: np.ndarray) -> None:
    sizes = []
    for quality in (30, 80, 95, 100):
        (tmp_path / "photo.jpg").write_bytes(encode(".jpg", photo, quality, Metadata()))
        sizes.append((tmp_path / "photo.jpg").stat().st_size)
    assert sizes == sorted(sizes)
    assert sizes[-1] > 2 * sizes[0]


def test_jpeg_is_turned_upright(tmp_path: Path, photo: np.ndarray) -> None:
    jpeg = cv2.imencode(".jpg", photo)[1].tobytes()
    # an EXIF segment that holds one tag: orientation (0x112) 6, turn right
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "turned.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert read_image(tmp_path / "turned.jpg").shape == (600, 400, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_file_gives_a_reason(tmp_path: Path, photo: np.ndarray, suffix: str, share: float) -> None:
    whole = cv2.imencode(suffix, photo)[1].tobytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageError, match="empty" if share == 0 else "cannot be decoded"):
        read_image(path)


@pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="this Pillow writes no irot")
def test_damage_that_is_no_text_does_no_harm_to_the_next_file(photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(photo[:64, :64]).save(stream, "AVIF", exif=exif)
    damaged = stream.getvalue().replace(b"irot", b"ir\x80t")  # libheif quotes it
    assert damaged != stream.getvalue()
    with pytest.raises(ImageError, match="damaged"):
        decode_picture(damaged)
    assert np.array_equal(decode_picture(encode(".png", photo, 95, Metadata())).pixels, photo)


def test_half_a_photograph_is_not_taken_for_a_whole_one(tmp_path: Path, photo: np.ndarray) -> None:
    content = encode(".jpg", photo, 95, Metadata())
    (tmp_path / "half.jpg").write_bytes(content[: len(content) // 2] + b"\xff\xd9")
    assert images.read_picture(tmp_path / "half.jpg").is_damaged
    with pytest.raises(ImageError, match="damaged"):
        read_rgb8(tmp_path / "half.jpg")


def test_text_and_missing_files_give_a_reason(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a picture")
    with pytest.raises(ImageError, match="not an image"):
        read_image(tmp_path / "note.jpg")
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "gone.jpg")


@pytest.mark.parametrize(("kind", "name"), [("JPEG2000", "JPEG 2000"), ("ICO", "icon"), ("PPM", "PNM")])
def test_other_formats_under_a_wrong_name_are_refused_by_theirs(kind: str, name: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (32, 32)).save(stream, kind)
    with pytest.raises(ImageError, match=f"a {name} file"):
        decode_picture(stream.getvalue())


def test_float_tiff_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "float.tif"), np.zeros((9, 9), np.float32))
    with pytest.raises(ImageError, match="float samples"):
        read_image(tmp_path / "float.tif")


def test_a_format_that_is_not_written_here_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"\.jxl is not a format"):
        encode(".jxl", photo, 95, Metadata())


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_several_pages_or_frames_are_refused_not_cut(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"two{suffix}"
    if suffix == ".tif":
        assert cv2.imwritemulti(str(path), [photo, photo[::-1]])
    else:
        animation = cv2.Animation()
        animation.frames = [photo, photo[::-1].copy()]
        animation.durations = [100, 100]
        assert cv2.imwriteanimation(str(path), animation)
    with pytest.raises(ImageError, match="several pages or frames"):
        read_image(path)


@pytest.mark.parametrize("has_own_frame", [True, False])
def test_an_animation_of_one_frame_is_a_picture(photo: np.ndarray, has_own_frame: bool) -> None:
    """Unless the picture that is shown without animation is another one."""
    stream = io.BytesIO()
    frames = [Image.fromarray(photo[::-1])]
    Image.fromarray(photo).save(
        stream, "PNG", save_all=True, append_images=frames, default_image=not has_own_frame
    )
    content = stream.getvalue()
    start = content.index(b"acTL")
    chunk = b"acTL" + struct.pack(">LL", 1, 0)
    content = content[:start] + chunk + struct.pack(">L", zlib.crc32(chunk)) + content[start + 16 :]
    if has_own_frame:
        assert np.array_equal(decode_picture(content).pixels, photo)
    else:
        with pytest.raises(ImageError, match="several"):
            decode_picture(content)


@pytest.mark.parametrize("order", ["little", "big"])
def test_16_bit_tiff_in_which_zero_is_white(tmp_path: Path, order: Literal["little", "big"]) -> None:
    ramp = np.linspace(0, 65535, 20 * 30).astype(np.uint16).reshape(20, 30)
    # TIFF 6.0: (tag, type: 3 short or 4 long, value), one strip behind the directory
    tags = [(256, 3, 30), (257, 3, 20), (258, 3, 16), (259, 3, 1), (262, 3, 0), (273, 4, 200), (277, 3, 1)]
    tags += [(278, 3, 20), (279, 4, ramp.nbytes)]
    magic = {"little": b"II*\0", "big": b"MM\0*"}[order]
    content = magic + (8).to_bytes(4, order) + len(tags).to_bytes(2, order)
    for tag, kind, value in tags:
        size = {3: 2, 4: 4}[kind]
        content += tag.to_bytes(2, order) + kind.to_bytes(2, order) + (1).to_bytes(4, order)
        content += value.to_bytes(size, order).ljust(4, b"\0")
    strip = (65535 - ramp).astype({"little": "<u2", "big": ">u2"}[order]).tobytes()
    (tmp_path / "white.tif").write_bytes(content.ljust(200, b"\0") + strip)
    assert np.array_equal(read_image(tmp_path / "white.tif"), ramp)


def test_opaque_alpha_is_no_obstacle(tmp_path: Path, photo: np.ndarray) -> None:
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    (tmp_path / "opaque.jpg").write_bytes(encode(".jpg", opaque, 95, Metadata()))
    assert read_image(tmp_path / "opaque.jpg").shape == photo.shape


def test_longest_file_name_can_be_written(tmp_path: Path, photo: np.ndarray) -> None:
    write_atomically(tmp_path / ("n" * 251 + ".jpg"), encode(".jpg", photo, 95, Metadata()))


def test_alpha_is_not_dropped_silently(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="transparency"):
        (tmp_path / "a.jpg").write_bytes(encode(".jpg", np.zeros((9, 9, 4), np.uint8), 95, Metadata()))


def test_error_of_the_hidden_file_names_the_one_it_becomes(tmp_path: Path) -> None:
    for hides in (True, False):
        with pytest.raises(OSError, match="full") as caught, atomic_path(tmp_path / "out.png") as part:
            raise OSError(28, "full", str(part) if hides else None)
        assert caught.value.filename == str(tmp_path / "out.png")


def test_atomic_path_leaves_nothing_behind_on_failure(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.txt") as part:  # noqa: PT012
        part.write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_tiff_is_deflated_where_that_makes_it_smaller() -> None:
    grain = np.random.default_rng(0).integers(0, 65536, (200, 300, 3), np.uint16)
    smooth = np.broadcast_to(np.arange(300, dtype=np.uint16)[:, None] * 100, grain.shape)
    sizes = [len(encode(".tif", pixels, 95, Metadata())) / grain.nbytes for pixels in (grain, smooth)]
    assert 1 < sizes[0] < 1.01
    assert sizes[1] < 0.1


def test_cielab_is_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).convert("LAB").save(tmp_path / "lab.tif")
    with pytest.raises(ImageError, match="CIELAB"):
        read_image(tmp_path / "lab.tif")


def test_too_little_memory_is_not_damage(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: Any) -> None:
        raise pyvips.Error("unable to call", "out of memory -- size == 80MB")

    monkeypatch.setattr(images.jpeg, "_decoded", decoded)
    with pytest.raises(MemoryError):
        images.decode_picture(encode(".jpg", photo, 95, Metadata()))


@pytest.mark.parametrize("suffix", [".bmp", ".heic"])
def test_the_hosts_limit_of_pixels_is_not_ours(
    photo: np.ndarray, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pillow_heif")
    content = encode(suffix, photo, 95, Metadata())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode_picture(content).pixels.shape == photo.shape
