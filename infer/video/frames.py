"""The frames of a video in order, each with a time after the one before."""

import heapq
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.files import open_video, packets_of
from colorize_gan.infer.video.source import Clip, planar_format, tags_of

_TELL_DURATION = frozenset({"mov", "matroska", "avi", "asf", "flv"})  # others estimate it
_SEEKS_BY_TIME_SHOWN = frozenset({"mov", "matroska"})  # others land after the key frame that is needed
_MOST_REORDERED = 33  # packets that a decoder takes before it gives the first frame
_MOST_BACK = 1  # seconds by which a time may be before the last: more is another recording
_SHORTFALL = 0.5  # seconds by which a file may be shorter than its header says


class Frames:
    """The frames of a clip, in order, each with a time after the one before."""

    def __init__(self, clip: Clip, start: Fraction | None = None, end: Fraction | None = None) -> None:
        """Prepare to read the frames shown from ``start`` until before ``end``, in seconds."""
        self.damaged_packets = 0
        """Packets that the decoder refused."""
        self.mended_times = 0
        """Frames whose time was missing, or not after the one before."""
        self.missing_seconds = 0.0
        """Seconds that the header promises and the file lacks; known when all frames are read."""
        self.last_duration = 0
        """Duration of the last frame, in units of the clip's time base."""
        self._clip, self._start, self._end = clip, start, end
        self._step = max(1, round(1 / clip.rate / clip.time_base))
        self._last_time, self._reached = -(2**62), 0.0
        self._pending: list[int] = []  # decoding times of packets whose frames are to come

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames.

        Raises:
            VideoError: the picture changes its size, its bits or how its colours are to be read.
        """
        clip = self._clip
        with open_video(clip.path) as container:
            stream = container.streams.video[_position(container, clip.stream)]
            if self._start and _SEEKS_BY_TIME_SHOWN & set(container.format.name.split(",")):
                container.seek(int(self._start / clip.time_base) + clip.origin, stream=stream)
            for frame in self._decode(container, stream):
                if change := _change(frame, clip):
                    raise VideoError(f"{change} {self._place()}; split it there")
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
            if packet.dts is not None:
                heapq.heappush(self._pending, packet.dts)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged_packets += 1
                self._next_decoding_time()
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
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None:
                end = float((stamp + (packet.duration or 0)) * packet.time_base)
                self._reached = max(self._reached, end)
            yield packet

    def _mend_time(self, frame: VideoFrame) -> int:
        """Give the frame a time, counted from the clip's origin, that is later than the last; return it."""
        decoded = self._next_decoding_time()
        time = frame.pts if frame.pts is not None and self._clip.tells_times else decoded
        if time is None:
            time = max(self._clip.origin, self._last_time + self._clip.origin + self._step)
            self.mended_times += 1
        time -= self._clip.origin
        if (self._last_time - time) * self._clip.time_base > _MOST_BACK and self._last_time > -(2**62):
            raise VideoError(f"its time starts again {self._place()}; split it there")
        if time <= self._last_time:
            time = self._last_time + 1
            self.mended_times += 1
        frame.pts = self._last_time = time
        return time

    def _place(self) -> str:
        """Say where the last frame is, as a person counts: from the first picture."""
        return f"after {float(self._last_time * self._clip.time_base - self._clip.first):.2f} s"

    def _next_decoding_time(self) -> int | None:
        """Return when the next frame is due by the packets: the earliest time at which one is decoded."""
        while len(self._pending) > _MOST_REORDERED:  # packets without a frame
            heapq.heappop(self._pending)
        return heapq.heappop(self._pending) if self._pending else None

    def _shortfall(self, container: InputContainer) -> float:
        if container.duration is None or not _TELL_DURATION & set(container.format.name.split(",")):
            return 0
        promised = ((container.start_time or 0) + container.duration) / av.time_base
        missing = promised - self._reached
        return missing if missing > _SHORTFALL else 0


def _change(frame: VideoFrame, clip: Clip) -> str:
    """Say how a frame differs from the clip's first; empty where it does not."""
    if (frame.height, frame.width) != (clip.height, clip.width):
        sizes = (f"{part.width} x {part.height}" for part in (clip, frame))
        return f"its picture changes from {' to '.join(sizes)} pixels"
    if (bits := planar_format(frame.format).components[0].bits) != clip.depth:
        return f"its samples change from {clip.depth} to {bits} bits"
    return "" if tags_of(frame) == clip.tags else "its colour matrix, range or primaries change"


def _position(container: InputContainer, index: int) -> int:
    return next(n for n, stream in enumerate(container.streams.video) if stream.index == index)
