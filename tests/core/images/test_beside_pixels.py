import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import MAX_TEXT_CHUNK, PngInfo

from colorize_gan.core.images.beside_pixels import iptc_records, left_out
from colorize_gan.core.images.decode import decode_picture
from colorize_gan.core.images.encode import encode
from colorize_gan.core.images.metadata import Metadata, place_of_note, read_tags

GREY = np.full((24, 32), 99, np.uint8)
RGB = np.dstack([GREY] * 3)
EXIF, MAKER_NOTE, USER_COMMENT = 0x8769, 0x927C, 0x9286
DESCRIPTION, ARTIST, COPYRIGHT, DATE, ORIENTATION = 0x010E, 0x013B, 0x8298, 0x0132, 0x0112
IPTC = b"\x1c\x02\x78\0\x04Mill"


def saved(kind: str, pixels: np.ndarray = GREY, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def block(order: str, at: int, note: bytes, orientation: int = 1) -> bytes:
    """An EXIF block with a camera's note at a place."""
    code = "<" if order == "II" else ">"
    word = struct.pack(f"{code}HHLHH", ORIENTATION, 3, 1, orientation, 0)
    pointer = struct.pack(f"{code}HHLL", EXIF, 4, 1, 38)
    entry = struct.pack(f"{code}HHLL", MAKER_NOTE, 7, len(note), at)
    content = order.encode() + struct.pack(f"{code}HLH", 42, 8, 2) + word + pointer + bytes(4)
    content += struct.pack(f"{code}H", 1) + entry + bytes(4)
    return content + bytes(at - len(content)) + note


def exif_of(content: bytes) -> bytes:
    """The block as it is in a file."""
    if content.startswith(b"\xff\xd8"):
        start = content.index(b"Exif\0\0") + 6
        return content[start:]
    start = content.index(b"eXIf" if content.startswith(b"\x89PNG") else b"EXIF")
    return content[start + (4 if content.startswith(b"\x89PNG") else 8) :]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("order", ["II", "MM"])
def test_the_notes_of_a_camera_stay_where_they_were(suffix: str, order: str) -> None:
    """Their offsets count from the beginning of the block, in its byte order."""
    note = b"\x01\0secret of Canon"
    content = saved("JPEG", exif=b"Exif\0\0" + block(order, 700, note))
    metadata = decode_picture(content).metadata.made_by("colorize-gan")
    written = exif_of(encode(suffix, RGB, 95, metadata))
    assert place_of_note(written) == (order.encode(), 700)
    assert written[700 : 700 + len(note)] == note
    tags, own = read_tags(written)
    assert tags[0x0131][1] == b"colorize-gan"
    assert own[EXIF][MAKER_NOTE] == note
    assert not left_out(metadata, suffix)


@pytest.mark.parametrize(("note", "is_kept"), [(b"\x01\0Canon", False), (b"Nikon\0\x02\x10\0\0", True)])
def test_where_they_cannot_stay_only_those_that_can_move_are_kept(note: bytes, is_kept: bool) -> None:
    metadata = decode_picture(saved("JPEG", exif=b"Exif\0\0" + block("II", 700, note))).metadata
    written = decode_picture(encode(".tiff", RGB, 95, metadata)).metadata
    assert (written.subdirectories.get(EXIF, {}).get(MAKER_NOTE) == note) == is_kept
    assert any("MakerNote" in said for said in left_out(metadata, ".tiff")) != is_kept


def test_exif_of_webp_begins_with_its_header() -> None:
    content = encode(".webp", RGB, 95, Metadata().made_by("colorize-gan"))
    assert exif_of(content).startswith(b"II*\0")
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    with Image.open(io.BytesIO(content)) as image:
        assert image.getexif()[0x0131] == "colorize-gan"


@pytest.fixture
def texts() -> bytes:
    info = PngInfo()
    info.add_text("Title", "The old mill")
    info.add_text("Description", "Seen from the bridge, 1921", zip=True)
    info.add_text("Author", "J\u00f6rg")  # latin-1
    info.add_itxt("Copyright", "\u7530\u4e2d", "ja", "")
    info.add_text("Comment", "\u0141\u00f3d\u017a")
    return saved("PNG", pnginfo=info)


def test_texts_of_a_png_stay_in_a_png(texts: bytes) -> None:
    metadata = decode_picture(texts).metadata.made_by("colorize-gan")
    with Image.open(io.BytesIO(encode(".png", RGB, 95, metadata))) as image:
        assert image.text == {
            "Title": "The old mill",
            "Description": "Seen from the bridge, 1921",
            "Author": "J\u00f6rg",
            "Copyright": "\u7530\u4e2d",
            "Comment": "\u0141\u00f3d\u017a",
        }
        assert image.text["Copyright"].lang == "ja"
        assert image.getexif()[0x0131] == "colorize-gan"


@pytest.mark.parametrize("suffix", [".jpg", ".tiff", ".webp"])
def test_texts_of_a_png_become_tags_elsewhere(texts: bytes, suffix: str) -> None:
    written = decode_picture(encode(suffix, RGB, 95, decode_picture(texts).metadata)).metadata
    assert written.tags[DESCRIPTION][1] == b"Seen from the bridge, 1921"
    assert written.tags[0x010D][1] == b"The old mill"
    assert written.tags[ARTIST][1] == "J\u00f6rg".encode()
    assert written.tags[COPYRIGHT][1] == "\u7530\u4e2d".encode()
    comment = written.subdirectories[EXIF][USER_COMMENT]
    assert comment == b"UNICODE\0" + "\u0141\u00f3d\u017a".encode("utf-16-le")


def test_what_made_a_png_is_said_before_what_coloured_it() -> None:
    info = PngInfo()
    info.add_text("Software", "GIMP")
    metadata = decode_picture(saved("PNG", pnginfo=info)).metadata.made_by("colorize-gan")
    assert decode_picture(encode(".jpg", RGB, 95, metadata)).metadata.tags[0x0131][1] == b"GIMP; colorize-gan"


def test_bigtiff_has_no_place_for_notes() -> None:
    assert place_of_note(b"II+\0\x08\0\0\0" + bytes(99)) == (b"II", 0)


def raw_profile(name: str, profile: bytes) -> PngInfo:
    digits = profile.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    info = PngInfo()
    info.add_text(f"Raw profile type {name}", f"\n{name}\n{len(profile):8}\n{lines}\n", zip=True)
    return info


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_exif_in_a_raw_profile_is_read_and_turns(name: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[DATE] = 6, "1921:06:01 12:00:00"
    gradient = np.add.outer(np.arange(24), np.arange(32)).astype(np.uint8)
    info = raw_profile(name, b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"))
    picture = decode_picture(saved("PNG", gradient, pnginfo=info))
    assert np.array_equal(picture.pixels, np.rot90(gradient, -1))
    assert picture.metadata.tags[DATE][1] == b"1921:06:01 12:00:00"
    assert not picture.metadata.texts


def test_iptc_and_xmp_in_raw_profiles_are_read() -> None:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(IPTC)) + IPTC
    assert decode_picture(saved("PNG", pnginfo=raw_profile("iptc", resource))).metadata.iptc == IPTC
    assert decode_picture(saved("PNG", pnginfo=raw_profile("iptc", IPTC))).metadata.iptc == IPTC
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    for name, profile in (("xmp", packet), ("APP1", b"http://ns.adobe.com/xap/1.0/\0" + packet)):
        assert decode_picture(saved("PNG", pnginfo=raw_profile(name, profile))).metadata.xmp == packet


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_iptc_goes_on(suffix: str) -> None:
    metadata = Metadata(iptc=IPTC)
    assert decode_picture(encode(suffix, RGB, 95, metadata)).metadata.iptc == IPTC
    assert decode_picture(encode(".tiff", RGB, 95, metadata)).metadata.tags[0x83BB][1] == IPTC
    assert "IPTC" in left_out(metadata, ".webp")[0]


def with_chunk(png: bytes, chunk: bytes) -> bytes:
    """Return a PNG with one more chunk, given by its kind and its content."""
    added = struct.pack(">L", len(chunk) - 4) + chunk + struct.pack(">L", zlib.crc32(chunk))
    return png[:33] + added + png[33:]


@pytest.mark.parametrize(
    "key",
    [b"", b"k" * 80, b" key", b"key ", b"a  key", b"a\x85key", b"a\xa0key", b"a\x7fkey", b"a\nkey"],
)
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_texts_whose_keys_break_the_standard_are_left_out(kind: bytes, key: bytes) -> None:
    text = {b"tEXt": b"\0text", b"zTXt": b"\0\0" + zlib.compress(b"text"), b"iTXt": bytes(5) + b"text"}[kind]
    assert not decode_picture(with_chunk(saved("PNG"), kind + key + text)).metadata.texts
    for good in (b"k", b"k" * 79, "Größe der Seite".encode("latin-1")):
        metadata = decode_picture(with_chunk(saved("PNG"), kind + good + text)).metadata
        assert metadata.texts == [(good.decode("latin-1"), "text")]


@pytest.mark.parametrize(
    "chunk",
    [b"tEXtKey\0a\0b", b"zTXtKey\0\0" + zlib.compress(b"a\0b"), b"iTXtKey" + bytes(5) + b"a\0b"],
)
def test_texts_with_a_zero_byte_are_left_out(chunk: bytes) -> None:
    assert not decode_picture(with_chunk(saved("PNG"), chunk)).metadata.texts


@pytest.mark.parametrize(("size", "is_kept"), [(MAX_TEXT_CHUNK - 1, True), (MAX_TEXT_CHUNK, False)])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_texts_are_kept_that_pillow_can_open(kind: bytes, size: int, is_kept: bool) -> None:
    text = b"t" * size
    chunk = kind + b"Key\0"
    chunk += {b"tEXt": text, b"zTXt": b"\0" + zlib.compress(text), b"iTXt": bytes(4) + text}[kind]
    metadata = decode_picture(with_chunk(saved("PNG"), chunk)).metadata
    with Image.open(io.BytesIO(encode(".png", RGB, 95, metadata))) as image:
        assert ("Key" in image.text) == is_kept


def test_a_long_iptc_leaves_a_png_that_pillow_can_open() -> None:
    metadata = Metadata(iptc=IPTC + bytes(MAX_TEXT_CHUNK // 2))
    with Image.open(io.BytesIO(encode(".png", RGB, 95, metadata))) as image:
        image.load()
        assert "Raw profile type iptc" in image.text


def test_damaged_texts_are_left_out() -> None:
    png = saved("PNG")
    bomb = b"zTXtBomb\0\0" + zlib.compress(bytes(65_000_000))
    for chunk in (bomb, b"iTXtKey\0\0", b"iTXtKey\0\0\0\0\0\xff", b"zTXtKey\0\0nothing"):
        assert not decode_picture(with_chunk(png, chunk)).metadata.texts
    odd = raw_profile("exif", b"")
    odd.add_text("Raw profile type iptc", "\niptc\n 9\nno digits")
    assert decode_picture(saved("PNG", pnginfo=odd)).pixels.shape == GREY.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("form", ['tiff:Orientation="6"', "<tiff:Orientation>6</tiff:Orientation>"])
def test_orientation_that_only_xmp_tells_is_that_of_the_pixels(kind: str, form: str, tmp_path: Path) -> None:
    gradient = np.add.outer(np.arange(24), np.arange(32)).astype(np.uint8)
    pixels = np.dstack([gradient] * 3)
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" {form}/>'.encode()
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.decode())
        content = saved(kind, pixels, pnginfo=info)
    elif kind == "TIFF":
        content = saved(kind, pixels, tiffinfo={700: xmp})
    else:
        content = saved(kind, pixels, xmp=xmp, **({"lossless": True} if kind == "WEBP" else {"quality": 100}))
    picture = decode_picture(content)
    assert picture.pixels.shape[:2] == (32, 24)
    assert np.abs(picture.pixels[..., 0].astype(int) - np.rot90(gradient, -1)).max() <= 2
    assert b"6" not in picture.metadata.xmp


def test_exif_comes_before_xmp() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 1
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    assert decode_picture(saved("JPEG", exif=exif, xmp=xmp)).pixels.shape == GREY.shape


def test_where_an_aerial_photograph_lies_stays_in_tiff() -> None:
    geo = {33550: (0.5, 0.5, 0.0), 33922: (0.0,) * 6, 34735: (1, 1, 0, 1), 34737: "WGS 84|"}
    metadata = decode_picture(saved("TIFF", tiffinfo=geo)).metadata
    with Image.open(io.BytesIO(encode(".tiff", RGB, 95, metadata))) as image:
        assert {tag: image.tag_v2[tag] for tag in geo} == geo


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff"])
@pytest.mark.parametrize("pixels_per_mm", [None, (1.0, 1.0), (72 / 25.4, 72 / 25.4), (11.811, 11.811)])
def test_resolution_is_what_it_was_or_unknown(suffix: str, pixels_per_mm: tuple[float, float] | None) -> None:
    """1 pixel a mm is 10 a cm, which is not 25 an inch."""
    content = encode(suffix, RGB, 95, Metadata(pixels_per_mm=pixels_per_mm))
    found = decode_picture(content).metadata.pixels_per_mm
    assert found is None if pixels_per_mm is None else found == pytest.approx(pixels_per_mm, rel=1e-3)
    again = encode(".jpg", RGB, 95, decode_picture(content).metadata)
    assert again[13] == (0 if pixels_per_mm is None else 2 if pixels_per_mm == (1.0, 1.0) else 1)


def test_other_resources_of_photoshop_are_passed_over() -> None:
    named = b"8BIM\x03\xed\x03abc" + struct.pack(">L", 3) + b"xyz\0"
    records = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(IPTC)) + IPTC
    assert iptc_records(b"Photoshop 3.0\0" + named + records) == IPTC
    assert iptc_records(b"Photoshop 3.0\0" + named + b"8BIM") == b""
