"""What is too large is refused before it is read."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_gan.core.errors import ImageError, TooLargeError
from colorize_gan.core.images.decode import read_content, read_picture

LARGE = 1_500_000_000
"""Bytes of a file that takes no room on the disk."""


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> bytes:
        raise AssertionError(f"{path} is read as a whole")

    monkeypatch.setattr(Path, "read_bytes", read)


def beginning(kind: str, side: int = 100) -> bytes:
    """The first bytes of a file of a kind."""
    if kind == "BMP":
        return b"BM" + struct.pack("<LLLLllHHL", LARGE, 0, 54, 40, side, -side, 1, 24, 0) + bytes(20)
    stream = io.BytesIO()
    Image.new("L", (side, side)).save(stream, kind)
    return stream.getvalue()


def sparse(path: Path, content: bytes, size: int = LARGE) -> Path:
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(size)
    return path


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG", "WEBP", "BMP"])
def test_a_file_much_larger_than_its_picture_is_not_read(kind: str, tmp_path: Path) -> None:
    path = sparse(tmp_path / "large", beginning(kind))
    with pytest.raises(TooLargeError, match="1500 MB: more than an image of"):
        read_content(path)


@pytest.mark.usefixtures("nothing_is_read")
def test_the_limit_of_megapixels_is_one_of_bytes_too(tmp_path: Path) -> None:
    path = sparse(tmp_path / "large", b"")
    with pytest.raises(TooLargeError, match="1500 MB"):
        read_content(path, 100)


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize(("content", "reason"), [(b"", "not an image"), (b"II*\0", "TIFF directory")])
def test_a_large_file_that_is_no_image_is_not_read(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=reason):
        read_content(sparse(tmp_path / "large", content))


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
def test_too_many_pixels_of_a_large_file_are_seen_in_its_header(kind: str, tmp_path: Path) -> None:
    path = sparse(tmp_path / "large", beginning(kind, 3000), 40_000_000)
    with pytest.raises(TooLargeError, match="3000 x 3000 pixels"):
        read_content(path, 8)


def test_an_image_with_layers_beside_it_is_read(tmp_path: Path) -> None:
    side = 1000
    path = sparse(tmp_path / "layers.tif", beginning("TIFF", side), 80_000_000)
    assert read_picture(path).pixels.shape == (side, side)


def test_pixels_are_limited_without_a_word_of_the_caller(tmp_path: Path) -> None:
    header = b"BM" + struct.pack("<LLLLllHHL", 0, 0, 54, 40, 3_000_000, 2_000_000, 1, 24, 0) + bytes(20)
    (tmp_path / "large.bmp").write_bytes(header + bytes(30))
    with pytest.raises(TooLargeError):
        read_picture(tmp_path / "large.bmp")


def test_no_limit_is_nan() -> None:
    with pytest.raises(TooLargeError):
        read_content(Path(__file__), float("nan"))
    assert np.frombuffer(read_content(Path(__file__)), np.uint8).size
