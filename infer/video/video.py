"""Bringing one video to its end, or many of them."""

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Generator, Iterable
from itertools import takewhile
from pathlib import Path

import av

from colorize_gan.core.errors import ColorizeError, ImageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.parallel import memory_errors, one_thread_each
from colorize_gan.infer.batch.disk import DISK
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.planner import Planner, failure
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.state import State, digest_of
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.reference import Reference, open_reference
from colorize_gan.infer.video.film import FilmMaker
from colorize_gan.infer.video.film_hints import FilmHints, settings_of
from colorize_gan.infer.video.making import Maker, OnFrame
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.stills.making import StillMaker
from colorize_gan.infer.video.stills.sequence import Stills, is_sequence
from colorize_gan.infer.video.video_state import NoRecord, VideoState

_logger = logging.getLogger(__name__)

_BESIDE = ("on_exists", "compare", "measure", "hints", "reference")
"""Fields of `VideoOptions` that decide nothing about the video itself; what is in the last two files does."""


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
        out: folder of the targets. Its record says what is up to date, as that of photographs does, and is
            kept up to date. None for no record: every output that exists stays.
        stop: ends the run soon, with the finished segments kept.
        on_frame: called after each frame.

    Raises:
        ColorizeError: no video can be done, as with a model that fails, or with hints or a reference that
            cannot be used.
        OSError: ``out`` cannot be written.
    """
    stop = stop or threading.Event()
    hints = FilmHints(options.hints, colorizer.contract)
    reference = open_reference(options.reference, colorizer.contract)
    record = NoRecord() if out is None else DISK.open_state(Path(out))
    with contextlib.closing(VideoState(record, has_scenes=options.scenes is not None)) as state:
        planner = _planner(state, colorizer, options, hints, reference)
        for task in planner.plan(takewhile(lambda _: not stop.is_set(), map(_with_version, items))):
            ended = task.ended or _made(task.item, colorizer, options, hints, reference, stop, on_frame)
            yield planner.finish(task, ended)


def foresee_videos(
    items: Iterable[WorkItem], colorizer: Colorizer, options: VideoOptions, *, out: Path
) -> Generator[ItemResult, None, None]:
    """Yield how videos would end by `colorize_videos`, as far as that is known before one is read.

    Raises:
        UsageError: the hints or the reference cannot be used.
    """
    hints = FilmHints(options.hints, colorizer.contract)
    reference = open_reference(options.reference, colorizer.contract)
    state = VideoState(DISK.view_state(out), has_scenes=options.scenes is not None)
    for task in _planner(state, colorizer, options, hints, reference).plan(map(_with_version, items)):
        yield task.ended or ItemResult(task.item.source, task.item.target, "written")


def _planner(
    state: State, colorizer: Colorizer, options: VideoOptions, hints: FilmHints, reference: Reference | None
) -> Planner:
    settings = _settings_digest(colorizer, options, hints, reference)
    return Planner(state, DISK, settings, options.on_exists)


def _with_version(item: WorkItem) -> WorkItem:
    """Return the item with the version of its images, where it is a sequence of them."""
    if not is_sequence(item.source):
        return item
    version = Version(0)
    with contextlib.suppress(ImageError, OSError):  # that is said when its turn comes
        version = Stills.find(item.source).version()
    return dataclasses.replace(item, version=version)


def _made(
    item: WorkItem,
    colorizer: Colorizer,
    options: VideoOptions,
    hints: FilmHints,
    reference: Reference | None,
    stop: threading.Event,
    on_frame: OnFrame,
) -> ItemResult:
    """Make one video, or resume it; return how it ended."""
    try:
        with one_thread_each(), memory_errors():
            maker: type[Maker] = StillMaker if is_sequence(item.target) else FilmMaker
            return maker(item, colorizer, options, hints, reference).colorize(stop, on_frame)
    except Exception as error:
        return _failed(item, error)


def _settings_digest(
    colorizer: Colorizer, options: VideoOptions, hints: FilmHints, reference: Reference | None
) -> str:
    """Return a digest of the model and of the settings that decide about a video.

    Only options that are not the default count, so that a new option changes no digest.
    """
    chosen = {
        field.name: str(value)
        for field in dataclasses.fields(options)
        if field.name not in _BESIDE and (value := getattr(options, field.name)) != field.default
    }
    if hints.points:
        chosen["hints"] = "; ".join(settings_of(hints.points))
    if reference:
        chosen["reference"] = reference.digest
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
