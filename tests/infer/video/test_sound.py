"""Sound and subtitles on request: copied, encoded anew, left out."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from colorize_gan.infer import Colorizer

from .clips import STEP, packets_of, times_of
from .test_streams import run, with_subtitles, written

Make = Callable[..., Path]


def heard(path: Path) -> tuple[Fraction, np.ndarray]:
    """Return when sound begins, and its samples ``(channels, N)`` float32."""
    with av.open(path) as container:
        frames = list(container.decode(audio=0))
    resampler = AudioResampler("fltp")
    parts = [part.to_ndarray() for frame in frames for part in resampler.resample(frame)]
    return frames[0].pts * frames[0].time_base, np.hstack(parts)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_flac_has_the_samples_of_its_source(
    suffix: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make("in.mkv", sound="pcm_s16le")
    target = tmp_path / f"out{suffix}"
    result = written(clip, target, colorizer, audio="flac")
    assert "audio stream 1 (pcm_s16le) became flac" in result.note
    (start, before), (written_start, after) = heard(clip), heard(target)
    assert start == written_start
    assert np.array_equal(before, after)
    assert times_of(target) == times_of(clip)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_aac_is_where_its_source_was(suffix: str, make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", sound="pcm_s16le", times=range(0, 50 * STEP, STEP))
    target = tmp_path / f"out{suffix}"
    written(clip, target, colorizer, audio="aac")
    (_, before), (start, after) = heard(clip), heard(target)
    count = min(before.shape[1], after.shape[1])
    assert abs(start) < Fraction(1, 1000)
    assert count >= before.shape[1] - 1024
    assert np.abs(before[:, :count] - after[:, :count])[:, 2000:-2000].max() < 0.02
    assert times_of(target) == times_of(clip)


def test_sound_that_has_the_codec_is_copied(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(sound="aac")
    result = written(clip, tmp_path / "out.mp4", colorizer, audio="aac")
    assert result.note == ""
    assert packets_of(tmp_path / "out.mp4", "audio") == packets_of(clip, "audio")


def test_excerpt_of_encoded_sound(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mov", sound="pcm_s16le", times=range(0, 75 * STEP, STEP))
    written(clip, tmp_path / "out.mp4", colorizer, audio="flac", start=Fraction(1), end=Fraction(2))
    (start, before), (later, after) = heard(clip), heard(tmp_path / "out.mp4")
    first = 48000 + round((later - start) * 48000)
    assert 0 <= later < Fraction(1, 20)
    assert np.array_equal(before[:, first : first + after.shape[1]], after)
    assert abs(after.shape[1] - 48000) < 2048


def test_odd_sound_is_fitted_to_the_codec(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("silent.mkv", times=range(5))
    with av.open(clip) as source, av.open(tmp_path / "in.mkv", "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream("pcm_s24le", rate=192000, layout="5.1")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
        tone = av.AudioFrame.from_ndarray(np.full((1, 6 * 19200), 1 << 20, np.int32), "s32", "5.1")
        tone.sample_rate, tone.pts = 192000, 0
        out.mux(sound.encode(tone))
    for codec, rate in (("aac", 96000), ("flac", 192000)):
        target = tmp_path / f"{codec}.mkv"
        written(tmp_path / "in.mkv", target, colorizer, audio=codec)
        with av.open(target) as container:
            context = container.streams.audio[0].codec_context
            assert (context.name, context.sample_rate, context.layout.name) == (codec, rate, "5.1")
    assert np.array_equal(heard(tmp_path / "in.mkv")[1], heard(tmp_path / "flac.mkv")[1])


def test_sound_and_subtitles_are_dropped(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = with_subtitles(make("plain.mkv", times=range(5)), tmp_path / "in.mkv")
    written(clip, tmp_path / "out.mp4", colorizer, subtitles="drop")
    loud = make("loud.avi", sound="adpcm_ms", times=range(10), time_base=Fraction(1, 25))
    written(loud, tmp_path / "silent.mp4", colorizer, audio="drop")
    for name in ("out.mp4", "silent.mp4"):
        with av.open(tmp_path / name) as container:
            assert {"audio", "subtitle"}.isdisjoint(stream.type for stream in container.streams)


def test_settings_that_help_are_named(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    loud = make("in.avi", sound="adpcm_ms", times=range(10), time_base=Fraction(1, 25))
    reasons = {
        (".mp4", "copy"): ".mp4 cannot hold its audio stream 1 (adpcm_ms); "
        "write .mkv, or set `audio` to aac, flac or drop",
        (".mov", "flac"): ".mov cannot hold its audio stream 1 (adpcm_ms) as flac; "
        "write .mkv, or set `audio` to aac or drop",
        (".webm", "aac"): ".webm cannot hold its audio stream 1 (adpcm_ms) as aac; "
        "write .mkv, or set `audio` to drop",
    }
    for (suffix, audio), reason in reasons.items():
        codec = "av1" if suffix == ".webm" else "h264"
        result = run(loud, tmp_path / f"out{suffix}", colorizer, audio=audio, codec=codec)
        assert result.reason == reason
