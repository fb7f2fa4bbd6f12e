"""Masters for archives: what a file tells of its pixels, fields and codes, and how it is coded."""

import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from colorize_gan.core.errors import VideoError
from colorize_gan.infer import Colorizer
from colorize_gan.infer.video.checking import untold
from colorize_gan.infer.video.encoder import settings_for
from colorize_gan.infer.video.matroska import tell_aspect
from colorize_gan.infer.video.side_data import is_bottom_first
from colorize_gan.infer.video.source import probe

from .clips import STEP, Recipe, frames_of, luma, write_clip
from .test_streams import run, written

Make = Callable[..., Path]
FEW = tuple(range(0, 3 * STEP, STEP))
_TRACKS = b"\x16\x54\xae\x6b"


def told(path: Path) -> dict[str, object]:
    """Return what the container tells of its video."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        return {
            "aspect": stream.sample_aspect_ratio,
            "field_order": stream.codec_context.field_order,
            "is_full": stream.codec_context.color_range == 2,
        }


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".mp4"])
def test_tape_becomes_a_master(suffix: str, colorizer: Colorizer, tmp_path: Path, photo: np.ndarray) -> None:
    grey = np.tile(photo.mean(axis=2).astype(np.uint8)[:192, :240], (3, 3))
    recipe = Recipe(
        codec="dvvideo",
        options={},
        size=(576, 720),
        times=range(3),
        time_base=Fraction(1, 25),
        aspect=Fraction(16, 15),
    )
    clip = write_clip(tmp_path / "in.dv", recipe, [grey] * 3)
    target = tmp_path / f"out{suffix}"
    result = written(clip, target, colorizer, codec="ffv1", measure=True)
    assert "loses" not in result.note
    assert result.video["luma"]["max_error"] == 0
    assert told(target) == {"aspect": Fraction(16, 15), "field_order": 5, "is_full": False}
    frame = frames_of(target)[1]
    assert (frame.height, frame.width) == (576, 720)
    assert (frame.interlaced_frame, is_bottom_first(frame)) == (True, True)
    with av.open(target) as container:
        assert container.streams.video[0].average_rate == 25


@pytest.mark.parametrize(
    ("codec", "suffix"), [("ffv1", ".mkv"), ("av1", ".webm"), ("prores", ".mkv"), ("h264", ".mkv")]
)
@pytest.mark.parametrize("aspect", [Fraction(16, 15), Fraction(118, 81), Fraction(8, 9)])
def test_aspect_is_kept_in_matroska(
    codec: str, suffix: str, aspect: Fraction, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(aspect=aspect, times=FEW)
    target = tmp_path / f"out{suffix}"
    written(clip, target, colorizer, codec=codec)
    assert told(target)["aspect"] == aspect
    content = target.read_bytes()
    start = content.index(_TRACKS, content.index(_TRACKS) + 4) + 4  # the first is in the index
    width = 9 - content[start].bit_length()
    size = int.from_bytes(content[start : start + width]) & ((1 << 7 * width) - 1)
    tracks = content[start + width : start + width + size]
    if suffix == ".webm":  # without checksums
        return
    assert tracks[:2] == b"\xbf\x84"
    assert int.from_bytes(tracks[2:6], "little") == zlib.crc32(tracks[6:])


def test_aspect_moves_nothing_behind_the_tracks(make: Make, tmp_path: Path) -> None:
    clip = make("in.mkv", times=FEW, codec="ffv1", options={}, sound="aac")
    before = clip.read_bytes()
    for aspect in (Fraction(12, 11), Fraction(118, 81), Fraction(4, 3)):
        tell_aspect(clip, aspect)  # what is there gives way
        assert told(clip)["aspect"] == aspect
        assert len(clip.read_bytes()) == len(before)
        behind = before.index(b"\x12\x54\xc3\x67", 256)  # tags
        assert clip.read_bytes()[behind:] == before[behind:]


def test_file_without_room_is_not_damaged(make: Make, tmp_path: Path) -> None:
    clip = make("in.mkv", times=FEW, codec="ffv1", options={})
    full = clip.read_bytes().replace(b"\xec\x01\0\0\0\0\0\0", b"\xbf\x01\0\0\0\0\0\0", 1)
    clip.write_bytes(full)
    with pytest.raises(VideoError, match="another order"):
        tell_aspect(clip, Fraction(118, 81))
    assert clip.read_bytes() == full


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mkv", "ffv1"), (".mp4", "ffv1"), (".mp4", "h264"), (".mkv", "h264")]
)
def test_full_range_is_told(
    suffix: str, codec: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(times=FEW, color={"color_range": 2})
    target = tmp_path / f"out{suffix}"
    written(clip, target, colorizer, codec=codec)
    assert told(target)["is_full"]


def test_full_range_that_a_container_cannot_tell(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(times=FEW, color={"color_range": 2})
    result = run(clip, tmp_path / "out.mov", colorizer, codec="ffv1")
    assert result.reason == ".mov with ffv1 does not keep its colour range; write .mkv"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_prores_becomes_limited(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", times=FEW, color={"color_range": 2}, codec="ffv1", options={})
    result = written(clip, tmp_path / "out.mov", colorizer, codec="prores", measure=True)
    assert result.note == "luma of full range became limited, as prores has it"
    assert result.video["luma"]["max_mean_error"] < 0.005
    before, after = luma(frames_of(clip)[1]).astype(float), luma(frames_of(tmp_path / "out.mov")[1])
    assert np.abs(before / 255 - (after - 64.0) / 876).mean() < 0.005


@pytest.mark.parametrize(("height", "count"), [(96, 4), (576, 16), (720, 24)])
def test_ffv1_has_key_frames_only_and_checksums(
    height: int, count: int, colorizer: Colorizer, tmp_path: Path
) -> None:
    grey = np.random.default_rng(0).integers(16, 235, (height, 128), np.uint8)
    clip = write_clip(tmp_path / "in.mkv", Recipe(size=(height, 128), times=FEW), [grey] * 3)
    target = tmp_path / "out.mkv"
    written(clip, target, colorizer, codec="ffv1")
    with av.open(target) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert all(packet.is_keyframe for packet in packets)
    slices = list(_slices(bytes(packets[0])))
    assert len(slices) == count
    assert {_remainder(part) for part in slices[:2]} == {0}


def _slices(packet: bytes) -> Iterator[bytes]:
    """Yield the slices from the last: RFC 9043, 4.9."""
    while packet:
        size = int.from_bytes(packet[-8:-5]) + 8
        yield packet[-size:]
        packet = packet[:-size]


def _remainder(part: bytes) -> int:
    """Return the remainder of the division of RFC 9043, 4.9.3: 0 of a slice with its checksum."""
    register = 0
    for byte in part:
        register ^= byte << 24
        for _ in range(8):
            register = register << 1 ^ (0x104C11DB7 if register >> 31 else 0)
    return register


def test_chapters_that_ffv1_loses_in_quicktime_are_named(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    chaptered = tmp_path / "chapters.mkv"
    with av.open(make("in.mkv", times=FEW)) as source, av.open(chaptered, "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        chapter = {
            "id": 1,
            "start": 0,
            "end": 100,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "One"},
        }
        out.set_chapters([chapter])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    result = written(chaptered, tmp_path / "out.mov", colorizer, codec="ffv1")
    assert "chapters left out: .mov cannot hold them beside ffv1" in result.note


def test_what_a_file_does_not_tell_is_found(make: Make) -> None:
    clip = make("in.mkv", times=FEW, codec="ffv1", options={})
    wanted = make("wanted.mp4", times=FEW, aspect=Fraction(2), is_interlaced=True, color={"color_range": 2})
    settings = settings_for(probe(wanted), "ffv1", None)
    assert untold(clip, settings) == ["aspect of pixels (2)", "field order", "colour range"]
