"""What goes in comes out: frames, times, luma, tags, sound, subtitles, chapters."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame

from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.files import open_video
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.source import ColorTags, to_planar
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, Recipe, frames_of, luma, packets_of, pan, times_of, write_clip

Make = Callable[..., Path]


def run(source: Path, target: Path, colorizer: Colorizer, **options: object) -> ItemResult:
    [result] = colorize_videos([WorkItem(source, target)], colorizer, VideoOptions(**options))
    return result


def written(source: Path, target: Path, colorizer: Colorizer, **options: object) -> ItemResult:
    result = run(source, target, colorizer, **options)
    assert result.status == "written", result.reason
    return result


CLIPS = {
    "constant": {},
    "29.97": {
        "rate": Fraction(30000, 1001),
        "time_base": Fraction(1, 30000),
        "times": range(0, 30 * 1001, 1001),
    },
    "variable": {"times": np.cumsum([0, *(STEP + 97 * (n % 5) for n in range(29))]).tolist()},
    "late start": {"times": range(7 * STEP + 3, 37 * STEP, STEP)},
}


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "prores", "ffv1"])
def test_every_frame_keeps_its_time(
    name: str, codec: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(**CLIPS[name])
    target = tmp_path / "out.mov" if codec == "prores" else tmp_path / "out.mp4"
    result = written(clip, target, colorizer, codec=codec, segment_frames=11)
    assert result.video["frames"] == len(frames_of(target))
    assert times_of(target) == times_of(clip)
    with av.open(clip) as before, av.open(target) as after:
        assert before.streams.video[0].time_base == after.streams.video[0].time_base


def test_lossless_output_has_the_luma_of_the_input(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make()
    result = written(clip, tmp_path / "out.mkv", colorizer, codec="ffv1", measure=True)
    for before, after in zip(frames_of(clip), frames_of(tmp_path / "out.mkv"), strict=True):
        assert np.array_equal(luma(before), luma(after))
    assert result.video["luma"] == {"frames": 30, "max_error": 0, "max_mean_error": 0, "min_psnr_db": None}
    chroma = frames_of(tmp_path / "out.mkv")[3].to_ndarray()[96:]
    assert np.abs(chroma.astype(int) - 128).max() > 5


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "ffv1"])
def test_ten_bits_stay_ten(codec: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(pixel_format="yuv420p10le")
    result = written(clip, tmp_path / "out.mp4", colorizer, codec=codec)
    assert (result.bits, result.video["pixel_format"]) == (10, "yuv420p10le")
    if codec == "ffv1":
        for before, after in zip(frames_of(clip), frames_of(tmp_path / "out.mp4"), strict=True):
            assert np.array_equal(luma(before), luma(after))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_rgb_keeps_its_bits(bits: int, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", codec="ffv1", pixel_format=f"gbrp{bits}le")
    lossless = written(clip, tmp_path / "out.mkv", colorizer, codec="ffv1", measure=True)
    assert (lossless.bits, lossless.video["luma"]["max_error"]) == (bits, 0)
    smaller = written(clip, tmp_path / "out.mp4", colorizer)
    note = f"{bits} bits became 10; `codec` ffv1 keeps them"
    assert (smaller.bits, smaller.note) == (10, note if bits > 10 else "")


def test_conversion_gives_the_same_samples_every_time() -> None:
    frame = VideoFrame(98, 66, "gbrp10le")
    noise = np.random.default_rng(0)
    for plane in frame.planes:
        plane.update(noise.integers(0, 1024, plane.buffer_size // 2, np.uint16).tobytes())
    tags = ColorTags(matrix=1, primaries=1, transfer=1, is_full=False)
    first = luma(to_planar(frame, tags))
    assert all(np.array_equal(first, luma(to_planar(frame, tags))) for _ in range(200))


@pytest.mark.parametrize(("name", "codec"), [("out.mp4", "h264"), ("out.mkv", "ffv1"), ("out.webm", "av1")])
def test_two_runs_write_the_same_bytes(
    name: str, codec: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(times=range(0, 8 * STEP, STEP))
    targets = [tmp_path / run_name / name for run_name in ("one", "two")]
    for target in targets:
        written(clip, target, colorizer, codec=codec)
    assert targets[0].read_bytes() == targets[1].read_bytes()


def test_prores_holds_eight_bits_in_ten(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make()
    written(clip, tmp_path / "out.mov", colorizer, codec="prores")
    before, after = luma(frames_of(clip)[5]), luma(frames_of(tmp_path / "out.mov")[5])
    assert np.abs(after.astype(int) - before.astype(int) * 4).mean() < 8


@pytest.mark.parametrize(("codec", "form"), [("h264", "yuv444p"), ("h265", "yuv444p"), ("ffv1", "yuv420p")])
@pytest.mark.parametrize("size", [(96, 127), (95, 128), (95, 127)])
def test_odd_sides_stay_odd(
    codec: str, form: str, size: tuple[int, int], make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make("in.mkv", size=size, codec="ffv1", options={})
    result = written(clip, tmp_path / "out.mp4", colorizer, codec=codec)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.height, frame.width, frame.format.name) == (*size, form)
    assert ("4:4:4" in result.note) == (form == "yuv444p")


@pytest.mark.parametrize(
    "form", ["yuv422p", "yuv444p", "gray", "gray10le", "nv12", "bgr0", "yuv444p12le", "yuv422p10le"]
)
def test_pixel_formats(form: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", codec="ffv1" if form != "nv12" else "rawvideo", options={}, pixel_format=form)
    result = written(clip, tmp_path / "out.mkv", colorizer, codec="ffv1")
    before, after = frames_of(clip)[4], frames_of(tmp_path / "out.mkv")[4]
    assert result.bits == before.format.components[0].bits
    if form != "bgr0":
        assert np.array_equal(luma(before), luma(after))


def test_tags_are_kept(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    color = {"color_range": 2, "colorspace": 5, "color_primaries": 5, "color_trc": 1}
    clip = make(color=color, aspect=Fraction(128, 117))
    written(clip, tmp_path / "out.mp4", colorizer)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert {name: getattr(frame, name) for name in color} == color
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(128, 117)


@pytest.mark.parametrize(("size", "matrix"), [((96, 128), 6), ((720, 128), 1)])
def test_untagged_clips_get_the_matrix_that_players_take(
    size: tuple[int, int], matrix: int, make: Make, colorizer: Colorizer, tmp_path: Path, photo: np.ndarray
) -> None:
    clip = make(size=(96, 128)) if size == (96, 128) else _tall_clip(tmp_path, photo)
    written(clip, tmp_path / "out.mp4", colorizer)
    frame = frames_of(tmp_path / "out.mp4")[0]
    assert (frame.colorspace, frame.color_range) == (matrix, 1)


def _tall_clip(folder: Path, photo: np.ndarray) -> Path:
    grey = np.tile(photo[:240, :128].mean(axis=2).astype(np.uint8), (3, 1))
    return write_clip(folder / "tall.mp4", Recipe(size=(720, 128), times=(0, STEP)), [grey, grey])


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_kept(rotation: int, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(rotation=rotation)
    written(clip, tmp_path / "out.mp4", colorizer)
    before, after = frames_of(clip)[0], frames_of(tmp_path / "out.mp4")[0]
    assert after.rotation % 360 == before.rotation % 360 == rotation % 360
    assert bytes(after.side_data["DISPLAYMATRIX"]) == bytes(before.side_data["DISPLAYMATRIX"])


def test_network_sees_the_picture_upright(tmp_path: Path, colorizer: Colorizer, photo: np.ndarray) -> None:
    upright = pan(photo, (96, 128), 3)
    recipe = Recipe(codec="ffv1", options={}, times=(0, STEP, 2 * STEP))
    plain = write_clip(tmp_path / "plain.mp4", recipe, upright)
    turned = Recipe(codec="ffv1", options={}, times=recipe.times, size=(128, 96), rotation=90)
    lying = write_clip(tmp_path / "turned.mp4", turned, [np.rot90(grey, -1) for grey in upright])
    chroma = []
    for clip in (plain, lying):
        written(clip, tmp_path / "out.mp4", colorizer, codec="ffv1", on_exists="overwrite")
        chroma.append(frames_of(tmp_path / "out.mp4")[0].to_ndarray(format="yuv444p")[1:].astype(int))
    assert np.abs(np.rot90(chroma[1], 1, axes=(1, 2)) - chroma[0]).mean() < 1


def test_interlaced_input_is_said_and_stays_interlaced(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(is_interlaced=True)
    result = written(clip, tmp_path / "out.mp4", colorizer)
    assert "interlaced" in result.note
    assert frames_of(tmp_path / "out.mp4")[0].interlaced_frame


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_packet_by_packet(
    suffix: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(f"in{suffix}", sound="aac")
    target = tmp_path / f"out{suffix}"
    written(clip, target, colorizer)
    assert packets_of(target, "audio") == packets_of(clip, "audio")
    assert len(packets_of(clip, "audio")) > 20


def test_subtitles_chapters_and_metadata_are_copied(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = with_subtitles(make("plain.mkv", metadata={"title": "Old film"}), tmp_path / "in.mkv")
    written(clip, tmp_path / "out.mkv", colorizer)
    assert packets_of(tmp_path / "out.mkv", "subtitle") == packets_of(clip, "subtitle")
    with av.open(tmp_path / "out.mkv") as container:
        assert container.metadata["title"] == "Old film"
        assert "colours made by machine" in container.metadata["COMMENT"]
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One"]
        assert container.streams.subtitles[0].language == "fra"


def test_subtitles_that_the_container_cannot_hold(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = with_subtitles(make("plain.mkv"), tmp_path / "in.mkv")
    result = run(clip, tmp_path / "out.mp4", colorizer)
    assert result.status == "failed"
    assert result.reason == (
        ".mp4 cannot hold its subtitle stream 1 (srt); write .mkv, or set `subtitles` to drop"
    )
    assert not (tmp_path / "out.mp4").exists()


def with_subtitles(video: Path, target: Path) -> Path:
    """Add a subtitle stream and a chapter."""
    text = target.with_suffix(".srt")
    text.write_text("1\n00:00:00,100 --> 00:00:00,900\nBonjour\n")
    with av.open(video) as source, av.open(text) as titles, av.open(target, "w") as out:
        pairs = [(container, container.streams[0]) for container in (source, titles)]
        copies = [out.add_stream_from_template(stream, opaque=True) for _, stream in pairs]
        copies[1].metadata["language"] = "fra"
        out.metadata.update(source.metadata)
        chapter = {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000)}
        out.set_chapters([{**chapter, "metadata": {"title": "One"}}])
        for (container, stream), copy in zip(pairs, copies, strict=True):
            for packet in container.demux(stream):
                if packet.size:
                    packet.stream = copy
                    out.mux(packet)
    return target


def test_excerpt_begins_at_zero(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(sound="aac", times=range(0, 75 * STEP, STEP))
    start, end = Fraction(1), Fraction(2)
    written(clip, tmp_path / "out.mp4", colorizer, start=start, end=end)
    inside = [time - start for time in times_of(clip) if start <= time < end]
    assert times_of(tmp_path / "out.mp4") == inside
    sound = [(time - start, content) for time, content in packets_of(clip, "audio") if start <= time < end]
    assert packets_of(tmp_path / "out.mp4", "audio") == sound


def test_matroska_says_that_it_rounds_times(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    result = written(make(), tmp_path / "out.mkv", colorizer)
    assert "milliseconds" in result.note
    errors = [abs(a - b) for a, b in zip(times_of(tmp_path / "out.mkv"), times_of(make()), strict=True)]
    assert max(errors) < Fraction(1, 1000)


def test_odd_input_times_are_mended_and_counted(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    """An elementary stream has no times at all."""
    raw = tmp_path / "in.h264"
    with av.open(make()) as source:
        stream = source.streams.video[0]
        filtered = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        raw.write_bytes(
            b"".join(bytes(out) for packet in source.demux(stream) for out in filtered.filter(packet))
        )
    result = written(raw, tmp_path / "out.mp4", colorizer)
    times = times_of(tmp_path / "out.mp4")
    assert result.video["frames"] == len(times) == 30
    assert len(set(np.diff([float(time) for time in times]).round(6))) == 1


def test_comparison_has_both_sides(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(rotation=90)
    written(clip, tmp_path / "out.mp4", colorizer, compare=True)
    frames = frames_of(tmp_path / "out.mp4.compare.mp4")
    assert (len(frames), frames[0].height, frames[0].width) == (30, 128, 192)
    rgb = frames[10].to_ndarray(format="rgb24").astype(int)
    color = np.ptp(rgb, axis=2)
    assert color[:, :96].mean() < 4 < color[:, 96:].mean()
    grey = rgb.mean(axis=2)
    assert np.abs(grey[:, :96] - grey[:, 96:]).mean() < 12


def test_a_clip_with_colour_is_blended_by_strength(make: Make, tmp_path: Path) -> None:
    tinted = tmp_path / "tinted.mkv"
    with av.open(make("in.mkv", codec="ffv1", options={})) as source, av.open(tinted, "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for frame in source.decode(video=0):
            for plane, code in zip(frame.planes[1:], (100, 150), strict=True):
                np.frombuffer(plane, np.uint8)[:] = code
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    own = Colorizer(render_size=64, strength=0)
    written(tinted, tmp_path / "out.mkv", own, codec="ffv1")
    frame = frames_of(tmp_path / "out.mkv")[3].to_ndarray()
    assert np.unique(frame[96:120]).tolist() == [100]
    assert np.unique(frame[120:]).tolist() == [150]


def test_excerpt_of_a_transport_stream_has_all_its_frames(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make("in.ts", times=range(0, 60 * STEP, STEP))
    times = times_of(clip)
    start = times[31] - times[0]  # counted from the first picture
    written(clip, tmp_path / "out.mp4", colorizer, start=start)
    assert len(frames_of(tmp_path / "out.mp4")) == 60 - 31


def _with_cover(video: Path, target: Path) -> bytes:
    """Write Matroska with a cover picture; return the picture."""
    cover = cv2.imencode(".jpg", np.full((64, 64, 3), 120, np.uint8))[1].tobytes()
    with av.open(video) as source, av.open(target, "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        out.add_attachment("small_cover.jpg", "image/jpeg", cover)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    return cover


def test_cover_is_copied_or_named(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    cover = _with_cover(make("plain.mp4"), source)
    names: list[str | None] = []
    for suffix in (".mkv", ".mp4", ".2.mkv"):  # the last from .mp4
        target = tmp_path / f"out{suffix}"
        written(source, target, colorizer, start=Fraction(1, 5))
        with av.open(target) as container:
            streams = [(stream.type, stream.disposition) for stream in container.streams][1:]
            assert streams == [("video", Disposition.attached_pic)]
            assert [bytes(packet) for packet in container.demux(video=1) if packet.size] == [cover]
            names.append(container.streams[1].metadata.get("filename"))
        source = target
    assert names == ["small_cover.jpg", None, "cover.jpg"]
    result = written(source, tmp_path / "out.mov", colorizer)
    assert "video stream 1 (mjpeg) left out: .mov cannot hold it" in result.note


def test_text_that_is_not_utf_8_is_kept(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("plain.mkv", metadata={"title": "Caf#"}, sound="aac")
    both = tmp_path / "in.mkv"
    with av.open(clip) as source, av.open(both, "w") as out:
        copies = [out.add_stream_from_template(stream) for stream in source.streams]
        copies[1].metadata["title"] = "Caf#, sound"
        out.add_attachment("Caf#.ttf", "font/ttf", b"a font")
        out.metadata.update(source.metadata)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                out.mux(packet)
    both.write_bytes(both.read_bytes().replace(b"Caf#", b"Caf\xe9"))  # Latin-1
    result = written(both, tmp_path / "out.mkv", colorizer)
    assert "left out" not in result.note
    content = (tmp_path / "out.mkv").read_bytes()
    assert content.count(b"Caf\xe9") == 2
    assert b"Caf?.ttf" in content


def test_names_with_a_colon(
    make: Make, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("a:b.mp4")
    monkeypatch.chdir(tmp_path)
    written(Path("a:b.mp4"), Path("c:d.mp4"), colorizer, compare=True)
    assert len(frames_of(tmp_path / "c:d.mp4")) == 30


def test_sound_that_begins_late_is_known(tmp_path: Path) -> None:
    with av.open(tmp_path / "in.vob", "w") as out:
        video, sound = out.add_stream("mpeg2video", rate=25), out.add_stream("ac3", rate=48000)
        video.height, video.width, video.pix_fmt, sound.layout = 96, 128, "yuv420p", "stereo"
        for number in range(300):
            picture = VideoFrame.from_ndarray(np.full((96, 128), number % 256, np.uint8), format="gray")
            picture.pts = number
            out.mux(video.encode(picture.reformat(format="yuv420p")))
        for start in range(11 * 48000, 12 * 48000, 1536):
            tone = av.AudioFrame.from_ndarray(np.zeros((2, 1536), np.float32), format="fltp", layout="stereo")
            tone.sample_rate, tone.pts = 48000, start
            out.mux(sound.encode(tone))
        for stream in (video, sound):
            out.mux(stream.encode(None))
    with av.open(tmp_path / "in.vob") as container:
        assert container.streams.audio[0].sample_rate == 0
    with open_video(tmp_path / "in.vob") as container:
        assert container.streams.audio[0].sample_rate == 48000


def test_sound_that_no_container_can_hold(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.avi", sound="libmp3lame")
    mp3, unknown = (struct.pack("<HHI", tag, 2, 48000) for tag in (0x0055, 0x7FFE))
    assert mp3 in clip.read_bytes()
    clip.write_bytes(clip.read_bytes().replace(mp3, unknown))
    result = run(clip, tmp_path / "out.mkv", colorizer)
    assert result.reason == ".mkv cannot hold its audio stream 1 (unknown); set `audio` to drop"


def test_sound_that_matroska_holds_beyond_its_list(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.avi", sound="adpcm_ms", times=range(10), time_base=Fraction(1, 25))
    target = tmp_path / "it's|a \\name.mkv"  # of all that FFmpeg's tee takes for its own
    result = written(clip, target, colorizer)
    assert result.note == ""
    before, after = packets_of(clip, "audio"), packets_of(target, "audio")
    assert [content for _, content in after] == [content for _, content in before]
    assert max(abs(a - b) for (a, _), (b, _) in zip(after, before, strict=True)) <= Fraction(1, 1000)
    assert times_of(target) == [Fraction(number, 25) for number in range(10)]  # AVI tells no times
    refused = run(clip, tmp_path / "out.mp4", colorizer)
    assert refused.reason == (
        ".mp4 cannot hold its audio stream 1 (adpcm_ms); write .mkv, or set `audio` to aac, flac or drop"
    )


def test_attachments_and_further_videos_are_copied(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    both = tmp_path / "both.mkv"
    with av.open(make("in.mkv")) as source, av.open(both, "w") as out:
        streams = [out.add_stream_from_template(source.streams.video[0]) for _ in range(2)]
        out.add_attachment("font.ttf", "font/ttf", b"a font")
        for packet in source.demux(video=0):
            for stream in streams if packet.size else ():
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                out.mux(copy)
    result = written(both, tmp_path / "out.mkv", colorizer)
    assert "only the first video is coloured" in result.note
    with av.open(tmp_path / "out.mkv") as container:
        assert [stream.type for stream in container.streams] == ["video", "video", "attachment"]
        assert container.streams[2].metadata["filename"] == "font.ttf"
