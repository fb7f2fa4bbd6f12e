"""Writing the video file: the new video stream, and all other streams as they were."""

import contextlib
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream
from av.video.stream import VideoStream

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.infer.video.copies import (
    Excerpt,
    Timed,
    add_copy,
    can_hold,
    choose_streams,
    copied_packets,
    notes_on_streams,
)
from colorize_gan.infer.video.encoder import CODECS, EncoderSettings
from colorize_gan.infer.video.files import create_video, open_video
from colorize_gan.infer.video.metadata import (
    has_timecode,
    kept_stream_tags,
    kept_tags,
    needs_free_names,
    with_comment,
    without_timecode,
)
from colorize_gan.infer.video.source import Clip

if TYPE_CHECKING:
    from av.container.core import Chapter

_WHOLE_MILLISECONDS = frozenset({"matroska", "webm"})
_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class CodedVideo:
    """An encoded video stream."""

    packets: Iterable[tuple[bytes, bool]]
    """Content of each packet, and whether it is a key frame, in the order of decoding."""
    times: np.ndarray
    """The times of all packets, int64 ``(N,)``, in the same order, in units of the clip's time base."""
    last_duration: int
    """Of the frame that is shown last."""


@dataclass(frozen=True)
class Copies:
    """What is copied."""

    streams: list[int]
    """Their indices in the source."""
    loosely: bool
    """Whether some need `create_video` to be lenient."""
    timecode: bool
    """Whether the time code of the first frame is."""
    notes: list[str]
    """What will not be as it was."""


def plan_copies(clip: Clip, suffix: str, settings: EncoderSettings, excerpt: Excerpt) -> Copies:
    """Choose what is copied into a container of this suffix.

    Raises:
        VideoError: it cannot hold the video, the sound or the subtitles.
    """
    form = CONTAINERS[suffix]
    if not can_hold(form, lambda trial: _add_video(trial, settings)):
        raise VideoError(_why_not(suffix, form, settings))
    with open_video(clip.path) as source:
        ways = choose_streams(source, clip.stream, suffix)
        loosely = "loosely" in ways.values()
        notes = notes_on_streams(source, ways, suffix)
        if loosely and source.chapters():
            notes.append(f"chapters left out: {suffix} cannot hold them beside this sound")
        timecode = excerpt.start is None and _holds_tags(form, settings, source, clip)
        if not timecode and any(
            has_timecode(part.metadata) for part in (source, source.streams[clip.stream])
        ):
            notes.append("its time code is left out: it is not that of the first frame written here")
    copied = [index for index, way in ways.items() if way]
    return Copies(copied, loosely, timecode, notes + _lost_by_matroska(form, suffix, clip, settings))


def _holds_tags(form: str, settings: EncoderSettings, source: InputContainer, clip: Clip) -> bool:
    """Tell whether a container holds the source's tags: a time code may not fit the rate of the video."""

    def add(trial: OutputContainer) -> None:
        tags = kept_stream_tags(source.streams[clip.stream].metadata)
        _add_video(trial, settings).metadata.update(tags)
        trial.metadata.update(kept_tags(source.metadata))

    return can_hold(form, add)


def _lost_by_matroska(form: str, suffix: str, clip: Clip, settings: EncoderSettings) -> list[str]:
    """Return notes on what Matroska and WebM do not keep of the video."""
    notes = []
    if form in _WHOLE_MILLISECONDS and (clip.time_base * 1000).denominator != 1:
        notes.append(f"{suffix} keeps times in whole milliseconds; .mp4 and .mov keep them exactly")
    tells_aspect = settings.aspect in (None, 1) or CODECS[settings.codec].tells_aspect
    if form in _WHOLE_MILLISECONDS and not tells_aspect:
        notes.append(f"{suffix} with {settings.codec} loses the aspect of pixels, {settings.aspect}")
    return notes


def _why_not(suffix: str, form: str, settings: EncoderSettings) -> str:
    """Say why a container does not take the video."""
    second = Fraction(1, 25)
    usual = replace(settings, width=640, height=360, rate=1 / second, time_base=second, aspect=None)
    if not can_hold(form, lambda trial: _add_video(trial, usual)):
        return f"{suffix} cannot hold {settings.codec}; write .mkv, or choose another codec"
    return (
        f"{settings.codec} takes no video of {settings.width} x {settings.height} pixels "
        f"at {float(settings.rate):.6g} frames/s; choose another codec"
    )


def write_video(
    path: Path,
    suffix: str,
    clip: Clip,
    settings: EncoderSettings,
    video: CodedVideo,
    copied: Copies,
    excerpt: Excerpt,
    comment: str,
) -> None:
    """Write the file: ``video``, and the ``copied`` streams, chapters and metadata of the clip.

    Raises:
        VideoError: FFmpeg cannot write it.
        OSError: it cannot be written.
    """
    form = CONTAINERS[suffix]
    first = int(video.times.min())
    # an excerpt begins at zero, else times stay as they are
    offset = first * clip.time_base if excerpt.start is not None else Fraction(0)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_video(clip.path))
        keep = kept_tags if copied.timecode else _kept_without_timecode
        tags = with_comment(keep(source.metadata), comment)
        options = _options(form, clip, tags)
        out = stack.enter_context(create_video(path, form, options, loosely=copied.loosely))
        stream = _add_video(out, settings)
        if clip.display_matrix:
            stream.set_display_matrix(clip.display_matrix)
        stream.metadata.update(kept_stream_tags(keep(source.streams[clip.stream].metadata)))
        stream.disposition = source.streams[clip.stream].disposition
        added = {index: add_copy(source.streams[index], out, form) for index in copied.streams}
        copies = {index: copy for index, copy in added.items() if not isinstance(copy, AttachmentStream)}
        out.metadata.update(tags)
        out.set_chapters(_moved_chapters(source.chapters(), excerpt, clip.origin * clip.time_base, offset))
        coded = _video_packets(video, stream, clip.time_base, offset)
        others = copied_packets(source, copies, excerpt, clip, offset)
        for _, packet in heapq.merge(coded, others, key=lambda timed: timed[0]):
            out.mux(packet)


def _kept_without_timecode(tags: Mapping[str, str]) -> dict[str, str]:
    return without_timecode(kept_tags(tags))


def check_written(path: Path, clip: Clip, times: np.ndarray, excerpt: Excerpt) -> None:
    """Check that a file has all frames, at the times (see `CodedVideo`) they have in the clip.

    Raises:
        VideoError: it has not.
    """
    first = int(times.min()) if excerpt.start is not None else 0
    wanted = [(int(time) - first) * clip.time_base for time in np.sort(times)]
    with open_video(path) as container:
        written = sorted(
            packet.pts * packet.time_base for packet in container.demux(video=0) if packet.pts is not None
        )
        rounds = container.format.name.startswith("matroska")
    if len(written) != len(wanted):
        raise VideoError(f"{len(written)} of {len(wanted)} frames were written: choose another container")
    # where sound begins before zero, Matroska moves all streams
    shift = written[0] - wanted[0] if rounds else 0
    errors = (abs(found - time - shift) for found, time in zip(written, wanted, strict=True))
    if max(errors) > (_MILLISECOND if rounds else 0):
        raise VideoError("the container does not keep its times: choose another one")


def _options(form: str, clip: Clip, tags: Mapping[str, str]) -> dict[str, str]:
    if form not in ("mp4", "mov"):
        return {"fflags": "+bitexact"}  # else Matroska's identifiers are random
    # the units of tracks and of the edit lists that keep a late start
    unit = str(clip.time_base.denominator)
    flags = "+faststart" + ("+use_metadata_tags" if needs_free_names(tags) else "")
    return {"movflags": flags, "video_track_timescale": unit, "movie_timescale": unit}


def _add_video(out: OutputContainer, settings: EncoderSettings) -> VideoStream:
    """Add the video stream; its encoder makes the headers, and encodes nothing."""
    stream = out.add_stream(CODECS[settings.codec].encoder, rate=settings.rate)
    assert isinstance(stream, VideoStream)
    settings.open(stream.codec_context)
    stream.time_base = settings.time_base
    if settings.codec == "h265" and out.format.name in ("mp4", "mov"):
        stream.codec_context.codec_tag = "hvc1"  # Apple's players want it
    return stream


def _moved_chapters(
    chapters: list["Chapter"], excerpt: Excerpt, origin: Fraction, offset: Fraction
) -> list["Chapter"]:
    """Return the chapters that begin in the excerpt."""
    moved: list[Chapter] = []
    for chapter in chapters:
        unit = chapter["time_base"] or Fraction(1)
        if excerpt.has(chapter["start"] * unit - origin):
            shift = round((offset + origin) / unit)
            moved.append(chapter | {"start": chapter["start"] - shift, "end": chapter["end"] - shift})
    return moved


def _video_packets(video: CodedVideo, stream: VideoStream, time_base: Fraction, offset: Fraction) -> Timed:
    times = video.times - round(offset / time_base)
    shown = np.sort(times)
    rank = np.searchsorted(shown, times)
    durations = np.diff(shown, append=shown[-1] + video.last_duration)
    decoding = _decoding_times(shown, rank, int(np.median(durations)))
    for number, (content, is_key) in enumerate(video.packets):
        packet = Packet(content)
        packet.stream, packet.time_base, packet.is_keyframe = stream, time_base, is_key
        packet.pts, packet.dts = int(times[number]), int(decoding[number])
        packet.duration = int(durations[rank[number]])
        yield float(decoding[number] * time_base), packet


def _decoding_times(shown: np.ndarray, rank: np.ndarray, step: int) -> np.ndarray:
    """Return when each packet is decoded: the times that are shown, so early that none comes too late.

    Each segment has its own encoder; what they say of it would overlap.
    """
    delay = int((np.arange(len(rank)) - rank).max(initial=0))
    before = shown[0] - step * np.arange(delay, 0, -1)
    return np.concatenate([before, shown])[: len(shown)]
