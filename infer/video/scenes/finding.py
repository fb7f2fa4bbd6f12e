"""Finding the scenes of a film: where one begins, before any of them is coloured."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import av

from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.files import open_video, packets_of
from colorize_gan.infer.video.pipeline import FramePipeline
from colorize_gan.infer.video.scenes.table import Scene, rounded
from colorize_gan.infer.video.source import Clip

_Item = TypeVar("_Item")


def reach_of(clip: Clip, excerpt: Excerpt) -> tuple[Fraction, Fraction]:
    """Return where the scenes of a clip begin and end, in seconds as `VideoOptions.start` counts them.

    The end is that of the packets, for which nothing has to be decoded.
    """
    start = Fraction(0) if excerpt.start is None else excerpt.start - clip.first
    end = _end_of(clip)
    return start, end if excerpt.end is None else min(end, excerpt.end - clip.first)


def _end_of(clip: Clip) -> Fraction:
    header = clip.frames / clip.rate
    if clip.stills:
        return header
    with open_video(clip.path) as container:
        stream = container.streams[clip.stream]
        step, end = 1 / clip.rate, Fraction(0)
        with contextlib.suppress(av.FFmpegError):  # what can be read ends here
            for packet in packets_of(container, [stream]):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is not None and packet.size:
                    lasts = packet.duration * packet.time_base if packet.duration else step
                    end = max(end, stamp * packet.time_base + lasts)
    return end - clip.origin * clip.time_base - clip.first if end else header


def find_scenes(
    pipeline: FramePipeline[_Item, object],
    items: Iterable[tuple[Fraction, _Item]],
    start: Fraction,
    end: Fraction,
) -> list[Scene]:
    """Return the scenes of a film, from ``start`` to ``end`` in seconds.

    Args:
        pipeline: looks at the frames.
        items: what it takes, with the time of each.
        start: where the first scene begins.
        end: where the last one ends.

    Raises:
        VideoError: it has no frames.
    """
    times: list[Fraction] = []
    borders = [plan.border for plan in pipeline.plans(_noted(items, times))]
    if not times:
        raise VideoError("no frame can be read there")
    found = {rounded(time): border for time, border in zip(times, borders, strict=True) if border}
    first, last = rounded(start), rounded(end)
    later = sorted(time for time in found if first < time < last)
    edges = itertools.pairwise([first, *later, last])
    return [Scene(begins, ends, found[begins] if begins in later else "start") for begins, ends in edges]


def _noted(items: Iterable[tuple[Fraction, _Item]], times: list[Fraction]) -> Iterator[_Item]:
    for time, item in items:
        times.append(time)
        yield item
