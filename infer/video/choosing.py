"""Which streams are copied, encoded again or left out: what was asked for, and what a container can hold."""

import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Stream

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.containers import CONTAINERS
from colorize_gan.infer.video.copies import COVERS, add_copy, is_cover
from colorize_gan.infer.video.files import AS_IT_IS, create_video, packets_of
from colorize_gan.infer.video.metadata import has_timecode
from colorize_gan.infer.video.options import AudioChoice, SoundCodec, SubtitleChoice
from colorize_gan.infer.video.sound import add_sound, can_decode

_HAVE_COVERS = frozenset({"mp4", "matroska"})  # the others take them, and write none
_MOST_PACKETS = 5000  # in which the first one of each stream is looked for
_NEEDED = frozenset({"audio", "subtitle", "video"})
_PREFERRED = (".mkv", *CONTAINERS)

Way = Literal["plainly", "loosely"] | SoundCodec | None
"""How a stream is copied, see `create_video`, or the codec of a sound; None where it is left out."""


@dataclass(frozen=True)
class Wishes:
    """The user's wishes for the streams beside the video; see `VideoOptions`."""

    audio: AudioChoice = "copy"
    subtitles: SubtitleChoice = "copy"

    def drop(self, stream: Stream) -> bool:
        """Tell whether a stream is to be left out."""
        return {"audio": self.audio, "subtitle": self.subtitles}.get(stream.type) == "drop"


@dataclass(frozen=True)
class Copies:
    """The streams that are written beside the video."""

    ways: dict[int, Way]
    """How each stream is written, by its index in the source."""
    loosely: bool
    """True if `create_video` has to be lenient, for some of them or for the video."""
    timecode: bool
    """True if the time code of the first frame is copied."""
    notes: list[str]
    """Notes on what will differ from the source."""


def choose_streams(source: InputContainer, video: int, suffix: str, wishes: Wishes) -> dict[int, Way]:
    """Return how each stream is written, by its index, but for that of the ``video`` and for time codes.

    Raises:
        VideoError: a container of this suffix cannot hold a stream that is needed.
    """
    firsts = first_packets(source)
    ways: dict[int, Way] = {}
    for stream in source.streams:
        if stream.index == video or is_timecode(stream) or wishes.drop(stream):
            continue
        first = firsts.get(stream.index)
        ways[stream.index] = _way_of(stream, first, CONTAINERS[suffix], wishes.audio)
        if not ways[stream.index] and stream.type in _NEEDED and not is_cover(stream):
            codec = _new_codec(stream, wishes.audio)
            what = described(stream) + (f" as {codec}" if codec else "")
            advice = _advice(stream, first, suffix, wishes.audio)
            raise VideoError(f"{suffix} cannot hold its {what}; {advice}")
    return ways


def notes_on_streams(source: InputContainer, ways: dict[int, Way], suffix: str) -> list[str]:
    """Say which streams are left out or encoded again, and which videos stay without colours."""
    notes = []
    for stream in (source.streams[index] for index in ways):
        way = ways[stream.index]
        if not way:
            notes.append(f"{described(stream)} left out: {suffix} cannot hold it")
        elif way in get_args(SoundCodec):
            notes.append(f"{described(stream)} became {way}")
        elif stream.type == "video" and not is_cover(stream):
            notes.append(f"{described(stream)} stays as it is: only the first video is coloured")
    return notes


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
    """Tell whether a stream is a time code's: FFmpeg makes it again from the tag of the video."""
    return stream.type == "data" and has_timecode(stream.metadata)


def described(stream: Stream) -> str:
    """Return what a person may know a stream by."""
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    return f"{stream.type} stream {stream.index} ({codec})"


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


def _way_of(stream: Stream, first: "Packet[Any] | None", form: str, audio: AudioChoice) -> Way:
    if codec := _new_codec(stream, audio):
        return codec if _can_encode(stream, form, codec) else None
    if _can_copy(stream, first, form):
        return "plainly"
    return "loosely" if form == "matroska" and _can_copy(stream, first, form, loosely=True) else None


def _new_codec(stream: Stream, audio: AudioChoice) -> SoundCodec | None:
    """Return the codec that a stream is to have; None for its own."""
    if stream.type != "audio" or audio not in ("aac", "flac"):
        return None
    return None if stream.codec_context and stream.codec_context.name == audio else audio


def _can_encode(stream: Stream, form: str, codec: SoundCodec) -> bool:
    if not isinstance(stream, AudioStream) or not can_decode(stream):
        return False
    return can_hold(form, lambda trial: add_sound(stream, trial, codec))


def _can_copy(stream: Stream, packet: "Packet[Any] | None", form: str, *, loosely: bool = False) -> bool:
    """Tell whether FFmpeg writes a file of a stream and its first packet; ``loosely``: see `create_video`."""
    if is_cover(stream) and (form not in _HAVE_COVERS or stream.codec_context.name not in COVERS):
        return False

    def add(trial: OutputContainer) -> None:
        copy = add_copy(stream, trial, form)
        if packet and not isinstance(copy, AttachmentStream):
            first = Packet(bytes(packet))
            first.stream, first.time_base, first.is_keyframe = copy, packet.time_base, True
            first.pts, first.dts, first.duration = 0, 0, packet.duration or 0
            trial.mux(first)

    return can_hold(form, add, loosely=loosely)


def _advice(stream: Stream, packet: "Packet[Any] | None", suffix: str, audio: AudioChoice) -> str:
    """Say which container can hold a stream, or which setting helps."""
    able = [f"write {name}" for name in _PREFERRED if _way_of(stream, packet, CONTAINERS[name], audio)][:1]
    if stream.type == "audio":
        codecs = [codec for codec in get_args(SoundCodec) if _can_encode(stream, CONTAINERS[suffix], codec)]
        able.append(f"set `audio` to {' or '.join(filter(None, (', '.join(codecs), 'drop')))}")
    elif stream.type == "subtitle":
        able.append("set `subtitles` to drop")
    return ", or ".join(able) or "no container that is written here can; convert it first"
