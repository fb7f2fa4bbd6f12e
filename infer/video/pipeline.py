"""The frames of one video: decode, look, steady, merge and encode overlap, in bounded memory."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, takewhile

import numpy as np
from av.video.frame import VideoFrame

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.errors import VideoError
from colorize_gan.core.system.parallel import map_in_order
from colorize_gan.infer.colorizer import Colorizer, Prepared
from colorize_gan.infer.video.chroma import ab_to_chroma, luma_to_grey
from colorize_gan.infer.video.cuts import LONGEST_FLASH
from colorize_gan.infer.video.encoder import EncoderSettings, luma_of, recolor
from colorize_gan.infer.video.faintness import strength_of, weight_of
from colorize_gan.infer.video.flicker import Look, look
from colorize_gan.infer.video.motion import Motion, motion_between
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.planning import APART, Plan, Planner
from colorize_gan.infer.video.segments import Job
from colorize_gan.infer.video.smoothing import Colors
from colorize_gan.infer.video.source import Clip, to_planar
from colorize_gan.infer.video.state import State

_MEMORY = 1 << 30  # bytes, for the frames between decoder and encoder
_FRAMES_A_WORKER = 6  # two in each of three stages
_PLANES = 2.5  # luma, chroma and grey, in multiples of luma


@dataclass(frozen=True)
class _Picture:
    """A decoded frame and its lightness."""

    frame: VideoFrame
    prepared: Prepared


@dataclass(frozen=True)
class _Seen:
    """A frame that was looked at, as far as its plan says."""

    picture: _Picture
    plan: Plan
    ab: FloatArray | None
    motion: Motion | None


@dataclass(frozen=True)
class _Colored:
    """A frame with its colours and those of the frame before."""

    seen: _Seen
    colors: Colors
    before: Colors | None
    left: Colors
    """What it leaves to the next frame."""


@dataclass(frozen=True)
class _Finished:
    """A frame to encode, and what was measured of it."""

    frame: VideoFrame
    plan: Plan
    left: Colors
    predicted: Look
    written: Look


class FramePipeline:
    """Colours the frames of a clip."""

    def __init__(
        self, clip: Clip, settings: EncoderSettings, colorizer: Colorizer, options: VideoOptions
    ) -> None:
        """Prepare; frames are encoded with ``settings``."""
        self._clip, self._settings, self._options = clip, settings, options
        self._colorizer = colorizer
        samples = clip.height * clip.width * (1 if clip.depth == 8 else 2)
        affordable = int(_MEMORY / (_FRAMES_A_WORKER * _PLANES * samples))
        self._workers = max(1, min(os.cpu_count() or 1, affordable))
        # enough to fill a batch while another one is on its way
        self._lookers = max(self._workers, 2 * colorizer.batch_size)

    def run(
        self,
        frames: Iterable[VideoFrame],
        state: State,
        job: Job,
        stop: threading.Event,
        on_frame: Callable[[], None],
    ) -> None:
        """Write all frames as segments of the job; the one in hand is lost when ``stop`` is set.

        Args:
            frames: those that the job has not yet.
            state: after the frame before; changed.
            job: takes the segments.
            stop: ends the run soon.
            on_frame: called after each frame.

        Raises:
            VideoError: the encoder does not give a packet for each frame.
        """
        finished = self._finished(takewhile(lambda _: not stop.is_set(), frames), state)
        for first in finished:
            times: list[int] = []
            segment = chain([first], islice(finished, self._options.segment_frames - 1))
            taken = _taken(segment, state, times, on_frame)
            columns = job.write_packets(self._settings.packets_of(taken))
            if stop.is_set():
                return
            if sorted(columns["times"].tolist()) != times:
                raise VideoError(f"{self._settings.codec} does not keep all frames; choose another `codec`")
            job.finish_segment(columns, state.to_arrays())

    def _finished(self, frames: Iterable[VideoFrame], state: State) -> Iterator[_Finished]:
        planner = Planner(self._options.keyframes, self._options.scene_threshold, state.plan)
        pictures = map_in_order(self._prepare, frames, self._workers, "prepare")
        planned = (
            (picture, _planned(planner, picture, following)) for picture, following in _followed(pictures)
        )
        seen = map_in_order(self._look, planned, self._lookers, "look")
        colored = self._steadied(seen, state.colors)
        return map_in_order(self._merge, colored, self._workers, "merge")

    def _prepare(self, frame: VideoFrame) -> _Picture:
        clip = self._clip
        frame = to_planar(frame, clip.tags)
        grey = luma_to_grey(luma_of(frame, clip), clip.depth, is_full=clip.tags.is_full)
        return _Picture(frame, self._colorizer.prepare(grey))

    def _look(self, planned: tuple[_Picture, Plan]) -> _Seen:
        picture, plan = planned
        ab = self._predict(picture.prepared) if plan.role in ("predict", "insert") else None
        now = picture.prepared.reduced
        motion = None if plan.before is None else motion_between(plan.before, now)
        return _Seen(picture, plan, ab, motion)

    def _predict(self, prepared: Prepared) -> FloatArray:
        """Return ab ``(h, w, 2)``; the network sees the picture upright."""
        turns = self._clip.quarter_turns
        upright = Prepared(prepared.image, np.ascontiguousarray(np.rot90(prepared.reduced, turns)))
        return np.ascontiguousarray(np.rot90(self._colorizer.predict(upright), -turns))

    def _steadied(self, frames: Iterable[_Seen], colors: Colors | None) -> Iterator[_Colored]:
        for seen in frames:
            before, shown = colors, self._colors_of(seen, colors)
            colors = shown if before is None or seen.plan.role not in APART else before
            yield _Colored(seen, shown, before, colors)

    def _colors_of(self, seen: _Seen, before: Colors | None) -> Colors:
        role, motion = seen.plan.role, seen.motion
        if before is not None and role in ("hold", "flash"):
            return before
        if before is not None and role == "move" and motion is not None:
            return before.moved(motion)
        predicted = seen.ab if seen.ab is not None or before is None else before.predicted
        assert predicted is not None  # the first frame is always predicted
        weight = weight_of(seen.picture.prepared.reduced)
        if before is None or motion is None or not self._options.deflicker:
            return Colors.first(predicted, weight)
        return before.averaged(predicted, motion, weight)

    def _merge(self, colored: _Colored) -> _Finished:
        seen, colors, before = colored.seen, colored.colors, colored.before
        prepared, settings = seen.picture.prepared, self._settings
        is_steadied = self._options.deflicker
        ab = colors.steady if is_steadied else colors.predicted
        chroma = ab_to_chroma(
            ab * strength_of(prepared.reduced),
            prepared.image,
            subsampling=settings.subsampling,
            depth=settings.depth,
            tags=settings.tags,
        )
        frame = recolor(seen.picture.frame, chroma, self._clip, settings, self._colorizer.strength)
        last = before.predicted if before else None
        predicted = look(prepared.reduced, colors.predicted, last, seen.motion)
        written = predicted
        if is_steadied:
            written = look(prepared.reduced, ab, before.steady if before else None, seen.motion)
        return _Finished(frame, seen.plan, colored.left, predicted, written)


def _followed(pictures: Iterable[_Picture]) -> Iterator[tuple[_Picture, list[_Picture]]]:
    """Yield each picture, and those behind it that tell a flash from a cut."""
    waiting: deque[_Picture] = deque()
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) > LONGEST_FLASH:
            yield waiting.popleft(), list(waiting)
    while waiting:
        yield waiting.popleft(), list(waiting)


def _planned(planner: Planner, picture: _Picture, following: list[_Picture]) -> Plan:
    whole = (later.prepared.reduced for later in following if not later.frame.is_corrupt)
    return planner.plan(picture.prepared.reduced, is_damaged=picture.frame.is_corrupt, following=whole)


def _taken(
    frames: Iterable[_Finished], state: State, times: list[int], on_frame: Callable[[], None]
) -> Iterator[VideoFrame]:
    """Yield the frames for the encoder; note their times, and bring the state up to them."""
    for finished in frames:
        role = finished.plan.role
        state.plan, state.colors = finished.plan.state, finished.left
        setattr(state.counts, role, getattr(state.counts, role) + 1)
        if role not in APART:  # those have no flicker of their own
            state.counts.scenes += finished.plan.before is None
            state.before.add(finished.predicted)
            state.after.add(finished.written)
        assert finished.frame.pts is not None
        times.append(finished.frame.pts)
        yield finished.frame
        on_frame()
