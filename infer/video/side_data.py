"""Facts about a frame that PyAV does not give, found by FFmpeg's filters: rotation and first field."""

from typing import Any, cast

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

_KINDS = 64  # of side data: more than FFmpeg has


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """Return how a frame is turned when it is shown, as FFmpeg keeps it; None where it is unknown."""
    try:
        side_data = frame.side_data
    except ValueError:
        # PyAV raises on kinds that are newer than it is, as EXIF
        newer = range(max(cast(int, kind.value) for kind in SideDataType) + 1, _KINDS)
        side_data = filtered(frame, *(f"sidedata=mode=delete:type={kind}" for kind in newer)).side_data
    data: Any = side_data.get("DISPLAYMATRIX")
    return tuple(np.frombuffer(data, np.int32).tolist()) if data is not None else None


def is_bottom_first(frame: VideoFrame) -> bool:
    """Tell whether the lower of the two fields of an interlaced frame is shown first; the picture is lost."""
    frame.make_writable()
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)  # type: ignore[call-overload]
    rows[::2], rows[1::2] = 0, 1
    first_field = filtered(frame, "separatefields")
    return bool(np.frombuffer(first_field.planes[0], np.uint8)[0])  # type: ignore[call-overload]


def alpha_of(frame: VideoFrame, bits: int) -> VideoFrame:
    """Return the transparency of a frame, of so many bits, as grey: FFmpeg's scaler is off by one."""
    grey = "gray" if bits == 8 else f"gray{bits}le"
    return filtered(frame, "alphaextract").reformat(format=grey, threads=1)


def filtered(frame: VideoFrame, *filters: str) -> VideoFrame:
    """Return a frame after FFmpeg's filters, each as ``name=options``."""
    graph = Graph()
    buffer = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    added = [graph.add(*entry.split("=", 1)) for entry in filters]
    graph.link_nodes(buffer, *added, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()
