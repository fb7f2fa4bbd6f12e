"""Films as cameras, tapes, discs and archives give them."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from colorize_gan.infer import Colorizer
from colorize_gan.infer.video.side_data import is_bottom_first

from .clips import STEP, Recipe, frames_of, luma, packets_of, times_of, write_clip
from .test_streams import run, written

Make = Callable[..., Path]
_BOTTOM_FIRST = {3, 5}  # AVFieldOrder
FEW = tuple(range(0, 5 * STEP, STEP))


def tags_of(path: Path) -> dict[str, str]:
    with av.open(path) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_time_code_is_kept(suffix: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mov", times=FEW, metadata={"timecode": "01:00:00:00"})
    target = tmp_path / f"out{suffix}"
    result = written(clip, target, colorizer)
    assert "left out" not in result.note
    with av.open(target) as container:
        tags = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
        assert tags["timecode"] == "01:00:00:00"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.mov", target.name])


def test_comment_of_the_donor_stays(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", times=FEW, metadata={"COMMENT": "Reel 12", "ENCODER": "An old one"})
    for name in ("out.mkv", "out.mp4"):
        written(clip, tmp_path / name, colorizer)
        tags = tags_of(tmp_path / name)
        assert tags["comment"].startswith("Reel 12; colours made by machine")
        assert tags["encoder"].startswith("Lavf")


@pytest.mark.parametrize("name", ["in.ts", "in.mts", "in.vob"])
def test_clock_that_began_hours_ago(name: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    start = 40000 * 25
    options = {"codec": "mpeg2video", "options": {}, "time_base": Fraction(1, 25)}
    clip = make(name, **options, times=range(start, start + 30))
    written(clip, tmp_path / "out.mp4", colorizer)
    times = times_of(tmp_path / "out.mp4")
    assert times[0] < Fraction(1, 2)
    assert {after - before for before, after in pairwise(times)} == {Fraction(1, 25)}
    written(clip, tmp_path / "part.mp4", colorizer, start=Fraction(2, 5), end=Fraction(4, 5))
    assert times_of(tmp_path / "part.mp4") == [Fraction(number, 25) for number in range(10)]


@pytest.mark.parametrize(("name", "codec"), [("out.mov", "h264"), ("out.mkv", "h264"), ("out.mp4", "av1")])
def test_tape_has_its_own_rate(
    name: str, codec: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    options = {"codec": "dvvideo", "options": {}, "time_base": Fraction(1, 25), "size": (576, 720)}
    grey = np.full((576, 720), 90, np.uint8)
    clip = _write(tmp_path / "in.dv", [grey] * 3, options)
    written(clip, tmp_path / name, colorizer, codec=codec)
    with av.open(tmp_path / name) as container:
        assert container.streams.video[0].average_rate == 25
    assert times_of(tmp_path / name) == [Fraction(number, 25) for number in range(3)]


def _write(path: Path, frames: list[np.ndarray], options: dict[str, object]) -> Path:
    return write_clip(path, Recipe(**options, times=range(len(frames))), frames)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "codec"), [("out.mp4", "h264"), ("out.mov", "prores")])
def test_field_order_is_kept(name: str, codec: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(times=FEW, is_interlaced=True, options={"x264-params": "bff=1"})
    written(clip, tmp_path / name, colorizer, codec=codec)
    for path in (clip, tmp_path / name):
        frame = frames_of(path)[1]
        assert (frame.interlaced_frame, is_bottom_first(frame)) == (True, True)
        with av.open(path) as container:
            assert container.streams.video[0].codec_context.field_order in _BOTTOM_FIRST


@pytest.mark.parametrize(("form", "bits"), [("gray", 8), ("ya8", 8), ("gray16be", 16), ("monob", 8)])
def test_png_pictures(form: str, bits: int, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mov", codec="png", options={}, pixel_format=form, times=FEW)
    result = written(clip, tmp_path / "out.mkv", colorizer, codec="ffv1")
    assert result.bits == bits
    after = frames_of(tmp_path / "out.mkv")[2]
    grey = frames_of(clip)[2].to_ndarray(format="gray").astype(float)
    codes = luma(after) / (1 << (bits - 8))
    shown = codes if after.color_range == 2 else (codes - 16) * 255 / 219
    assert np.abs(shown - grey).max() < 2


def test_sound_that_an_edit_list_cuts_away_stays_away(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = tmp_path / "in.mp4"
    with av.open(make("whole.mp4", sound="aac")) as source, av.open(clip, "w") as out:
        copies = [out.add_stream_from_template(stream) for stream in source.streams]
        packets = [packet for packet in source.demux() if packet.size]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            if packet.stream.type == "audio":
                packet.pts, packet.dts = packet.pts - 24000, packet.dts - 24000
            packet.stream = copies[packet.stream_index]
            out.mux(packet)
    written(clip, tmp_path / "out.mkv", colorizer)
    sound = [time for time, _ in packets_of(tmp_path / "out.mkv", "audio")]
    shift = times_of(tmp_path / "out.mkv")[0] - times_of(clip)[0]
    assert -Fraction(1, 20) < sound[0] - shift < Fraction(1, 20)
    assert sound[-1] - shift < Fraction(7, 10)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_what_a_phone_tells_is_kept(suffix: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    told = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 6",
        "com.apple.quicktime.creationdate": "2019-07-24T11:25:40+0300",
        "com.apple.quicktime.location.iso6709": "+48.85+002.35/",
    }
    clip = make("in.mov", times=FEW, metadata=told, container_options={"movflags": "use_metadata_tags"})
    written(clip, tmp_path / f"out{suffix}", colorizer)
    assert told.items() <= tags_of(tmp_path / f"out{suffix}").items()


def test_names_of_tracks_are_kept(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = tmp_path / "in.mp4"
    with av.open(make("plain.mp4", times=FEW)) as source, av.open(clip, "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        copy.metadata["title"] = "Reel one"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    written(clip, tmp_path / "out.mp4", colorizer)
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.video[0].metadata["name"] == "Reel one"


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_of_avi_are_evenly_spaced(
    codec: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    options = {"bf": "2", "b": "200000"}
    clip = make("in.avi", codec=codec, options=options, times=range(20), time_base=Fraction(1, 25))
    result = written(clip, tmp_path / "out.mp4", colorizer)
    assert result.video["mended_times"] == 0
    assert times_of(tmp_path / "out.mp4") == [Fraction(number, 25) for number in range(20)]


def test_a_size_that_a_codec_does_not_take(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", codec="ffv1", options={}, size=(8, 8), times=FEW)
    reason = run(clip, tmp_path / "out.mkv", colorizer, codec="h265").reason
    assert reason == "h265 takes no video of 8 x 8 pixels at 25 frames/s; choose another codec"
