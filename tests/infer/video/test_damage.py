"""Videos that are damaged, or none, end with a reason; no frame is dropped."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.files import packets_of
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, frames_of, luma, times_of

Make = Callable[..., Path]


def run(source: Path, target: Path, colorizer: Colorizer) -> ItemResult:
    [result] = colorize_videos([WorkItem(source, target)], colorizer, VideoOptions())
    assert not list(target.parent.glob(".colorizing-*"))
    return result


def test_files_that_are_no_videos(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    empty, text, sound = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "sound.m4a"
    empty.touch()
    text.write_text("not a video")
    with av.open(make(sound="aac")) as source, av.open(sound, "w") as out:
        copy = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    for path, reason in (
        (empty, "the file is empty"),
        (text, "damaged, cut short or not a video"),
        (sound, "no video stream (only audio)"),
        (tmp_path / "gone.mp4", "No such file"),
    ):
        result = run(path, tmp_path / "out.mp4", colorizer)
        assert result.status == "failed"
        assert reason in result.reason
        assert not (tmp_path / "out.mp4").exists()


def test_unknown_codec(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.avi")
    clip.write_bytes(clip.read_bytes().replace(b"H264", b"ZZZZ"))
    result = run(clip, tmp_path / "out.mkv", colorizer)
    assert (result.status, result.reason) == ("failed", "its codec is not supported")


def test_stream_that_begins_later_ends_nothing() -> None:
    class Container:
        """PyAV raises where it flushes a stream that it did not know of."""

        def demux(self, *streams: object) -> Iterator[str]:
            yield from ("a", "b", "flush")
            raise IndexError

    assert list(packets_of(Container())) == ["a", "b", "flush"]  # type: ignore[arg-type, comparison-overlap]


def test_encrypted_video(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    key = {"encryption_key": "00" * 16, "encryption_kid": "11" * 16}
    clip = make(container_options={"encryption_scheme": "cenc-aes-ctr", **key})
    result = run(clip, tmp_path / "out.mp4", colorizer)
    assert (result.status, result.target is not None) == ("failed", True)
    assert "encrypted" in result.reason


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_video_that_was_cut_short(suffix: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    clip = make(f"in{suffix}", times=range(0, 60 * STEP, STEP), container_options=options)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    target = tmp_path / "out.mp4"
    result = run(clip, target, colorizer)
    assert result.status == "failed"
    assert "cut short" in result.reason
    assert len(frames_of(target)) == result.video["frames"] > 10
    again = run(clip, target, colorizer)
    assert (again.status, "cut short" in again.reason) == ("failed", True)


def test_index_that_is_missing(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make()  # its index is at the end
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert "cut short" in run(clip, tmp_path / "out.mp4", colorizer).reason


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damaged_packets(codec: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", codec=codec, options={"g": "6"}, times=range(0, 60 * STEP, STEP))
    with av.open(clip) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    content = bytearray(clip.read_bytes())
    for packet in packets[10:40:7]:
        position = content.index(bytes(packet)) + packet.size // 3
        content[position : position + 40] = np.random.default_rng(3).bytes(40)
    clip.write_bytes(content)
    decoded = _decodable_times(clip)
    result = run(clip, tmp_path / "out.mp4", colorizer)
    assert result.status == "written"
    assert "damaged" in result.note
    assert result.video["hold"] + result.video["damaged_packets"] > 0
    assert times_of(tmp_path / "out.mp4") == decoded


def test_damage_near_the_end_loses_no_other_frame(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", options={"g": "6", "bf": "0"}, times=range(0, 60 * STEP, STEP))
    with av.open(clip) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][-4]
    content = bytearray(clip.read_bytes())
    position = content.index(bytes(packet))
    content[position : position + packet.size] = bytes(packet.size)
    clip.write_bytes(content)
    result = run(clip, tmp_path / "out.mp4", colorizer)
    assert result.video["frames"] + result.video["damaged_packets"] == 60
    assert "damaged" in result.note


def _decodable_times(path: Path) -> list[object]:
    times = []
    with av.open(path) as container:
        for packet in container.demux(video=0):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            times += [frame.pts * frame.time_base for frame in frames]
    return times


def test_picture_that_changes_its_size(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    parts = [make("a.ts"), make("b.ts", size=(64, 96))]
    joined = tmp_path / "in.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = run(joined, tmp_path / "out.mp4", colorizer)
    change = "its picture changes from 128 x 96 to 96 x 64 pixels after 1.16 s; split it there"
    assert result.reason == change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pixel_format": "yuv420p10le"}, "its samples change from 8 to 10 bits after 1.9"),
        ({"color": {"colorspace": 6, "color_range": 2}}, "its colour matrix, range or primaries change"),
        ({}, "its time starts again after"),
    ],
)
def test_recordings_that_were_joined(
    change: dict[str, object], reason: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    times = range(0, 50 * STEP, STEP)
    later = range(50 * STEP, 60 * STEP, STEP) if change else times
    parts = [make("a.ts", times=times), make("b.ts", times=later, **change)]
    joined = tmp_path / "in.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert reason in run(joined, tmp_path / "out.mp4", colorizer).reason


def test_hdr_is_refused(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(pixel_format="yuv420p10le", color={"color_trc": 16, "color_primaries": 9, "colorspace": 9})
    assert "high dynamic range" in run(clip, tmp_path / "out.mp4", colorizer).reason


@pytest.mark.parametrize(
    ("color", "reason"),
    [
        ({"color_trc": 9}, "logarithmic transfer; convert it to SDR in BT.709 first"),
        (
            {"color_trc": 17},
            "transfer of digital cinema (SMPTE ST 428); convert it to SDR in BT.709 first",
        ),
        (
            {"color_primaries": 8},
            "its primaries are those of colour film; convert it to SDR in BT.709 first",
        ),
    ],
)
def test_what_is_not_television_is_refused_by_its_name(
    color: dict[str, int], reason: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(color=color, times=(0, STEP))
    assert run(clip, tmp_path / "out.mp4", colorizer).reason == reason


def test_damaged_frame_keeps_the_colours_of_the_last(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make("in.mkv", codec="libx264", options={"g": "1", "crf": "10"}, times=range(0, 6 * STEP, STEP))
    with av.open(clip) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][3]
    content = bytearray(clip.read_bytes())
    position = content.index(bytes(packet)) + packet.size // 2
    content[position : position + 60] = bytes(60)
    clip.write_bytes(content)
    target = tmp_path / "out.mkv"
    [result] = colorize_videos([WorkItem(clip, target)], colorizer, VideoOptions(codec="ffv1"))
    assert (result.video["frames"], result.video["hold"]) == (6, 1)
    frames, sources = frames_of(target), frames_of(clip)
    assert sources[3].is_corrupt
    # below the damage, the decoder's threads do not always leave the same
    assert np.array_equal(luma(frames[3])[:16], luma(sources[3])[:16])
    assert np.abs(upper_chroma(frames[3]) - upper_chroma(frames[2])).mean() < 1


def upper_chroma(frame: av.VideoFrame) -> np.ndarray:
    """Return the rows of Cb and Cr that belong to the upper 16 of luma."""
    planes = frame.to_ndarray()[frame.height :].reshape(2, frame.height // 2, frame.width // 2)
    return planes[:, :8].astype(float)
