"""The frames of one video: decode, look, steady, merge and encode overlap, in bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.system.parallel import map_in_order
from colorize_gan.infer.colorizer import MINIMUM_SIDE, Colorizer, Prepared
from colorize_gan.infer.hints import Hint
from colorize_gan.infer.reference import Reference
from colorize_gan.infer.video.cuts import LONGEST_FLASH
from colorize_gan.infer.video.faintness import strength_of, weight_of
from colorize_gan.infer.video.flicker import Look, look
from colorize_gan.infer.video.motion import Motion, motion_between
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.planning import APART, LONGEST_REST, Plan, Planner, PlanState
from colorize_gan.infer.video.ramps import LONGEST_RAMP, RampState, Sight
from colorize_gan.infer.video.smoothing import Colors
from colorize_gan.infer.video.source import Clip
from colorize_gan.infer.video.state import State

_MEMORY = 1 << 30  # bytes, for the frames between decoder and encoder
_WAITING_MEMORY = 1 << 28  # bytes, for those that are looked at ahead
_LATER = 4  # exponent by which frames of a dissolve count more, the more they show of what comes
_CHROMA_BY_LIGHT = 2.2 / 3  # exponent by which a* and b* fade where R, G and B are scaled: CIE's cube root
_FRAMES_A_WORKER = 6  # two in each of three stages
_PLANES = 2.5  # luma, chroma and grey, in multiples of luma


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

HintsAt = Callable[[int], Sequence[Hint]]
"""Takes the number of a frame in the film, from 0, and gives its hints."""


def no_hints(frame: int) -> Sequence[Hint]:
    """Return the hints of a frame of a film that has none."""
    return ()


@dataclass(frozen=True)
class Shot(Generic[_Result]):
    """A frame that was read."""

    image: np.ndarray
    """As `Colorizer.prepare` takes it."""
    is_damaged: bool
    finish: Callable[[Prepared, FloatArray], _Result]
    """Takes the prepared image and ab ``(h, w, 2)``, and makes what is to be written."""


@dataclass(frozen=True)
class _Picture(Generic[_Result]):
    """A frame and its lightness."""

    shot: Shot[_Result]
    prepared: Prepared
    sight: Sight


@dataclass(frozen=True)
class _Seen(Generic[_Result]):
    """A frame that was looked at, as far as its plan says."""

    picture: _Picture[_Result]
    plan: Plan
    ab: FloatArray | None
    motion: Motion | None


@dataclass(frozen=True)
class _Colored(Generic[_Result]):
    """A frame with its colours and those of the frame before."""

    seen: _Seen[_Result]
    colors: Colors
    before: Colors | None
    left: Colors
    """The data that it leaves to the next frame."""


@dataclass(frozen=True)
class _Finished(Generic[_Result]):
    """A frame to write, and what was measured of it."""

    result: _Result
    plan: Plan
    left: Colors
    predicted: Look
    written: Look


class FramePipeline(Generic[_Item, _Result]):
    """Colours the frames of a film or a sequence."""

    def __init__(
        self,
        read: Callable[[_Item], Shot[_Result]],
        clip: Clip,
        colorizer: Colorizer,
        options: VideoOptions,
        quarter_turns: int = 0,
        hints_at: HintsAt = no_hints,
        reference: Reference | None = None,
    ) -> None:
        """Prepare.

        Args:
            read: makes a shot of what `run` is given, on several threads.
            clip: that they are of.
            colorizer: the model.
            options: what happens to them.
            quarter_turns: counterclockwise, by which the images of the shots have to be turned to be upright.
            hints_at: gives the hints of frames.
            reference: a picture whose colours go to what looks alike.
        """
        self._read, self._turns, self._options = read, quarter_turns, options
        self._hints_at, self._reference = hints_at, reference
        self._colorizer = colorizer
        samples = clip.height * clip.width * (1 if clip.depth == 8 else 2)
        affordable = int(_MEMORY / (_FRAMES_A_WORKER * _PLANES * samples))
        self._workers = max(1, min(os.cpu_count() or 1, affordable))
        waiting = int(_WAITING_MEMORY / (_PLANES * samples))
        self._ahead = max(LONGEST_FLASH, min(LONGEST_RAMP, waiting))
        # enough to fill a batch while another one is on its way
        self._lookers = max(self._workers, 2 * colorizer.batch_size)
        # behind a frame that the network sees, those that it does not must not keep the next one waiting
        rest = LONGEST_REST if options.keyframes == "auto" else min(options.keyframes, LONGEST_REST)
        self._looked_at = max(2 * self._lookers, min((rest + 1) * self._lookers, waiting))

    def run(
        self, items: Iterable[_Item], state: State, on_frame: Callable[[], None]
    ) -> Generator[_Result, None, None]:
        """Yield what the shots were finished to, in order. Close it: its threads end then.

        Args:
            items: those after ``state``.
            state: after the frame before; it is brought up to each frame that is yielded.
            on_frame: called after each frame.
        """
        with closing(self._finished(items, state)) as all_finished:
            for finished in all_finished:
                _bring_up(state, finished)
                yield finished.result
                on_frame()

    def plans(self, items: Iterable[_Item], *, has_cuts: bool = True) -> Generator[Plan, None, None]:
        """Yield what would be done with each frame; nothing is done.

        Args:
            items: of a film, or of one scene.
            has_cuts: whether a new scene may begin.
        """
        with closing(map_in_order(self._prepare, items, self._workers, "prepare")) as pictures:
            for _, plan in self._planned(pictures, PlanState(), RampState(), has_cuts=has_cuts):
                yield plan

    def upright(self, lightness: FloatArray) -> FloatArray:
        """Return a lightness ``(h, w)`` as a person sees it, and as the network does."""
        return np.ascontiguousarray(np.rot90(lightness, self._turns))

    def copy(
        self, items: Iterable[_Item], state: State, on_frame: Callable[[], None]
    ) -> Generator[_Result, None, None]:
        """Do as `run` without a look of the network: the frames get no colours."""
        with closing(map_in_order(self._finish_plain, items, self._workers, "copy")) as results:
            for result in results:
                state.counts.skip += 1
                yield result
                on_frame()

    def _finish_plain(self, item: _Item) -> _Result:
        shot = self._read(item)
        neutral = np.zeros((MINIMUM_SIDE, MINIMUM_SIDE, 2), np.float32)
        return shot.finish(Prepared(shot.image, neutral[..., 0]), neutral)

    def _planned(
        self, pictures: Iterator[_Picture[_Result]], state: PlanState, ramp: RampState, *, has_cuts: bool
    ) -> Iterator[tuple[_Picture[_Result], Plan]]:
        options = self._options
        planner = Planner(options.keyframes, options.scene_threshold, state, ramp, has_cuts=has_cuts)
        for picture, following in _followed(pictures, self._ahead):
            whole = (later.sight for later in following if not later.shot.is_damaged)
            yield picture, planner.plan([picture.sight, *whole], is_damaged=picture.shot.is_damaged)

    def _finished(self, items: Iterable[_Item], state: State) -> Generator[_Finished[_Result], None, None]:
        has_cuts = self._options.scenes is None
        # closed here, last first: the garbage collector would do it in any thread, one that just starts too
        with ExitStack() as stack:
            prepared = map_in_order(self._prepare, items, self._workers, "prepare")
            pictures = stack.enter_context(closing(prepared))
            planned = self._planned(pictures, state.plan, state.ramp, has_cuts=has_cuts)
            numbered = enumerate(planned, state.counts.frames)
            looks = map_in_order(self._look, numbered, self._lookers, "look", self._looked_at)
            colored = self._steadied(stack.enter_context(closing(looks)), state.colors)
            merged = map_in_order(self._merge, colored, self._workers, "merge")
            yield from stack.enter_context(closing(merged))

    def _prepare(self, item: _Item) -> _Picture[_Result]:
        shot = self._read(item)
        prepared = self._colorizer.prepare(shot.image)
        return _Picture(shot, prepared, Sight.of(prepared.reduced))

    def _look(self, numbered: tuple[int, tuple[_Picture[_Result], Plan]]) -> _Seen[_Result]:
        frame, (picture, plan) = numbered
        is_looked_at = plan.role in ("predict", "insert")
        ab = self._predict(picture.prepared, plan.lightness, frame) if is_looked_at else None
        motion = None if plan.before is None else motion_between(plan.before, plan.lightness)
        return _Seen(picture, plan, ab, motion)

    def _predict(self, prepared: Prepared, lightness: FloatArray, frame: int) -> FloatArray:
        """Return ab ``(h, w, 2)`` of a lightness; the network sees the picture upright."""
        upright = Prepared(prepared.image, self.upright(lightness))
        ab = self._colorizer.predict(upright, self._hints_at(frame), self._reference)
        return np.ascontiguousarray(np.rot90(ab, -self._turns))

    def _steadied(
        self, frames: Iterable[_Seen[_Result]], colors: Colors | None
    ) -> Iterator[_Colored[_Result]]:
        for seen in frames:
            before, shown = colors, self._colors_of(seen, colors)
            colors = shown if before is None or seen.plan.role not in APART else before
            yield _Colored(seen, shown, before, colors)

    def _colors_of(self, seen: _Seen[_Result], before: Colors | None) -> Colors:
        role, motion = seen.plan.role, seen.motion
        if before is not None and role in ("hold", "flash"):
            return before
        predicted = seen.ab
        if predicted is None:
            assert before is not None  # the first frame is always predicted
            predicted = before.predicted
            if role == "move" and motion is not None:
                predicted = motion.carry(predicted)
        ramp = seen.plan.ramp
        weight = weight_of(seen.plan.lightness) * ramp.light
        if before is None or motion is None or not self._options.deflicker:
            return Colors.first(predicted, weight)
        if ramp.share is None:
            is_over = before.share < 1
            return Colors.first(predicted, weight) if is_over else before.averaged(predicted, motion, weight)
        weight *= max(ramp.share, 1 / ramp.length) ** _LATER
        if not ramp.share:
            return before.dissolving(predicted, motion, weight)
        return before.averaged(predicted, motion, weight).shared(ramp.share)

    def _merge(self, colored: _Colored[_Result]) -> _Finished[_Result]:
        seen, colors, before = colored.seen, colored.colors, colored.before
        prepared = seen.picture.prepared
        is_steadied = self._options.deflicker
        ab = colors.steady if is_steadied else colors.predicted
        strength = strength_of(seen.plan.lightness) * np.float32(seen.plan.ramp.light**_CHROMA_BY_LIGHT)
        result = seen.picture.shot.finish(prepared, ab * strength)
        last = before.predicted if before else None
        predicted = look(prepared.reduced, colors.predicted, last, seen.motion)
        written = predicted
        if is_steadied:
            written = look(prepared.reduced, ab, before.steady if before else None, seen.motion)
        return _Finished(result, seen.plan, colored.left, predicted, written)


def _followed(
    pictures: Iterable[_Picture[_Result]], ahead: int
) -> Iterator[tuple[_Picture[_Result], list[_Picture[_Result]]]]:
    """Yield each picture, and those behind it, which tell what it begins."""
    waiting: deque[_Picture[_Result]] = deque()
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) > ahead:
            yield waiting.popleft(), list(waiting)
    while waiting:
        yield waiting.popleft(), list(waiting)


def _bring_up(state: State, finished: _Finished[_Result]) -> None:
    """Bring the state up to a frame."""
    role = finished.plan.role
    state.plan, state.ramp, state.colors = finished.plan.state, finished.plan.ramp, finished.left
    setattr(state.counts, role, getattr(state.counts, role) + 1)
    if role not in APART:  # those have no flicker of their own
        state.counts.scenes += finished.plan.border is not None
        state.before.add(finished.predicted)
        state.after.add(finished.written)
