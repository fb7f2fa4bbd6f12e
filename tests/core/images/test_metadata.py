import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from colorize_gan.core.images.beside_pixels import left_out
from colorize_gan.core.images.decode import Planes, decode_picture, read_picture
from colorize_gan.core.images.encode import encode, encode_planes
from colorize_gan.core.images.metadata import Metadata, read_tags
from colorize_gan.core.images.profiles import srgb_profile
from colorize_gan.core.images.resolution import resolution_in

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6" dc:title="Hof"/></x:xmpmeta>'
MAKE, SOFTWARE, ARTIST, ORIENTATION = 0x010F, 0x0131, 0x013B, 0x0112
EXIF, GPS = 0x8769, 0x8825
RESOLUTION = (0x011A, 0x011B, 0x0128)
EXPOSURE_TIME, EXPOSURE_BIAS, MAKER_NOTE, PIXEL_WIDTH = 0x829A, 0x9204, 0x927C, 0xA002


@pytest.fixture
def exif() -> bytes:
    """EXIF as a camera writes it: turned, with text that is not ASCII and directories of its own."""
    tags = Image.Exif()
    tags[MAKE], tags[ORIENTATION], tags[ARTIST] = "Leica", 6, "Jörg Löns".encode()
    tags[SOFTWARE] = "VueScan"
    own = tags.get_ifd(EXIF)
    own[EXPOSURE_TIME], own[MAKER_NOTE], own[PIXEL_WIDTH] = 0.01, b"secret", 96
    tags.get_ifd(GPS)[1] = "N"
    return tags.tobytes()


@pytest.fixture
def camera_file(tmp_path: Path, photo: np.ndarray, exif: bytes) -> Path:
    path = tmp_path / "camera.jpg"
    Image.fromarray(photo[:64, :96]).save(path, exif=exif, xmp=XMP, dpi=(300, 300))
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"])
def test_metadata_goes_from_jpeg_to_every_format(camera_file: Path, suffix: str) -> None:
    picture = read_picture(camera_file)
    target = camera_file.with_name(f"out{suffix}")
    target.write_bytes(encode(target.suffix, picture.pixels, 95, picture.metadata.made_by("colorize-gan")))
    written = read_picture(target)
    assert written.pixels.shape == (96, 64, 3)
    tags, own = written.metadata.tags, written.metadata.subdirectories
    assert tags[ARTIST][1] == "Jörg Löns".encode()
    assert tags[SOFTWARE][1] == b"VueScan; colorize-gan"
    assert tags[MAKE][1] == b"Leica"
    assert own[EXIF][EXPOSURE_TIME] == pytest.approx(0.01)
    is_kept = MAKER_NOTE in own[EXIF] and own[EXIF][MAKER_NOTE] == b"secret"
    assert is_kept != any("MakerNote" in note for note in left_out(picture.metadata, suffix))
    assert is_kept == (suffix not in (".tif", ".avif"))
    assert own[EXIF][PIXEL_WIDTH] == 64  # upright now
    assert own[GPS][1] == ("N",)
    assert written.metadata.xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"')


def test_metadata_goes_with_planes(camera_file: Path) -> None:
    picture = read_picture(camera_file)
    metadata = dataclasses.replace(picture.metadata.made_by("colorize-gan"), icc=srgb_profile())
    grey, half = np.full((96, 64), 99, np.uint8), np.full((48, 32), 128, np.uint8)
    content = encode_planes(Planes(grey, half, half, (96, 64)), 95, metadata)
    written = decode_picture(content)
    assert written.pixels.shape == (96, 64, 3)
    assert written.metadata.tags[ARTIST][1] == "Jörg Löns".encode()
    assert written.metadata.tags[SOFTWARE][1] == b"VueScan; colorize-gan"
    assert written.metadata.subdirectories[EXIF][PIXEL_WIDTH] == 64
    assert written.metadata.xmp == metadata.xmp
    assert written.metadata.icc == metadata.icc
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.5)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
def test_resolution_is_kept(camera_file: Path, suffix: str) -> None:
    picture = read_picture(camera_file)
    target = camera_file.with_name(f"out{suffix}")
    target.write_bytes(encode(target.suffix, picture.pixels, 95, picture.metadata))
    with Image.open(target) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".heic"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("dpi", [(300, 200), (254, 508)])
def test_resolution_goes_into_exif_where_a_format_has_no_other_place(
    photo: np.ndarray, kind: str, suffix: str, dpi: tuple[int, int]
) -> None:
    stream = io.BytesIO()
    Image.fromarray(photo[:16, :24]).save(stream, kind, dpi=dpi)
    picture = decode_picture(stream.getvalue())
    written = decode_picture(encode(suffix, picture.pixels, 95, picture.metadata)).metadata
    assert written.pixels_per_mm == pytest.approx([each / 25.4 for each in dpi], rel=1e-4)
    assert [written.tags[tag][1] for tag in RESOLUTION] == pytest.approx([*dpi, 2], rel=1e-4)
    again = decode_picture(encode(".jpg", picture.pixels, 95, written)).metadata
    assert again.pixels_per_mm == pytest.approx([each / 25.4 for each in dpi], rel=1e-4)


def test_a_whole_number_by_the_centimetre_stays_one(photo: np.ndarray) -> None:
    metadata = Metadata(pixels_per_mm=(10.0, 4.5))
    written = decode_picture(encode(".webp", photo[:16, :24], 95, metadata)).metadata
    assert [written.tags[tag] for tag in RESOLUTION] == [(5, 100), (5, 45), (3, 3)]
    assert written.pixels_per_mm == (10.0, 4.5)


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".heic"])
def test_resolution_in_exif_stays_what_it_was(photo: np.ndarray, suffix: str) -> None:
    tags = Image.Exif()
    for tag, value in zip(RESOLUTION, (600.0, 300.0, 2), strict=True):
        tags[tag] = value
    stream = io.BytesIO()
    Image.fromarray(photo[:16, :24]).save(stream, "JPEG", exif=tags)
    picture = decode_picture(stream.getvalue())
    written = decode_picture(encode(suffix, picture.pixels, 95, picture.metadata)).metadata
    assert [written.tags[tag][1] for tag in RESOLUTION] == [600, 300, 2]
    assert written.pixels_per_mm == pytest.approx((600 / 25.4, 300 / 25.4))


@pytest.mark.parametrize("suffix", [".webp", ".heic"])
def test_no_resolution_is_made_up(photo: np.ndarray, suffix: str) -> None:
    written = decode_picture(encode(suffix, photo[:16, :24], 95, Metadata().made_by("x"))).metadata
    assert written.pixels_per_mm is None
    assert not set(RESOLUTION) & written.tags.keys()


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {0x011A: (5, 300.0), 0x011B: (5, 300.0), 0x0128: (3, 1)},
        {0x011A: (5, 300.0)},
        {0x011A: (5, 300.0), 0x011B: (5, IFDRational(1, 0))},
        {0x011A: (5, 0.0), 0x011B: (5, 0.0)},
        {0x011A: (2, b"300"), 0x011B: (2, b"300"), 0x0128: (3, 2)},
        {0x011A: (5, 300.0), 0x011B: (5, 300.0), 0x0128: (3, (2, 3))},
    ],
)
def test_damaged_or_missing_resolution_in_exif_tells_none(tags: dict[int, tuple[int, object]]) -> None:
    assert resolution_in(tags) is None


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_tiff_tags_go_from_tiff_to_tiff_and_jpeg(tmp_path: Path, depth: type) -> None:
    import tifffile

    pixels = np.full((20, 30), np.iinfo(depth).max // 2, depth)
    extra = [(ARTIST, 2, 0, "Löns".encode(), True), (0x8298, 2, 0, b"(c) 1931", True)]
    tifffile.imwrite(
        tmp_path / "scan.tif",
        pixels,
        photometric="minisblack",
        software="SilverFast",
        metadata=None,
        extratags=extra,
    )
    picture = read_picture(tmp_path / "scan.tif")
    rgb = np.dstack([picture.pixels] * 3)
    for suffix in (".tif", ".jpg"):
        (tmp_path / f"out{suffix}").write_bytes(
            encode(suffix, rgb, 95, picture.metadata.made_by("colorize-gan"))
        )
        tags = read_picture(tmp_path / f"out{suffix}").metadata.tags
        assert tags[ARTIST][1] == "Löns".encode()
        assert tags[0x8298][1] == b"(c) 1931"
        assert tags[SOFTWARE][1] == b"SilverFast; colorize-gan"
    with Image.open(tmp_path / "out.tif") as image:  # what describes the pixels is the new file's
        assert image.tag_v2[277] == 3


def test_software_is_said_where_there_was_no_exif(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "plain.png")
    picture = read_picture(tmp_path / "plain.png")
    (tmp_path / "out.png").write_bytes(
        encode(".png", picture.pixels, 95, picture.metadata.made_by("colorize-gan"))
    )
    with Image.open(tmp_path / "out.png") as image:
        assert image.getexif()[SOFTWARE] == "colorize-gan"


def test_damaged_exif_is_left_out_and_the_picture_stays(
    tmp_path: Path, photo: np.ndarray, exif: bytes
) -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(exif)
        damaged[generator.integers(6, len(exif))] = generator.integers(256)
        tags, subdirectories = read_tags(bytes(damaged[: generator.integers(len(exif) + 1)]))
        assert isinstance(tags, dict)
        assert isinstance(subdirectories, dict)
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    (tmp_path / "odd.jpg").write_bytes(stream.getvalue())
    picture = read_picture(tmp_path / "odd.jpg")
    assert picture.pixels.shape == photo.shape
    (tmp_path / "out.jpg").write_bytes(
        encode(".jpg", picture.pixels, 95, picture.metadata.made_by("colorize-gan"))
    )


@pytest.mark.parametrize("offset", [-5, 2**31, 3])
def test_a_pointer_to_nowhere_is_left_out(offset: int) -> None:
    """SLONG, of a directory before the file, behind it, or in the middle of something else."""
    kind = 9 if offset < 2**31 else 4
    entry = (0x8769).to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little")
    entry += (offset % 2**32).to_bytes(4, "little")
    content = b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4)
    tags, subdirectories = read_tags(content)
    assert not tags
    assert not any(len(found) for found in subdirectories.values())


def test_bigtiff_tags_are_read(tmp_path: Path) -> None:
    import tifffile

    pixels = np.zeros((20, 30), np.uint8)
    tifffile.imwrite(tmp_path / "big.tif", pixels, bigtiff=True, software="SilverFast", metadata=None)
    assert read_picture(tmp_path / "big.tif").metadata.tags[SOFTWARE][1] == b"SilverFast"
