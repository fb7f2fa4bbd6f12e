"""Shared by films and sequences: their way to the end."""

import dataclasses
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import av

from colorize_gan.core.errors import UsageError
from colorize_gan.core.version import __version__
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.notes import DAMAGED
from colorize_gan.infer.reference import Reference
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.deinterlacing import DeinterlacedFrames, deinterlaced
from colorize_gan.infer.video.film_hints import FilmHints, settings_of
from colorize_gan.infer.video.frames import Frames
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.pipeline import FramePipeline
from colorize_gan.infer.video.scenes.finding import find_scenes, reach_of
from colorize_gan.infer.video.scenes.table import check_fit, read_scenes, write_scenes
from colorize_gan.infer.video.scenes.work import Scenes, parts_of
from colorize_gan.infer.video.segments import is_unfinished
from colorize_gan.infer.video.source import Clip, probe
from colorize_gan.infer.video.state import State
from colorize_gan.infer.video.stills.frames import StillFrames, clip_of
from colorize_gan.infer.video.stills.sequence import Stills, is_sequence
from colorize_gan.infer.video.tracks import Tracks, find_tracks

INTERRUPTED = "interrupted; what is finished of it is kept"
"""Reason of a result that ended early."""

_NOT_OURS = "the output exists and was not made with these scenes; `on_exists` overwrite replaces it"
_Item = TypeVar("_Item")

AnyFrames = Frames | DeinterlacedFrames | StillFrames
"""The frames of a clip."""

OnFrame = Callable[[Path, int, int], None]
"""Takes a video, how many of its frames are done, and of how many: 0 where there is no telling."""


class Maker(ABC):
    """Brings one film or sequence to its end."""

    def __init__(
        self,
        item: WorkItem,
        colorizer: Colorizer,
        options: VideoOptions,
        hints: FilmHints,
        reference: Reference | None,
    ) -> None:
        """Prepare to make ``item.target`` of ``item.source``."""
        self._item, self._colorizer, self._options = item, colorizer, options
        self._hints, self._reference = hints, reference

    @abstractmethod
    def colorize(self, stop: threading.Event, on_frame: OnFrame) -> ItemResult:
        """Finish it, or resume what an earlier run has left.

        Raises:
            ColorizeError: it cannot be done, and why.
            OSError: a file cannot be read or written.
        """

    def _interrupted(self) -> ItemResult:
        return ItemResult(self._item.source, self._item.target, "failed", INTERRUPTED)

    def _open_scenes(
        self,
        clip: Clip,
        settings: Mapping[str, Any],
        pipeline: FramePipeline[_Item, Any],
        items: Iterable[tuple[Fraction, _Item]],
        stop: threading.Event,
    ) -> Scenes | None:
        """Read the table of scenes, or find them and write it; None where none is asked for.

        Raises:
            UsageError: it is not one of this film, or the hints are not.
            VideoError: the film has no frames.
            OSError: it cannot be read or written.
        """
        path = self._options.scenes
        if path is None and not self._hints.points:
            return None
        start, end = reach_of(clip, Excerpt.of(clip, self._options.start, self._options.end))
        self._hints.check_fit(clip, start, end)
        if path is None:
            return None
        if path.exists():
            scenes = read_scenes(path)
            check_fit(path, scenes, start, end)
        else:
            scenes = find_scenes(pipeline, takewhile(lambda _: not stop.is_set(), items), start, end)
            if not stop.is_set():
                write_scenes(path, scenes)
        written = "" if self._options.on_exists == "overwrite" else self._written()
        found = Scenes(path, scenes, clip, self._colorizer, settings, written, self._hints.points)
        self._hints.check_scenes(found.is_skipped)
        return found

    def _find_tracks(
        self,
        pipeline: FramePipeline[_Item, Any],
        items: Iterable[tuple[Fraction, _Item]],
        scenes: Scenes | None,
    ) -> Tracks:
        """Carry the hints through the film.

        Raises:
            UsageError: see `find_tracks`.
        """
        points = self._hints.points
        numbered = ((time, (frame, time, item)) for frame, (time, item) in enumerate(items))
        parts = parts_of(numbered if points else (), scenes, self._colorizer, 0)
        return Tracks(points, find_tracks(pipeline, parts, self._hints, scenes))

    def _end_by(self, scenes: Scenes | None) -> ItemResult | None:
        """Return how it ends for an output that is there; None where there is something left to do."""
        if not scenes or is_unfinished(self._item.target) or not self._written():
            return None
        if self._options.on_exists == "overwrite" or (scenes.are_ours and not scenes.are_made):
            return None
        reason = "up to date" if scenes.are_made else _NOT_OURS
        return ItemResult(self._item.source, self._item.target, "skipped", reason)

    @abstractmethod
    def _written(self) -> str:
        """Return a digest of the output that is there; an empty text for none."""

    def _job_settings(self, clip: Clip, form: str) -> dict[str, Any]:
        """Return all that decides about the frames, as JSON has it; ``form``: how they are written."""
        size, changed, digest = clip.version()
        options = self._options
        return {
            "version": __version__,
            "PyAV": av.__version__,
            "input": str(self._item.source.resolve()),
            "input size": size,
            "input time": digest or changed,
            **self._colorizer.settings,
            **({"reference": self._reference.digest} if self._reference else {}),
            "encoder": form,
            "deinterlace": options.deinterlace,
            "deflicker": options.deflicker,
            "keyframes": options.keyframes,
            "scene threshold": options.scene_threshold,
            "fps": str(options.fps),
            "transfer": options.transfer,
            "start": str(options.start),
            "end": str(options.end),
            "segment": options.segment_frames,
        }

    def _decided_by(self, scenes: Scenes | None) -> dict[str, Any]:
        """Return the rest of it: what decides about each scene, or about the hints of the film."""
        if scenes:
            return {"scenes": scenes.digests}
        return {"scenes": None, "hints": settings_of(self._hints.points)}

    def _expected_frames(self, clip: Clip) -> int:
        whole = clip.frames / clip.rate
        end = min(whole, self._options.end or whole)
        return max(0, int((end - (self._options.start or 0)) * clip.rate))

    def _facts(self, state: State, frames: AnyFrames) -> dict[str, Any]:
        """Return what is to be said of a video only: `ItemResult.video`."""
        return {
            "frames": state.counts.frames,
            **dataclasses.asdict(state.counts),
            "damaged_packets": frames.damaged_packets,
            "mended_times": frames.mended_times,
            "flicker": _flicker(state, deflicker=self._options.deflicker),
        }


def look_at(source: Path, options: VideoOptions, *, needs_rate: bool) -> Clip:
    """Find out what a film or a sequence is.

    Raises:
        VideoError: see `probe` and `clip_of`.
        UsageError: the rate of a sequence is needed and not known, or that of a film is given.
    """
    if not is_sequence(source):
        if options.fps or options.transfer:
            raise UsageError(f"{source}: `fps` and `transfer` are for sequences of images")
        clip = probe(source)
        into = options.deinterlace
        return deinterlaced(clip, into) if into and clip.is_interlaced else clip
    if needs_rate and not options.fps:
        raise UsageError(f"{source}: a sequence tells no rate; set `fps`")
    return clip_of(Stills.find(source, options.transfer), options.fps or Fraction(24))


def open_frames(clip: Clip, start: Fraction | None = None, end: Fraction | None = None) -> AnyFrames:
    """Return the frames of a clip that are shown from ``start`` until before ``end``, in seconds."""
    if clip.interlaced:
        return DeinterlacedFrames(clip, start, end)
    return (StillFrames if clip.stills else Frames)(clip, start, end)


def damage(frames: AnyFrames, state: State) -> list[str]:
    """Return notes on what was damaged."""
    notes = []
    if state.counts.hold or frames.damaged_packets:
        notes.append(DAMAGED)
    if frames.mended_times:
        notes.append(
            f"{frames.mended_times} frames had no time of their own, or not a later one than the last"
        )
    return notes


def _flicker(state: State, *, deflicker: bool) -> dict[str, Any]:
    tallies = {"off": state.before, "on": state.after} if deflicker else {"off": state.before}
    return {
        name: {**dataclasses.asdict(tally.score), "colorfulness": tally.mean_colorfulness}
        for name, tally in tallies.items()
        if tally.score
    }
