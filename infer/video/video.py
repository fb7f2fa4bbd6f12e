"""Bringing one video to its end, or many of them."""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Generator, Iterable
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import av

from colorize_gan.core.errors import ColorizeError, ImageError, VideoError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.parallel import memory_errors, one_thread_each
from colorize_gan.core.version import __version__
from colorize_gan.infer.batch.disk import DISK
from colorize_gan.infer.batch.planner import Planner, failure
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.state import digest_of
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.notes import DAMAGED
from colorize_gan.infer.video.checking import check_written
from colorize_gan.infer.video.choosing import Wishes
from colorize_gan.infer.video.chroma import check_matrix
from colorize_gan.infer.video.comparison import write_comparison
from colorize_gan.infer.video.copies import Excerpt
from colorize_gan.infer.video.encoder import EncoderSettings, settings_for, what_changes
from colorize_gan.infer.video.fitting import plan_copies
from colorize_gan.infer.video.frames import Frames
from colorize_gan.infer.video.measuring import luma_error
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.pipeline import FramePipeline
from colorize_gan.infer.video.segments import Job
from colorize_gan.infer.video.source import Clip, probe
from colorize_gan.infer.video.state import State
from colorize_gan.infer.video.video_state import CUT_SHORT, NoRecord, VideoState
from colorize_gan.infer.video.writing import CodedVideo, write_video

INTERRUPTED = "interrupted; what is finished of it is kept"
"""Reason of a result that ended early."""

_logger = logging.getLogger(__name__)

_BESIDE = ("on_exists", "compare", "measure")
"""Fields of `VideoOptions` that decide nothing about the video itself."""

OnFrame = Callable[[Path, int, int], None]
"""Takes a video, how many of its frames are done, and of how many: 0 where there is no telling."""


def colorize_videos(
    items: Iterable[WorkItem],
    colorizer: Colorizer,
    options: VideoOptions,
    *,
    out: StrPath | None = None,
    stop: threading.Event | None = None,
    on_frame: OnFrame = lambda video, done, total: None,
) -> Generator[ItemResult, None, None]:
    """Colorize videos one after the other; each ends as written, skipped or failed.

    Args:
        items: videos and their targets.
        colorizer: the model.
        options: what happens to them.
        out: folder of the targets whose record says, as that of photographs, what is up to date, and is told
            of what is made; None for no record: then every output that is there stays.
        stop: ends the run soon, with the finished segments kept.
        on_frame: is told after each frame.

    Raises:
        ColorizeError: no video can be done, as with a model that fails.
        OSError: ``out`` cannot be written.
    """
    stop = stop or threading.Event()
    record = NoRecord() if out is None else DISK.open_state(Path(out))
    with contextlib.closing(VideoState(record)) as state:
        planner = Planner(state, DISK, _settings_digest(colorizer, options), options.on_exists)
        for task in planner.plan(takewhile(lambda _: not stop.is_set(), items)):
            yield planner.finish(task, task.ended or _made(task.item, colorizer, options, stop, on_frame))


def _made(
    item: WorkItem, colorizer: Colorizer, options: VideoOptions, stop: threading.Event, on_frame: OnFrame
) -> ItemResult:
    """Make one video, or go on with it; return how it ended."""
    try:
        with one_thread_each(), memory_errors():
            return _Video(item, colorizer, options).colorize(stop, on_frame)
    except Exception as error:
        return _failed(item, error)


def _settings_digest(colorizer: Colorizer, options: VideoOptions) -> str:
    """Return a digest of the model and of the settings that decide about a video.

    Of the options, only those that are not the default: so one that is new changes no digest.
    """
    chosen = {
        field.name: str(value)
        for field in dataclasses.fields(options)
        if field.name not in _BESIDE and (value := getattr(options, field.name)) != field.default
    }
    return digest_of({**colorizer.settings, "video": chosen})


def _failed(item: WorkItem, error: Exception) -> ItemResult:
    """Return the result of a video that ended with an exception: the next one may end well.

    Raises:
        ColorizeError: it is not of this video alone, as of a model.
    """
    if isinstance(error, ColorizeError) and not isinstance(error, ImageError):
        raise error
    if isinstance(error, av.FFmpegError):
        reason = f"FFmpeg: {error.strerror}"
    elif isinstance(error, MemoryError):
        reason = "not enough memory for frames of this size"
    elif isinstance(error, (ImageError, OSError)):
        return failure(item, error)
    else:
        _logger.debug("%s", item.source, exc_info=error)
        reason = f"a fault of this program ({type(error).__name__}: {error}); report it with the video"
    return ItemResult(item.source, item.target, "failed", reason)


class _Video:
    """One video on its way."""

    def __init__(self, item: WorkItem, colorizer: Colorizer, options: VideoOptions) -> None:
        self._item, self._colorizer, self._options = item, colorizer, options

    def colorize(self, stop: threading.Event, on_frame: OnFrame) -> ItemResult:
        """Bring it to its end."""
        item, options = self._item, self._options
        clip = probe(item.source)
        check_matrix(clip.tags)
        settings = settings_for(clip, options.codec, options.crf, options.pixel_format)
        suffix = item.target.suffix.lower()
        excerpt = Excerpt.of(clip, options.start, options.end)
        copied = plan_copies(clip, suffix, settings, excerpt, Wishes(options.audio, options.subtitles))
        item.target.parent.mkdir(parents=True, exist_ok=True)
        frames = Frames(clip, excerpt.start, excerpt.end)
        overwrite = options.on_exists == "overwrite"
        with Job(item.target, self._job_settings(clip, settings), overwrite=overwrite) as job:
            state = State.from_arrays(job.state())
            total = self._expected_frames(clip)
            pipeline = FramePipeline(clip, settings, self._colorizer, options)
            new = islice(frames, state.counts.frames, None)
            pipeline.run(new, state, job, stop, lambda: on_frame(item.source, state.counts.frames, total))
            if stop.is_set():
                return ItemResult(item.source, item.target, "failed", INTERRUPTED)
            if not state.counts.frames:
                raise VideoError("no frame can be read" + (" there" if options.start or options.end else ""))
            video = CodedVideo(job.packets(), job.times(), frames.last_duration)
            with job.result() as part:
                comment = self._comment() + (f"; {CUT_SHORT}" if frames.missing_seconds else "")
                write_video(part, suffix, clip, settings, video, copied, excerpt, comment)
                check_written(part, clip, settings, video.times, excerpt)
            if options.compare:
                write_comparison(item.target, clip, excerpt.start, excerpt.end)
            job.remove()
        return self._result(
            clip,
            settings,
            state,
            frames,
            [*what_changes(clip, settings), *copied.notes, *_damage(frames, state)],
        )

    def _job_settings(self, clip: Clip, settings: EncoderSettings) -> dict[str, Any]:
        """Return all that decides about the video, as JSON has it."""
        source, options = clip.path.stat(), self._options
        return {
            "version": __version__,
            "PyAV": av.__version__,
            "input": str(clip.path.resolve()),
            "input size": source.st_size,
            "input time": source.st_mtime_ns,
            **self._colorizer.settings,
            "encoder": repr(settings),
            "deflicker": options.deflicker,
            "keyframes": options.keyframes,
            "scene threshold": options.scene_threshold,
            "start": str(options.start),
            "end": str(options.end),
            "segment": options.segment_frames,
        }

    def _expected_frames(self, clip: Clip) -> int:
        whole = clip.frames / clip.rate
        end = min(whole, self._options.end or whole)
        return max(0, int((end - (self._options.start or 0)) * clip.rate))

    def _comment(self) -> str:
        model = self._colorizer.contract.name
        return f"colours made by machine: colorize-gan {__version__}, model {model}"

    def _result(
        self, clip: Clip, settings: EncoderSettings, state: State, frames: Frames, notes: list[str]
    ) -> ItemResult:
        facts = {
            "codec": settings.codec,
            "pixel_format": settings.pixel_format,
            "frames": state.counts.frames,
            **dataclasses.asdict(state.counts),
            "damaged_packets": frames.damaged_packets,
            "mended_times": frames.mended_times,
            "flicker": _flicker(state, deflicker=self._options.deflicker),
        }
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
            colorfulness=round(state.after.mean_colorfulness, 2),
            video=facts,
            output_size=self._item.target.stat().st_size,
        )
        if not frames.missing_seconds:
            return result
        reason = f"cut short: {frames.missing_seconds:.1f} s are missing; what there is was written"
        return dataclasses.replace(result, status="failed", reason=reason)


def _damage(frames: Frames, state: State) -> list[str]:
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
