"""The packets of the streams that are copied."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream

from colorize_gan.infer.video.files import open_video, packets_of
from colorize_gan.infer.video.metadata import kept_stream_tags
from colorize_gan.infer.video.source import Clip

COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}

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


def is_cover(stream: Stream) -> bool:
    """Tell whether a stream is a cover picture."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def add_copy(stream: Stream, out: OutputContainer, form: str) -> Stream:
    """Add a copy of a stream to a container of FFmpeg's name ``form``."""
    if isinstance(stream, AttachmentStream):
        return _attach(stream, stream.data, "", stream.mimetype or "", out)
    if is_cover(stream) and form == "matroska":  # there it is no stream
        return _attach(stream, _content_of(stream), *COVERS[stream.codec_context.name], out)
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
