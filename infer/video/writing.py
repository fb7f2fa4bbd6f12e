"""Writing the video file: the new video stream, and all other streams as they were."""

import functools
import heapq
import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.infer.video.encoder import CODECS, EncoderSettings
from colorize_gan.infer.video.files import AS_IT_IS, create_video, open_video, packets_of
from colorize_gan.infer.video.source import Clip

if TYPE_CHECKING:
    from av.container.core import Chapter

_WHOLE_MILLISECONDS = frozenset({"matroska", "webm"})
_MILLISECOND = Fraction(1, 1000)
_NEEDED = frozenset({"audio", "subtitle", "video"})
_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
_HAVE_COVERS = frozenset({"mp4", "matroska"})  # the others take them, and write none
_OWN_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id")
_STATISTICS = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS_")  # Matroska's, of the old video stream


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
class Excerpt:
    """The part of the source that is taken, in seconds."""

    start: Fraction | None = None
    end: Fraction | None = None

    def has(self, time: Fraction) -> bool:
        """Tell whether ``time`` is in it."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


def plan_copies(clip: Clip, suffix: str, settings: EncoderSettings) -> tuple[list[int], list[str]]:
    """Choose the streams to copy into a container of this suffix.

    Returns:
        Their indices, and what will not be as it was.

    Raises:
        VideoError: it cannot hold the codec, the sound or the subtitles.
    """
    form, codec = CONTAINERS[suffix], CODECS[settings.codec]
    if not _can_hold(form, lambda trial: _add_video(trial, settings)):
        raise VideoError(f"{suffix} cannot hold {settings.codec}; write .mkv, or choose another --codec")
    copied, notes = [], []
    with open_video(clip.path) as source:
        for stream in source.streams:
            if stream.index == clip.stream:
                continue
            if _can_copy(stream, form):
                copied.append(stream.index)
                if stream.type == "video" and not _is_cover(stream):
                    notes.append(f"{_described(stream)} stays as it is: only the first video is coloured")
            elif stream.type in _NEEDED and not _is_cover(stream):
                raise VideoError(f"{suffix} cannot hold its {_described(stream)}; {_advice(stream)}")
            else:
                notes.append(f"{_described(stream)} left out: {suffix} cannot hold it")
    if form in _WHOLE_MILLISECONDS and (clip.time_base * 1000).denominator != 1:
        notes.append(f"{suffix} keeps times in whole milliseconds; .mp4 and .mov keep them exactly")
    if form in _WHOLE_MILLISECONDS and settings.aspect not in (None, 1) and not codec.tells_aspect:
        notes.append(f"{suffix} with {settings.codec} loses the aspect of pixels, {settings.aspect}")
    return copied, notes


def write_video(
    path: Path,
    suffix: str,
    clip: Clip,
    settings: EncoderSettings,
    video: CodedVideo,
    copied: list[int],
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
    with open_video(clip.path) as source, create_video(path, form, _options(form, clip)) as out:
        stream = _add_video(out, settings)
        if clip.display_matrix:
            stream.set_display_matrix(clip.display_matrix)
        stream.metadata.update(_kept_tags(source.streams[clip.stream].metadata))
        stream.disposition = source.streams[clip.stream].disposition
        added = {index: _add_copy(source.streams[index], out) for index in copied}
        copies = {index: copy for index, copy in added.items() if not isinstance(copy, AttachmentStream)}
        out.metadata.update(_kept_tags(source.metadata))
        said = out.metadata.get("comment")
        out.metadata["comment"] = f"{said}; {comment}" if said else comment
        out.set_chapters(_moved_chapters(source.chapters(), excerpt, offset))
        coded = _video_packets(video, stream, clip.time_base, offset)
        others = _copied_packets(source, copies, excerpt, offset)
        for _, packet in heapq.merge(coded, others, key=lambda timed: timed[0]):
            out.mux(packet)


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


def _options(form: str, clip: Clip) -> dict[str, str]:
    if form not in ("mp4", "mov"):
        return {"fflags": "+bitexact"}  # else Matroska's identifiers are random
    # the units of tracks and of the edit lists that keep a late start
    unit = str(clip.time_base.denominator)
    return {"movflags": "+faststart", "video_track_timescale": unit, "movie_timescale": unit}


def _add_video(out: OutputContainer, settings: EncoderSettings) -> VideoStream:
    """Add the video stream; its encoder makes the headers, and encodes nothing."""
    stream = out.add_stream(CODECS[settings.codec].encoder, rate=settings.rate)
    assert isinstance(stream, VideoStream)
    settings.open(stream.codec_context)
    stream.time_base = settings.time_base
    if settings.codec == "h265" and out.format.name in ("mp4", "mov"):
        stream.codec_context.codec_tag = "hvc1"  # Apple's players want it
    return stream


def _add_copy(stream: Stream, out: OutputContainer) -> Stream:
    if isinstance(stream, AttachmentStream):
        return _attach(stream, stream.data, "", stream.mimetype or "", out)
    if _is_cover(stream) and out.format.name == "matroska":  # there it is no stream
        return _attach(stream, _content_of(stream), *_COVERS[stream.codec_context.name], out)
    copy = out.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(_kept_tags(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def _attach(stream: Stream, content: bytes, name: str, kind: str, out: OutputContainer) -> Stream:
    """Attach what is, or was, attached; ``name`` and media type where it has none of its own."""
    tags = stream.metadata
    name = tags.get("filename", name).encode("utf-8", "replace").decode()  # PyAV takes no other bytes
    return out.add_attachment(name, tags.get("mimetype", kind), content)


def _is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _content_of(cover: Stream) -> bytes:
    """Return a cover picture: FFmpeg gives it as a packet without a time."""
    with open_video(Path(cover.container.name)) as source:
        packets = source.demux([source.streams[cover.index]])
        return next((bytes(packet) for packet in packets if packet.size), b"")


def _advice(stream: Stream) -> str:
    """Say which container can hold a stream."""
    able = [suffix for suffix, form in CONTAINERS.items() if _can_copy(stream, form)]
    if not able:
        return "nor can any container that is written here; convert it first"
    return f"write {'.mkv' if '.mkv' in able else able[0]}"


def _can_copy(stream: Stream, form: str) -> bool:
    if _is_cover(stream) and (form not in _HAVE_COVERS or stream.codec_context.name not in _COVERS):
        return False
    return _can_hold(form, functools.partial(_add_copy, stream))


def _can_hold(form: str, add: Callable[[OutputContainer], Stream]) -> bool:
    """Tell whether FFmpeg writes a header with what ``add`` adds."""
    try:
        with av.open(io.BytesIO(), "w", form, metadata_errors=AS_IT_IS) as trial:
            add(trial)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _described(stream: Stream) -> str:
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    return f"{stream.type} stream {stream.index} ({codec})"


def _kept_tags(tags: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in tags.items()
        if key not in _OWN_TAGS and not key.upper().startswith(_STATISTICS)
    }


def _moved_chapters(chapters: list["Chapter"], excerpt: Excerpt, offset: Fraction) -> list["Chapter"]:
    """Return the chapters that begin in the excerpt."""
    moved: list[Chapter] = []
    for chapter in chapters:
        unit = chapter["time_base"] or Fraction(1)
        if excerpt.has(chapter["start"] * unit):
            shift = round(offset / unit)
            moved.append(chapter | {"start": chapter["start"] - shift, "end": chapter["end"] - shift})
    return moved


_Timed = Iterator[tuple[float, "Packet[Any]"]]
"""Packets with the second they are decoded at."""


def _video_packets(video: CodedVideo, stream: VideoStream, time_base: Fraction, offset: Fraction) -> _Timed:
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


def _copied_packets(
    source: InputContainer, copies: dict[int, Stream], excerpt: Excerpt, offset: Fraction
) -> _Timed:
    if not copies:
        return
    for packet in packets_of(source, [source.streams[index] for index in copies]):
        unit, stamp = packet.time_base, packet.pts if packet.pts is not None else packet.dts
        if packet.size and _is_cover(packet.stream):
            packet.pts = packet.dts = 0
            packet.stream = copies[packet.stream_index]
            yield -math.inf, packet
            continue
        if stamp is None or not excerpt.has(stamp * unit):  # without any: the mark of the end
            continue
        shift = round(offset / unit)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = copies[packet.stream_index]
        yield float((stamp - shift) * unit), packet
