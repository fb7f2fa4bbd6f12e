"""The streams that are copied: which of them a container can hold, and their packets."""

import contextlib
import io
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.infer.video.files import AS_IT_IS, create_video, open_video, packets_of
from colorize_gan.infer.video.metadata import has_timecode, kept_stream_tags
from colorize_gan.infer.video.source import Clip

_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
_HAVE_COVERS = frozenset({"mp4", "matroska"})  # the others take them, and write none
_MOST_PACKETS = 5000  # in which the first one of each stream is looked for
_NEEDED = frozenset({"audio", "subtitle", "video"})

Way = Literal["plainly", "loosely"] | None
"""How a stream is copied, see `create_video`; None where it is left out."""
Timed = Iterator[tuple[float, "Packet[Any]"]]
"""Packets with the second they are decoded at."""


@dataclass(frozen=True)
class Excerpt:
    """The part of the source that is taken, in seconds from the clip's origin."""

    start: Fraction | None = None
    end: Fraction | None = None

    @classmethod
    def of(cls, clip: Clip, start: Fraction | None, end: Fraction | None) -> "Excerpt":
        """Return the excerpt of times that a person counts from the first picture of a clock."""
        first = clip.first
        return cls(None if start is None else start + first, None if end is None else end + first)

    def has(self, time: Fraction) -> bool:
        """Tell whether ``time`` is in it."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


@dataclass(frozen=True)
class Copies:
    """What is copied beside the video."""

    streams: list[int]
    """Their indices in the source."""
    loosely: bool
    """Whether `create_video` has to be lenient, for some of them or for the video."""
    timecode: bool
    """Whether the time code of the first frame is copied."""
    notes: list[str]
    """What will not be as it was."""


def first_packets(source: InputContainer) -> dict[int, "Packet[Any]"]:
    """Return the first packet of each stream, by index, as far as one comes soon."""
    found: dict[int, Packet[Any]] = {}
    with contextlib.suppress(av.FFmpegError):
        for number, packet in enumerate(packets_of(source)):
            if packet.size:
                found.setdefault(packet.stream_index, packet)
            if len(found) == len(source.streams) or number > _MOST_PACKETS:
                break
    return found


def is_timecode(stream: Stream) -> bool:
    """Tell whether a stream is a time code's: FFmpeg makes it anew from the tag of the video."""
    return stream.type == "data" and has_timecode(stream.metadata)


def is_cover(stream: Stream) -> bool:
    """Tell whether a stream is a cover picture."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def described(stream: Stream) -> str:
    """Return what a person may know a stream by."""
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    return f"{stream.type} stream {stream.index} ({codec})"


def can_copy(stream: Stream, packet: "Packet[Any] | None", form: str, *, loosely: bool = False) -> bool:
    """Tell whether FFmpeg writes a file of a stream and its first packet; ``loosely``: see `create_video`."""
    if is_cover(stream) and (form not in _HAVE_COVERS or stream.codec_context.name not in _COVERS):
        return False

    def add(trial: OutputContainer) -> None:
        copy = add_copy(stream, trial, form)
        if packet and not isinstance(copy, AttachmentStream):
            first = Packet(bytes(packet))
            first.stream, first.time_base, first.is_keyframe = copy, packet.time_base, True
            first.pts, first.dts, first.duration = 0, 0, packet.duration or 0
            trial.mux(first)

    return can_hold(form, add, loosely=loosely)


def can_hold(form: str, add: Callable[[OutputContainer], object], *, loosely: bool = False) -> bool:
    """Tell whether FFmpeg writes a file with what ``add`` adds."""
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            if loosely:
                trial = create_video(Path(folder) / "trial", form, {}, loosely=True)
            else:
                trial = av.open(io.BytesIO(), "w", form, metadata_errors=AS_IT_IS)
            add(stack.enter_context(trial))
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def choose_streams(source: InputContainer, video: int, suffix: str) -> dict[int, Way]:
    """Return how each stream is copied, by its index, but for that of the ``video`` and for time codes.

    Raises:
        VideoError: a container of this suffix cannot hold a stream that is needed.
    """
    firsts = first_packets(source)
    ways: dict[int, Way] = {}
    for stream in source.streams:
        if stream.index == video or is_timecode(stream):
            continue
        first = firsts.get(stream.index)
        ways[stream.index] = _way_of(stream, first, CONTAINERS[suffix])
        if not ways[stream.index] and stream.type in _NEEDED and not is_cover(stream):
            raise VideoError(f"{suffix} cannot hold its {described(stream)}; {advice(stream, first)}")
    return ways


def _way_of(stream: Stream, first: "Packet[Any] | None", form: str) -> Way:
    if can_copy(stream, first, form):
        return "plainly"
    return "loosely" if form == "matroska" and can_copy(stream, first, form, loosely=True) else None


def notes_on_streams(source: InputContainer, ways: dict[int, Way], suffix: str) -> list[str]:
    """Say which streams are left out, and which videos stay without colours."""
    notes = []
    for stream in (source.streams[index] for index in ways):
        if not ways[stream.index]:
            notes.append(f"{described(stream)} left out: {suffix} cannot hold it")
        elif stream.type == "video" and not is_cover(stream):
            notes.append(f"{described(stream)} stays as it is: only the first video is coloured")
    return notes


def advice(stream: Stream, packet: "Packet[Any] | None") -> str:
    """Say which container can hold a stream."""
    able = [suffix for suffix, form in CONTAINERS.items() if can_copy(stream, packet, form)]
    if ".mkv" in able or can_copy(stream, packet, CONTAINERS[".mkv"], loosely=True):
        return "write .mkv"
    if able:
        return f"write {able[0]}"
    wanted = "its sound to AAC or FLAC" if isinstance(stream, AudioStream) else "it"
    return f"nor can any container that is written here; convert {wanted} first"


def add_copy(stream: Stream, out: OutputContainer, form: str) -> Stream:
    """Add a copy of a stream to a container of FFmpeg's name ``form``."""
    if isinstance(stream, AttachmentStream):
        return _attach(stream, stream.data, "", stream.mimetype or "", out)
    if is_cover(stream) and form == "matroska":  # there it is no stream
        return _attach(stream, _content_of(stream), *_COVERS[stream.codec_context.name], out)
    copy = out.add_stream_from_template(stream, opaque=True)
    copy.metadata.clear()
    copy.metadata.update(kept_stream_tags(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def _attach(stream: Stream, content: bytes, name: str, kind: str, out: OutputContainer) -> Stream:
    """Attach what is, or was, attached; ``name`` and media type where it has none of its own."""
    tags = stream.metadata
    name = tags.get("filename", name).encode("utf-8", "replace").decode()  # PyAV takes no other bytes
    return out.add_attachment(name, tags.get("mimetype", kind), content)


def _content_of(cover: Stream) -> bytes:
    """Return a cover picture: FFmpeg gives it as a packet without a time."""
    with open_video(Path(cover.container.name)) as source:
        packets = source.demux([source.streams[cover.index]])
        return next((bytes(packet) for packet in packets if packet.size), b"")


def copied_packets(
    source: InputContainer, copies: dict[int, Stream], excerpt: Excerpt, clip: Clip, offset: Fraction
) -> Timed:
    """Yield the packets of the copied streams, ``offset`` seconds earlier than from the clip's origin."""
    if not copies:
        return
    origin = clip.origin * clip.time_base
    for packet in _heard_packets(packets_of(source, [source.streams[index] for index in copies])):
        unit, stamp = packet.time_base, packet.pts if packet.pts is not None else packet.dts
        if packet.size and is_cover(packet.stream):
            packet.pts = packet.dts = 0
            packet.stream = copies[packet.stream_index]
            yield -math.inf, packet
            continue
        if stamp is None or not excerpt.has(stamp * unit - origin):  # without any: the mark of the end
            continue
        shift = round((offset + origin) / unit)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = copies[packet.stream_index]
        yield float((stamp - shift) * unit), packet


def _heard_packets(packets: Iterator["Packet[Any]"]) -> Iterator["Packet[Any]"]:
    """Leave out sound that an edit list cuts away, but for the packet that a decoder begins with."""
    last_cut: dict[int, Packet[Any]] = {}
    for packet in packets:
        if packet.is_discard and isinstance(packet.stream, AudioStream):
            last_cut[packet.stream_index] = packet
            continue
        if (before := last_cut.pop(packet.stream_index, None)) and packet.size:
            yield before
        yield packet
