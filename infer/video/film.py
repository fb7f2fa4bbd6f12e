"""Making a film: of another one, or of a sequence of images."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from av.video.frame import VideoFrame

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.errors import VideoError
from colorize_gan.core.version import __version__
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.state import digest_of
from colorize_gan.infer.colorizer import Colorizer, Prepared
from colorize_gan.infer.reference import Reference
from colorize_gan.infer.video.checking import check_written
from colorize_gan.infer.video.choosing import Wishes
from colorize_gan.infer.video.chroma import ab_to_chroma, check_matrix, luma_to_grey
from colorize_gan.infer.video.comparison import write_comparison
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.encoder import EncoderSettings, luma_of, recolor, settings_for, what_changes
from colorize_gan.infer.video.fitting import plan_copies
from colorize_gan.infer.video.making import AnyFrames, Maker, OnFrame, damage, look_at, open_frames
from colorize_gan.infer.video.measuring import luma_error
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.pipeline import FramePipeline, HintsAt, Shot, no_hints
from colorize_gan.infer.video.scenes.earlier import EarlierFilm
from colorize_gan.infer.video.scenes.work import Part, parts_of
from colorize_gan.infer.video.segments import Job
from colorize_gan.infer.video.source import Clip, to_planar
from colorize_gan.infer.video.state import State
from colorize_gan.infer.video.tracks import Tracks
from colorize_gan.infer.video.video_state import CUT_SHORT
from colorize_gan.infer.video.writing import CodedVideo, write_video


class FilmMaker(Maker):
    """Brings one film to its end."""

    def colorize(self, stop: threading.Event, on_frame: OnFrame) -> ItemResult:
        """See `Maker.colorize`."""
        item, options = self._item, self._options
        clip = look_at(item.source, options, needs_rate=True)
        check_matrix(clip.tags)
        settings = settings_for(clip, options.codec, options.crf, options.pixel_format)
        suffix = item.target.suffix.lower()
        excerpt = Excerpt.of(clip, options.start, options.end)
        copied = plan_copies(clip, suffix, settings, excerpt, Wishes(options.audio, options.subtitles))
        item.target.parent.mkdir(parents=True, exist_ok=True)
        decisive = self._job_settings(clip, repr(settings))
        film = _Film(clip, settings, options, self._reference, stop)
        scanned = film.timed(open_frames(clip, excerpt.start, excerpt.end))
        scenes = self._open_scenes(clip, decisive, film.pipeline(self._colorizer), scanned, stop)
        if stop.is_set():
            return self._interrupted()
        if ended := self._end_by(scenes):
            return ended
        decisive |= self._decided_by(scenes)
        frames = open_frames(clip, excerpt.start, excerpt.end)
        with Job(item.target, decisive, overwrite=options.on_exists == "overwrite") as job:
            scanned = film.timed(open_frames(clip, excerpt.start, excerpt.end))
            tracks = self._find_tracks(film.pipeline(self._colorizer), scanned, scenes)
            state = State.from_arrays(job.state())
            total = self._expected_frames(clip)
            parts = parts_of(film.timed(frames), scenes, self._colorizer, state.counts.frames)
            film.write(
                parts,
                tracks,
                job,
                state,
                item.target,
                lambda: on_frame(item.source, state.counts.frames, total),
            )
            if stop.is_set():
                return self._interrupted()
            if not state.counts.frames:
                raise VideoError("no frame can be read" + (" there" if options.start or options.end else ""))
            video = CodedVideo(job.packets(), job.times(), frames.last_duration)
            with job.result() as part:
                comment = self._comment() + (f"; {CUT_SHORT}" if frames.missing_seconds else "")
                write_video(part, suffix, clip, settings, video, copied, excerpt, comment)
                check_written(part, clip, settings, video.times, excerpt)
            if options.compare:
                write_comparison(item.target, clip, excerpt.start, excerpt.end)
            if scenes:
                scenes.finish(self._written())
            job.remove()
        notes = [*what_changes(clip, settings), *copied.notes, *damage(frames, state)]
        return self._result(clip, settings, state, frames, notes)

    def _written(self) -> str:
        """See `Maker._written`."""
        target = self._item.target
        return digest_of(Version.of(target)._asdict())[:8] if target.exists() else ""

    def _comment(self) -> str:
        model = self._colorizer.contract.name
        return f"colours made by machine: colorize-gan {__version__}, model {model}"

    def _result(
        self,
        clip: Clip,
        settings: EncoderSettings,
        state: State,
        frames: AnyFrames,
        notes: list[str],
    ) -> ItemResult:
        form = {"codec": settings.codec, "pixel_format": settings.pixel_format}
        facts = form | self._facts(state, frames)
        if self._options.measure:
            excerpt = Excerpt.of(clip, self._options.start, self._options.end)
            facts["luma"] = luma_error(clip, self._item.target, excerpt.start, excerpt.end)
        result = ItemResult(
            self._item.source,
            self._item.target,
            "written",
            note="; ".join(notes),
            width=clip.width,
            height=clip.height,
            bits=settings.depth,
            hints=len(self._hints.points) or None,
            reference=str(self._options.reference) if self._reference else None,
            colorfulness=round(state.after.mean_colorfulness, 2),
            made_by=self._colorizer.maker,
            video=facts,
            output_size=self._item.target.stat().st_size,
        )
        if not frames.missing_seconds:
            return result
        reason = f"cut short: {frames.missing_seconds:.1f} s are missing; what there is was written"
        return dataclasses.replace(result, status="failed", reason=reason)


class _Reader:
    """Makes shots of the frames of a clip, that become frames for an encoder."""

    def __init__(self, clip: Clip, settings: EncoderSettings, strength: float) -> None:
        self._clip, self._settings, self._strength = clip, settings, strength

    def read(self, frame: VideoFrame) -> Shot[VideoFrame]:
        clip, settings = self._clip, self._settings
        planar = to_planar(frame, clip.tags)

        def finish(prepared: Prepared, ab: FloatArray) -> VideoFrame:
            chroma = ab_to_chroma(
                ab,
                prepared.image,
                subsampling=settings.subsampling,
                depth=settings.depth,
                tags=settings.tags,
            )
            return recolor(planar, chroma, clip, settings, self._strength)

        grey = luma_to_grey(luma_of(planar, clip), clip.depth, is_full=clip.tags.is_full)
        return Shot(grey, frame.is_corrupt, finish)


class _Film:
    """A clip that becomes segments of a job."""

    def __init__(
        self,
        clip: Clip,
        settings: EncoderSettings,
        options: VideoOptions,
        reference: Reference | None,
        stop: threading.Event,
    ) -> None:
        self._clip, self._settings, self._options, self._stop = clip, settings, options, stop
        self._reference = reference

    def timed(self, frames: AnyFrames) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Yield frames with their seconds, until the run is to stop."""
        for frame in frames:
            if self._stop.is_set():
                return
            assert frame.pts is not None
            yield frame.pts * self._clip.time_base - self._clip.first, frame

    def pipeline(
        self, colorizer: Colorizer, hints_at: HintsAt = no_hints
    ) -> FramePipeline[VideoFrame, VideoFrame]:
        """Return what colours frames."""
        clip, reader = self._clip, _Reader(self._clip, self._settings, colorizer.strength)
        return FramePipeline(
            reader.read, clip, colorizer, self._options, clip.quarter_turns, hints_at, self._reference
        )

    def write(
        self,
        parts: Iterable[Part[VideoFrame]],
        tracks: Tracks,
        job: Job,
        state: State,
        target: Path,
        on_frame: Callable[[], None],
    ) -> None:
        """Write parts as segments; the current one is lost when the run is to stop.

        Raises:
            VideoError: the encoder does not give a packet for each frame.
        """
        with closing(EarlierFilm(target, self._settings.codec)) as earlier:
            for part in parts:
                if part.is_new:
                    state.begin_scene(is_looked_at=part.task == "color")
                if part.task == "keep":
                    self._keep(part, job, state, earlier)
                else:
                    pipeline = self.pipeline(part.colorizer, tracks.at)
                    work = pipeline.copy if part.task == "copy" else pipeline.run
                    with closing(work(part.items, state, on_frame)) as frames:
                        self._encode(frames, part.number, job, state)

    def _encode(self, frames: Iterator[VideoFrame], scene: int, job: Job, state: State) -> None:
        settings = self._settings
        for first in frames:
            times: list[int] = []
            segment = _noted(chain([first], islice(frames, self._options.segment_frames - 1)), times)
            columns = job.write_packets(settings.packets_of(segment))
            if self._stop.is_set():
                return
            if sorted(columns["times"].tolist()) != times:
                raise VideoError(f"{settings.codec} does not keep all frames; choose another `codec`")
            job.finish_segment(columns, state.to_arrays(), scene)

    def _keep(self, part: Part[VideoFrame], job: Job, state: State, earlier: EarlierFilm) -> None:
        times = [frame.pts for frame in part.items if frame.pts is not None]
        columns = job.write_packets(earlier.take(state.counts.frames, times))
        if not self._stop.is_set():
            state.counts.kept += len(times)
            job.finish_segment(columns, state.to_arrays(), part.number)


def _noted(frames: Iterator[VideoFrame], times: list[int]) -> Iterator[VideoFrame]:
    for frame in frames:
        assert frame.pts is not None
        times.append(frame.pts)
        yield frame
