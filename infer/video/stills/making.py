"""Making a sequence of images: of another one, or of a film."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from colorize_gan.core.color.lab import FloatArray
from colorize_gan.core.errors import ImageError, UsageError, VideoError
from colorize_gan.core.files.atomic import named_after
from colorize_gan.core.images.decode import Picture
from colorize_gan.core.images.formats import SIXTEEN_BIT_SUFFIXES
from colorize_gan.core.images.metadata import Metadata
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.colorizer import Colorizer, Prepared
from colorize_gan.infer.picture import lightness_difference
from colorize_gan.infer.video.chroma import check_matrix, luma_to_grey
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.encoder import luma_of
from colorize_gan.infer.video.making import AnyFrames, Maker, OnFrame, damage, look_at, open_frames
from colorize_gan.infer.video.pipeline import FramePipeline, HintsAt, Shot, no_hints
from colorize_gan.infer.video.scenes.work import Part, Scenes, parts_of
from colorize_gan.infer.video.segments import Job, is_unfinished
from colorize_gan.infer.video.source import Clip, to_planar
from colorize_gan.infer.video.state import State
from colorize_gan.infer.video.stills.frames import StillFrames, check_like
from colorize_gan.infer.video.stills.images import Still, encode_still, read_still
from colorize_gan.infer.video.stills.sequence import Stills, path_of

File = tuple[Path, bytes]
"""A file to write, and its content."""

Item = tuple[int, VideoFrame | Path]
"""The number of an image, and what it is made of."""

_PART = "0.part"  # of an image, in the folder of the job


class StillJob(Job):
    """The folder of an unfinished sequence: it has the state after the last image that was written."""

    def write_image(self, path: Path, content: bytes) -> None:
        """Write an image that appears when it is complete; what a killed run leaves goes with the folder."""
        part = self._folder / _PART
        with named_after(path):
            part.write_bytes(content)
            part.replace(path)

    def finish_image(self, state: Mapping[str, np.ndarray], scene: int = 0) -> None:
        """Note that an image was written, which is of the scene of this number."""
        self._write_index("0", {}, state, scene)

    def _is_whole(self, index: Path) -> bool:
        return True


class StillMaker(Maker):
    """Brings one sequence to its end."""

    def colorize(self, stop: threading.Event, on_frame: OnFrame) -> ItemResult:
        """See `Maker.colorize`."""
        item, options = self._item, self._options
        if options.compare:
            raise UsageError("`compare` is for films")
        clip = look_at(item.source, options, needs_rate=bool(self._hints.points))
        check_matrix(clip.tags)
        excerpt = Excerpt.of(clip, options.start, options.end)
        target, decisive = item.target, self._job_settings(clip, item.target.suffix.lower())
        reader = _Reader(clip, target, self._colorizer)
        scanned = reader.items(open_frames(clip, excerpt.start, excerpt.end))
        scenes = self._open_scenes(clip, decisive, self._pipeline(clip, self._colorizer), scanned, stop)
        if stop.is_set():
            return self._interrupted()
        frames = open_frames(clip, excerpt.start, excerpt.end)
        if ended := self._end_of(reader.targets(frames), scenes):
            return ended
        decisive |= self._decided_by(scenes)
        target.parent.mkdir(parents=True, exist_ok=True)
        with StillJob(target, decisive, overwrite=options.on_exists == "overwrite") as job:
            scanned = takewhile(
                lambda _: not stop.is_set(), reader.items(open_frames(clip, excerpt.start, excerpt.end))
            )
            tracks = self._find_tracks(self._pipeline(clip, self._colorizer), scanned, scenes)
            state = State.from_arrays(job.state())
            total = self._expected_frames(clip)
            new = takewhile(lambda _: not stop.is_set(), reader.items(frames))
            for part in parts_of(new, scenes, self._colorizer, state.counts.frames):
                pipeline = self._pipeline(clip, part.colorizer, tracks.at)
                self._write(
                    part,
                    pipeline,
                    job,
                    state,
                    stop,
                    lambda: on_frame(item.source, state.counts.frames, total),
                )
            if stop.is_set():
                return self._interrupted()
            if not state.counts.frames:
                raise VideoError("no frame can be read" + (" there" if options.start or options.end else ""))
            if scenes:
                scenes.finish(self._written())
            job.remove()
        return self._result(reader, state, frames)

    def _pipeline(
        self, clip: Clip, colorizer: Colorizer, hints_at: HintsAt = no_hints
    ) -> FramePipeline[Item, File]:
        reader = _Reader(clip, self._item.target, colorizer)
        return FramePipeline(
            reader.read, clip, colorizer, self._options, hints_at=hints_at, reference=self._reference
        )

    def _write(
        self,
        part: Part[Item],
        pipeline: FramePipeline[Item, File],
        job: StillJob,
        state: State,
        stop: threading.Event,
        on_frame: Callable[[], None],
    ) -> None:
        """Write the images of a part until the run is to stop, or leave those that are there."""
        if part.is_new:
            state.begin_scene(is_looked_at=part.task == "color")
        if part.task == "keep":
            state.counts.kept += sum(1 for _ in part.items)
            job.finish_image(state.to_arrays(), part.number)
            return
        work = pipeline.copy if part.task == "copy" else pipeline.run
        with contextlib.closing(work(part.items, state, on_frame)) as files:
            for path, content in files:
                if stop.is_set():
                    return
                job.write_image(path, content)
                job.finish_image(state.to_arrays(), part.number)

    def _written(self) -> str:
        """See `Maker._written`."""
        with contextlib.suppress(ImageError, OSError):
            return Stills.find(self._item.target).version().etag[:8]
        return ""

    def _end_of(self, targets: list[Path], scenes: Scenes | None) -> ItemResult | None:
        """Return how it ends for images that are there; None where some are to be made.

        Raises:
            VideoError: there must not be any, or there are some only.
        """
        item, there = self._item, [path for path in targets if path.exists()]
        if not there or is_unfinished(item.target) or self._options.on_exists == "overwrite":
            return None
        if self._options.on_exists == "error":
            raise VideoError(f"{there[0]} exists")
        if scenes:
            return self._end_by(scenes)
        if len(there) < len(targets):
            raise VideoError(
                f"{len(there)} of its {len(targets)} images exist; `on_exists` overwrite replaces them"
            )
        return ItemResult(item.source, item.target, "skipped", "the output exists")

    def _result(self, reader: "_Reader", state: State, frames: AnyFrames) -> ItemResult:
        clip, suffix = reader.clip, self._item.target.suffix.lower()
        deep = clip.depth if suffix == ".dpx" else 16 if suffix in SIXTEEN_BIT_SUFFIXES else 8
        return ItemResult(
            self._item.source,
            self._item.target,
            "written",
            note="; ".join(damage(frames, state)),
            width=clip.width,
            height=clip.height,
            bits=8 if clip.depth == 8 else deep,
            hints=len(self._hints.points) or None,
            reference=str(self._options.reference) if self._reference else None,
            max_lightness_error=reader.lightness_error(frames) if self._options.measure else None,
            colorfulness=round(state.after.mean_colorfulness, 2),
            video=self._facts(state, frames),
        )


class _Reader:
    """Makes shots of the frames of a clip, that become images."""

    def __init__(self, clip: Clip, target: Path, colorizer: Colorizer) -> None:
        self.clip, self._target, self._colorizer = clip, target, colorizer
        self._transfer = clip.stills.transfer if clip.stills else None

    def items(self, frames: AnyFrames) -> Iterator[tuple[Fraction, Item]]:
        """Yield the frames with their seconds and the numbers of their images: of the input, or from 1 on."""
        clip = self.clip
        if isinstance(frames, StillFrames):
            assert clip.stills
            for time, path in frames.chosen():
                yield time * clip.time_base, (clip.stills.numbers[time], path)
            return
        for number, frame in enumerate(frames, 1):
            assert frame.pts is not None
            yield frame.pts * clip.time_base - clip.first, (number, frame)

    def targets(self, frames: AnyFrames) -> list[Path]:
        """Return the images that will be written; of a film the first one."""
        is_film = self.clip.stills is None
        first = [1] if is_film else [number for _, (number, _) in self.items(frames)]
        return [path_of(self._target, number) for number in first]

    def read(self, item: Item) -> Shot[File]:
        """Make a shot of one of `items`."""
        number, content = item
        still = self._still(content)

        def finish(prepared: Prepared, ab: FloatArray) -> File:
            pixels = self._colorizer.merge(prepared, ab)
            model = self._colorizer.contract.name
            path = path_of(self._target, number)
            return path, encode_still(path.suffix.lower(), pixels, still, self._transfer, model)

        return Shot(still.picture.pixels, still.picture.is_damaged, finish)

    def _still(self, content: VideoFrame | Path) -> Still:
        clip = self.clip
        if isinstance(content, Path):
            still = read_still(content, self._transfer)
            check_like(still, clip, content)
            return still
        planar = to_planar(content, clip.tags)
        grey = luma_to_grey(luma_of(planar, clip), clip.depth, is_full=clip.tags.is_full)
        upright = np.ascontiguousarray(np.rot90(grey, clip.quarter_turns))
        return Still(Picture(upright, Metadata(), content.is_corrupt), clip.depth)

    def lightness_error(self, frames: AnyFrames) -> float:
        """Return the largest error of L* in the images that were written."""
        return max(
            lightness_difference(
                self._still(content).picture.pixels,
                read_still(path_of(self._target, number), "video").picture.pixels,
            )
            for _, (number, content) in self.items(frames)
        )
