"""Telling Matroska and WebM the aspect of pixels, which PyAV cannot: RFC 9559; EBML is RFC 8794."""

import io
import zlib
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from colorize_gan.core.errors import VideoError

_INDEX, _INFO, _TRACKS = b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"
_ENTRY, _ENTRY_NAME, _ENTRY_POSITION = b"\x4d\xbb", b"\x53\xab", b"\x53\xac"
_TRACK, _VIDEO = b"\xae", b"\xe0"
_PIXEL_WIDTH, _PIXEL_HEIGHT = b"\xb0", b"\xba"
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
_DISPLAY = frozenset({_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT})
_RATIO = 3  # unit of a display size that is true only as a proportion
_PADDING, _CHECKSUM = b"\xec", b"\xbf"
_LEAST_PADDING = 2  # bytes: identifier and size
_LAYOUT = [_INDEX, _PADDING, _INFO, _TRACKS]  # of the files that FFmpeg writes

Element = tuple[bytes, bytes]
"""Identifier and content."""


def tell_aspect(path: Path, aspect: Fraction) -> None:
    """Write ``aspect``, the width of a pixel whose height is 1, into the first track of FFmpeg's file.

    The padding in front of the tracks becomes shorter; nothing behind them moves.

    Raises:
        VideoError: there is not enough padding.
        OSError: the file cannot be written.
    """
    with path.open("r+b") as file:
        _, size = _read_header(file)
        file.seek(size, io.SEEK_CUR)
        _read_header(file)  # of all that follows
        start = file.tell()
        elements = list(islice(_elements(file), len(_LAYOUT)))
        length = file.tell() - start
        file.seek(start)
        file.write(_told(elements, length, aspect))


def _elements(file: BinaryIO, end: int | None = None) -> Iterator[Element]:
    """Read elements, until the position ``end``."""
    while end is None or file.tell() < end:
        name, size = _read_header(file)
        yield name, file.read(size)


def _read_header(file: BinaryIO) -> tuple[bytes, int]:
    """Read identifier and size of an element."""
    name, size = _read_number(file), _read_number(file)
    return name, int.from_bytes(size) & ~(1 << 7 * len(size))


def _read_number(file: BinaryIO) -> bytes:
    """Read a number of as many bytes as the highest bit of the first one tells."""
    first = file.read(1)
    return first + file.read(8 - int.from_bytes(first).bit_length())


def _parts(content: bytes) -> list[Element]:
    return list(_elements(io.BytesIO(content), len(content)))


def _told(elements: list[Element], length: int, aspect: Fraction) -> bytes:
    """Return the elements of `_LAYOUT`, in ``length`` bytes, with the aspect."""
    if [name for name, _ in elements] != _LAYOUT:
        raise VideoError("FFmpeg wrote Matroska in another order; choose another container")
    index, _, info, tracks = (content for _, content in elements)
    whole_info, whole_tracks = _encoded(_INFO, info), _encoded(_TRACKS, _with_aspect(tracks, aspect))
    tracks_at = length - len(whole_tracks)
    places = {_INFO: tracks_at - len(whole_info), _TRACKS: tracks_at}
    whole_index = _encoded(_INDEX, _moved(index, places))
    gap = places[_INFO] - len(whole_index)
    if gap < _LEAST_PADDING:
        raise VideoError("FFmpeg left no room for the aspect of pixels; choose another container")
    return whole_index + _padding(gap) + whole_info + whole_tracks


def _moved(index: bytes, places: dict[bytes, int]) -> bytes:
    """Return the content of the index with other places, counted from where the index begins."""
    entries = _parts(index)
    for number, (name, content) in enumerate(entries):
        entry = dict(_parts(content)) if name == _ENTRY else {}
        if place := places.get(entry.get(_ENTRY_NAME, b"")):
            entry[_ENTRY_POSITION] = _number(place)
            entries[number] = name, _joined(entry.items())
    return _joined(entries)


def _with_aspect(tracks: bytes, aspect: Fraction) -> bytes:
    """Return the content of the tracks with the aspect in the first one."""
    elements = _parts(tracks)
    first = [name for name, _ in elements].index(_TRACK)
    track = [
        (name, _shown(dict(_parts(content)), aspect) if name == _VIDEO else content)
        for name, content in _parts(elements[first][1])
    ]
    elements[first] = _TRACK, _joined(track)
    return _joined(elements)


def _shown(video: dict[bytes, bytes], aspect: Fraction) -> bytes:
    """Return the content of a video with its size on the screen: in pixels where those are whole."""
    width, height = (int.from_bytes(video[name]) for name in (_PIXEL_WIDTH, _PIXEL_HEIGHT))
    shown = {_DISPLAY_WIDTH: width * aspect, _DISPLAY_HEIGHT: Fraction(height)}
    if shown[_DISPLAY_WIDTH].denominator > 1:
        ratio = width * aspect / height
        shown = {_DISPLAY_WIDTH: Fraction(ratio.numerator), _DISPLAY_HEIGHT: Fraction(ratio.denominator)}
        shown[_DISPLAY_UNIT] = Fraction(_RATIO)
    others = {name: content for name, content in video.items() if name not in _DISPLAY}
    return _joined((others | {name: _number(int(size)) for name, size in shown.items()}).items())


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def _joined(elements: Iterable[Element]) -> bytes:
    """Return the content that elements make; a checksum in front of the others is computed again."""
    elements = list(elements)
    if elements[0][0] != _CHECKSUM:
        return b"".join(_encoded(*element) for element in elements)
    others = _joined(elements[1:])
    return _encoded(_CHECKSUM, zlib.crc32(others).to_bytes(4, "little")) + others


def _encoded(name: bytes, content: bytes) -> bytes:
    """Return an element; its size takes as few bytes as it can."""
    width = -(-(len(content) + 1).bit_length() // 7)
    return name + (len(content) | 1 << 7 * width).to_bytes(width) + content


def _padding(length: int) -> bytes:
    """Return padding of so many bytes."""
    width = 1 if length < 1 << 7 else 8
    size = length - len(_PADDING) - width
    return _PADDING + (size | 1 << 7 * width).to_bytes(width) + bytes(size)
