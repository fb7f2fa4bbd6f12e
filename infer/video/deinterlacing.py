"""Interlaced films as progressive ones: FFmpeg's bwdif, before anything else is done with the frames."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

from colorize_gan.infer.video.frames import Frames
from colorize_gan.infer.video.options import Deinterlace
from colorize_gan.infer.video.source import Clip, to_planar

_MODES: dict[Deinterlace, str] = {"frame": "send_frame", "field": "send_field"}
_UNITS = 2  # of time that bwdif makes of one


def deinterlaced(clip: Clip, into: Deinterlace) -> Clip:
    """Return an interlaced clip with a frame for each of its frames, or for each of its fields."""
    by = _UNITS if into == "field" else 1
    return replace(
        clip,
        is_interlaced=False,
        is_bottom_first=False,
        time_base=clip.time_base / by,
        rate=clip.rate * by,
        origin=clip.origin * by,
        frames=clip.frames * by,
        interlaced=clip,
    )


class DeinterlacedFrames:
    """The frames of a clip of `deinterlaced`; see `Frames`."""

    def __init__(self, clip: Clip, start: Fraction | None = None, end: Fraction | None = None) -> None:
        """Prepare to read the frames shown from ``start`` until before ``end``, in seconds."""
        assert clip.interlaced
        self._clip, self._source = clip, clip.interlaced
        self._frames = Frames(clip.interlaced, start, end)

    @property
    def damaged_packets(self) -> int:
        """See `Frames`."""
        return self._frames.damaged_packets

    @property
    def mended_times(self) -> int:
        """See `Frames`."""
        return self._frames.mended_times

    @property
    def missing_seconds(self) -> float:
        """See `Frames`."""
        return self._frames.missing_seconds

    @property
    def last_duration(self) -> int:
        """Duration of the last frame, in units of the clip's time base."""
        seconds = self._frames.last_duration * self._source.time_base * self._source.rate / self._clip.rate
        return max(1, round(seconds / self._clip.time_base))

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames.

        Raises:
            VideoError: see `Frames`.
        """
        graph: Graph | None = None
        for frame in self._frames:
            planar = to_planar(frame, self._source.tags)
            planar.pts, planar.time_base = frame.pts, self._source.time_base
            graph = graph or self._graph(planar)
            graph.vpush(planar)
            yield from self._finished(graph)
        if graph:
            graph.vpush(None)
            yield from self._finished(graph)

    def _graph(self, frame: VideoFrame) -> Graph:
        clip, graph = self._source, Graph()
        mode = _MODES["frame" if clip.rate == self._clip.rate else "field"]
        parity = "bff" if clip.is_bottom_first else "tff"
        source = graph.add_buffer(
            width=clip.width, height=clip.height, format=frame.format, time_base=clip.time_base
        )
        filters = graph.add("bwdif", f"mode={mode}:parity={parity}:deint=all")
        graph.link_nodes(source, filters, graph.add("buffersink")).configure()
        return graph

    def _finished(self, graph: Graph) -> Iterator[VideoFrame]:
        unit = self._source.time_base / _UNITS
        with contextlib.suppress(BlockingIOError, EOFError):
            while True:
                frame = graph.vpull()
                assert frame.pts is not None
                frame.pts = round(frame.pts * unit / self._clip.time_base)
                frame.time_base = self._clip.time_base
                yield frame
