"""Reading a video file with PyAV: what it is, and its frames in order with their times."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.video.files import open_video, packets_of
from colorize_gan.infer.video.side_data import display_matrix

_LIMITED, _FULL = 1, 2  # AVColorRange
_BT709, _UNSPECIFIED, _BT601 = 1, 2, 6  # code points of matrix, primaries and transfer: ITU-T H.273
_SDR_TRANSFERS = frozenset({0, 1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15})
_NARROW_PRIMARIES = frozenset({0, 1, 2, 4, 5, 6, 7, 22})  # near enough to BT.709's
_SWSCALE_BT601 = 5
_PLANAR = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le", 32: "yuv444p16le"}
"""What RGB and packed samples of at most so many bits become; 32 are floats."""
_HIGH_DEFINITION = 720  # lines; players take untagged video of fewer for BT.601
_TELL_DURATION = frozenset({"mov", "matroska", "avi", "asf", "flv"})  # others estimate it
_SEEKS_BY_TIME_SHOWN = frozenset({"mov", "matroska"})  # others land after the key frame that is needed
_MOST_BACK = 1  # seconds by which a time may be before the last: more is another recording
_SHORTFALL = 0.5  # seconds by which a file may be shorter than its header says


@dataclass(frozen=True)
class ColorTags:
    """How a stream's samples are to be read: code points of ITU-T H.273."""

    matrix: int
    primaries: int
    transfer: int
    is_full: bool
    """Whether luma takes all codes, or 16 to 235 (of 8 bits)."""

    @property
    def range_code(self) -> int:
        """FFmpeg's code of the range."""
        return _FULL if self.is_full else _LIMITED


@dataclass(frozen=True)
class Clip:
    """What is known of a video file before its frames are read."""

    path: Path
    stream: int
    """Index of the stream that is colorized: the first video that is no cover picture."""
    height: int
    width: int
    depth: int
    """Bits of a sample."""
    tags: ColorTags
    time_base: Fraction
    """Seconds that one unit of time lasts."""
    rate: Fraction
    """Mean frames a second."""
    aspect: Fraction | None
    """Width of a pixel whose height is 1."""
    display_matrix: tuple[int, ...] | None
    """How the picture is turned when it is shown, as FFmpeg keeps it."""
    quarter_turns: int
    """The same in counterclockwise turns by 90 degrees, 0 to 3."""
    is_interlaced: bool
    has_alpha: bool
    frames: int
    """By the header, or estimated; 0 when there is no telling."""


def probe(path: StrPath) -> Clip:
    """Find out what a video is.

    Raises:
        VideoError: not a video that can be colorized, and why.
    """
    path = Path(path)
    try:
        if not path.stat().st_size:
            raise VideoError("the file is empty")
        with open_video(path) as container:
            stream = _video_stream(container)
            return _clip(path, container, stream, _first_frame(container, stream))
    except av.FFmpegError as error:
        raise VideoError(f"damaged, cut short or not a video ({error.strerror})") from error


class Frames:
    """The frames of a clip, in order, each with a time after the one before."""

    def __init__(self, clip: Clip, start: Fraction | None = None, end: Fraction | None = None) -> None:
        """Prepare to read the frames shown from ``start`` until before ``end``, in seconds."""
        self.damaged_packets = 0
        """Packets that the decoder refused."""
        self.mended_times = 0
        """Frames whose time was missing, or not after the one before."""
        self.missing_seconds = 0.0
        """What the header promises and the file has not; known when all frames are read."""
        self.last_duration = 0
        """Of the last frame, in units of the clip's time base."""
        self._clip, self._start, self._end = clip, start, end
        self._step = max(1, round(1 / clip.rate / clip.time_base))
        self._last_time, self._reached = -(2**62), 0.0

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames.

        Raises:
            VideoError: the picture changes its size.
        """
        clip = self._clip
        with open_video(clip.path) as container:
            stream = container.streams.video[_position(container, clip.stream)]
            if self._start and _SEEKS_BY_TIME_SHOWN & set(container.format.name.split(",")):
                container.seek(int(self._start / clip.time_base), stream=stream)
            for frame in self._decode(container, stream):
                if (frame.height, frame.width) != (clip.height, clip.width):
                    raise VideoError(
                        f"its picture changes from {clip.width} x {clip.height} to "
                        f"{frame.width} x {frame.height} pixels; split it there"
                    )
                if (form := to_planar(frame, clip.tags).format.components[0].bits) != clip.depth:
                    raise VideoError(f"its samples change from {clip.depth} to {form} bits; split it there")
                if _tags(frame) != clip.tags:
                    raise VideoError("its colour matrix, range or primaries change; split it there")
                time = self._mend_time(frame) * clip.time_base
                if self._end is not None and time >= self._end:
                    return
                if self._start is None or time >= self._start:
                    self.last_duration = frame.duration or self._step
                    yield frame
            self.missing_seconds = self._shortfall(container)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        stream.thread_type = "SLICE"  # threads of frames: an error while they are flushed loses the others
        stream.codec_context.flags |= Flags.output_corrupt
        for packet in self._packets(container):
            if packet.stream.index != stream.index:  # the last packets have no number but this
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged_packets += 1
                continue
            for frame in frames:
                assert isinstance(frame, VideoFrame)
                yield frame

    def _packets(self, container: InputContainer) -> Iterator["Packet[Any]"]:
        """Yield the packets of all streams: how far they reach tells whether the file is whole."""
        packets = packets_of(container)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # what can be read ends here
                self.damaged_packets += 1
                return
            if packet is None:
                return
            if packet.pts is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._reached = max(self._reached, end)
            yield packet

    def _mend_time(self, frame: VideoFrame) -> int:
        """Give the frame a time when it has none, or one that is not later than the last; return it."""
        if frame.pts is None:
            frame.pts = frame.dts if frame.dts is not None else max(0, self._last_time + self._step)
            self.mended_times += frame.dts is None
        if (self._last_time - frame.pts) * self._clip.time_base > _MOST_BACK and self._last_time > -(2**62):
            at = float(self._last_time * self._clip.time_base)
            raise VideoError(f"its time begins anew after {at:.2f} s; split it there")
        if frame.pts <= self._last_time:
            frame.pts = self._last_time + 1
            self.mended_times += 1
        self._last_time = frame.pts
        return frame.pts

    def _shortfall(self, container: InputContainer) -> float:
        if container.duration is None or not _TELL_DURATION & set(container.format.name.split(",")):
            return 0
        promised = ((container.start_time or 0) + container.duration) / av.time_base
        missing = promised - self._reached
        return missing if missing > _SHORTFALL else 0


def to_planar(frame: VideoFrame, tags: ColorTags) -> VideoFrame:
    """Return a frame with a luma plane: itself, or one converted from RGB or packed samples."""
    if _has_luma_plane(frame.format):
        return frame
    bits = frame.format.components[0].bits
    target = next(name for most, name in _PLANAR.items() if bits <= most)
    matrix = _SWSCALE_BT601 if tags.matrix == _BT601 else tags.matrix
    # on several threads FFmpeg gives other samples now and then, where their slices meet
    return frame.reformat(format=target, dst_colorspace=matrix, dst_color_range=_LIMITED, threads=1)


def _has_luma_plane(form: VideoFormat) -> bool:
    """Tell whether the first plane is luma, in native integers with the value in the lower bits."""
    is_separate = form.is_planar and not form.is_rgb and not form.name.startswith(("p0", "p2", "p4"))
    return (is_separate or form.name.startswith("gray")) and not form.name.endswith("be")


def _position(container: InputContainer, index: int) -> int:
    return next(n for n, stream in enumerate(container.streams.video) if stream.index == index)


def _video_stream(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise VideoError(f"no video stream (only {', '.join(kinds) or 'nothing'})")


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame:
    if stream.codec_context is None:
        raise VideoError("its codec is none that can be decoded here")
    stream.codec_context.flags |= Flags.output_corrupt
    for packet in packets_of(container, [stream]):
        if packet.has_sidedata("encryption_info"):
            raise VideoError("encrypted; only its owner can give you one that is not")
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        if frames:
            assert isinstance(frames[0], VideoFrame)
            return frames[0]
    raise VideoError("no frame of it can be decoded: damaged")


def _clip(path: Path, container: InputContainer, stream: VideoStream, frame: VideoFrame) -> Clip:
    assert stream.time_base is not None
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    seconds = Fraction(container.duration or 0, av.time_base)
    tags = _tags(frame)
    return Clip(
        path=path,
        stream=stream.index,
        height=frame.height,
        width=frame.width,
        depth=to_planar(frame, tags).format.components[0].bits,
        tags=tags,
        time_base=stream.time_base,
        rate=rate,
        aspect=stream.sample_aspect_ratio,
        display_matrix=display_matrix(frame),
        quarter_turns=round(frame.rotation / 90) % 4,
        is_interlaced=frame.interlaced_frame,
        has_alpha=len(frame.format.components) in (2, 4),
        frames=stream.frames or int(seconds * rate),
    )


def _tags(frame: VideoFrame) -> ColorTags:
    """Return a frame's tags, completed as players complete them.

    Raises:
        VideoError: HDR, or of a wide gamut.
    """
    if frame.color_trc not in _SDR_TRANSFERS or frame.color_primaries not in _NARROW_PRIMARIES:
        raise VideoError("high dynamic range or wide gamut; convert it to SDR in BT.709 first")
    is_native = _has_luma_plane(frame.format)
    matrix = frame.colorspace
    if matrix == _UNSPECIFIED or frame.format.is_rgb:
        matrix = _BT709 if frame.height >= _HIGH_DEFINITION else _BT601
    # FFmpeg and its players take these for full range where there is no tag
    is_full_by_name = frame.format.name.startswith(("yuvj", "gray"))
    is_full = frame.color_range == _FULL or (not frame.color_range and is_full_by_name)
    return ColorTags(matrix, frame.color_primaries, frame.color_trc, is_full and is_native)
