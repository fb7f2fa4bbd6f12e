"""Writing the video file: the new video stream, and all other streams as they were."""

import contextlib
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.infer.video.choosing import Copies, Way
from colorize_gan.infer.video.codecs import CODECS
from colorize_gan.infer.video.copies import Excerpt, Timed, add_copy, copied_packets
from colorize_gan.infer.video.encoder import EncoderSettings
from colorize_gan.infer.video.files import create_video, open_video
from colorize_gan.infer.video.matroska import tell_aspect
from colorize_gan.infer.video.metadata import (
    kept_stream_tags,
    kept_tags,
    needs_free_names,
    with_comment,
    without_timecode,
)
from colorize_gan.infer.video.sound import add_sound, encoded_sound
from colorize_gan.infer.video.source import Clip

if TYPE_CHECKING:
    from av.container.core import Chapter

WHOLE_MILLISECONDS = frozenset({"matroska", "webm"})
"""FFmpeg's names of the containers that keep no shorter times."""


@dataclass(frozen=True)
class CodedVideo:
    """An encoded video stream."""

    packets: Iterable[tuple[bytes, bool]]
    """Content of each packet, and whether it is a key frame, in the order of decoding."""
    times: np.ndarray
    """The times of all packets, int64 ``(N,)``, in the same order, in units of the clip's time base."""
    last_duration: int
    """Duration of the frame that is shown last."""


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
        options = container_options(form, clip.time_base, tags)
        out = stack.enter_context(create_video(path, form, options, loosely=copied.loosely))
        stream = add_video(out, form, settings)
        if clip.display_matrix:
            stream.set_display_matrix(clip.display_matrix)
        stream.metadata.update(kept_stream_tags(keep(source.streams[clip.stream].metadata)))
        stream.disposition = source.streams[clip.stream].disposition
        added = {index: _add(source.streams[index], out, form, way) for index, way in copied.ways.items()}
        sounds, copies = _sorted_out(added, copied.ways)
        out.metadata.update(tags)
        out.set_chapters(_moved_chapters(source.chapters(), excerpt, clip.origin * clip.time_base, offset))
        coded = _video_packets(video, stream, clip.time_base, offset)
        others = copied_packets(source, copies, excerpt, clip, offset)
        encoded = [encoded_sound(clip, index, sound, excerpt, offset) for index, sound in sounds.items()]
        for _, packet in heapq.merge(coded, others, *encoded, key=lambda timed: timed[0]):
            out.mux(packet)
    complete(path, form, settings)


def _add(stream: Stream, out: OutputContainer, form: str, way: Way) -> Stream:
    if isinstance(stream, AudioStream) and way in ("aac", "flac"):
        return add_sound(stream, out, way)
    return add_copy(stream, out, form)


def _sorted_out(
    added: Mapping[int, Stream], ways: Mapping[int, Way]
) -> tuple[dict[int, AudioStream], dict[int, Stream]]:
    """Return the streams whose packets are encoded, and those whose packets are copied."""
    sounds, copies = {}, {}
    for index, stream in added.items():
        if isinstance(stream, AudioStream) and ways[index] in ("aac", "flac"):
            sounds[index] = stream
        elif not isinstance(stream, AttachmentStream):
            copies[index] = stream
    return sounds, copies


def complete(path: Path, form: str, settings: EncoderSettings) -> None:
    """Add what PyAV cannot write to a finished file."""
    if form in WHOLE_MILLISECONDS and settings.aspect not in (None, 1):
        tell_aspect(path, settings.aspect)


def _kept_without_timecode(tags: Mapping[str, str]) -> dict[str, str]:
    return without_timecode(kept_tags(tags))


def container_options(form: str, time_base: Fraction, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a container of FFmpeg's name ``form`` that will hold ``tags``."""
    if form not in ("mp4", "mov"):
        return {"fflags": "+bitexact"}  # else Matroska's identifiers are random
    # the units of tracks and of the edit lists that keep a late start
    unit = str(time_base.denominator)
    flags = "+faststart+write_colr" + ("+use_metadata_tags" if needs_free_names(tags) else "")
    return {"movflags": flags, "video_track_timescale": unit, "movie_timescale": unit}


def add_video(out: OutputContainer, form: str, settings: EncoderSettings) -> VideoStream:
    """Add the video stream; its encoder makes the headers, and encodes nothing.

    Args:
        out: the container.
        form: FFmpeg's name of it.
        settings: of the encoder.
    """
    stream = out.add_stream(CODECS[settings.codec].encoder, rate=settings.rate)
    assert isinstance(stream, VideoStream)
    settings.open(stream.codec_context)
    stream.time_base = settings.time_base
    if settings.codec == "h265" and form in ("mp4", "mov"):
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
