"""A run over videos: what it is asked to do, the work that comes of it, and doing it."""

import dataclasses
import glob
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from colorize_gan.core.errors import UsageError, VideoError
from colorize_gan.core.files.containers import CONTAINERS, VIDEO_SUFFIXES
from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.open import ModelOptions, open_colorizer
from colorize_gan.infer.batch.pages import check_pages
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.watcher import Watcher
from colorize_gan.infer.batch.work import BadInput, Selection, Work, WorkItem
from colorize_gan.infer.video.options import VideoOptions, comparison_path
from colorize_gan.infer.video.stills.sequence import is_sequence, pattern_in


@dataclass(frozen=True)
class VideoJob:
    """The options of a run."""

    inputs: Sequence[Path]
    """Files, folders and globs; or one sequence of images: its pattern, or, with a rate, its folder."""
    out: Path
    """A file or a pattern, for one video, or a folder."""
    model: ModelOptions = field(default_factory=ModelOptions)
    options: VideoOptions = field(default_factory=VideoOptions)
    recursive: bool = True
    """Search subfolders, too."""
    container: str | None = None
    """Container of results in a folder; None for that of the input, or mkv."""
    report: Path | None = None
    """A file that is written beside the outputs, by who watches the run."""


def find_videos(job: VideoJob) -> Work:
    """Find the work of a job.

    Raises:
        UsageError: an output cannot be written so, or two files would be one.
        VideoError: there is no such input.
    """
    if _is_of_images(job):
        work = _sequence(job)
    else:
        work = _one_video(job) if _is_for_a_file(job) else _videos_of_folder(job)
    comparisons = [comparison_path(item.target) for item in work.items] if job.options.compare else []
    if len(work.items) + len(work.bad) > 1:
        for name in ("scenes", "hints"):
            if getattr(job.options, name):
                raise UsageError(f"`{name}` is for one film; there are several")
    read = [path for path in (job.options.hints, job.options.reference) if path and path.is_file()]
    check_pages(work, filter(None, (job.report, job.options.scenes, *comparisons, *read)))
    return work


def _is_of_images(job: VideoJob) -> bool:
    if len(job.inputs) > 1:
        return False
    says_so = job.options.fps is not None or is_sequence(job.out)
    return is_sequence(job.inputs[0]) or (says_so and job.inputs[0].is_dir())


def _is_for_a_file(job: VideoJob) -> bool:
    is_one = len(job.inputs) == 1 and job.inputs[0].is_file()
    return is_one and bool(job.out.suffix) and not job.out.is_dir()


def _one_video(job: VideoJob) -> Work:
    if job.out.suffix.lower() not in CONTAINERS and not is_sequence(job.out):
        raise UsageError(f"`out` {job.out}: cannot write {job.out.suffix}; one of {', '.join(CONTAINERS)}")
    return _one(job, job.inputs[0], job.out)


def _sequence(job: VideoJob) -> Work:
    [source], out = job.inputs, job.out
    try:
        pattern = pattern_in(source) if source.is_dir() else source
    except VideoError as error:
        return Work([], [BadInput(source, str(error))], Counter())
    if is_sequence(out) or (out.suffix.lower() in CONTAINERS and not out.is_dir()):
        return _one(job, pattern, out)
    if out.suffix and not out.is_dir():
        raise UsageError(
            f"`out` {out}: a sequence becomes a folder, a pattern as new_%06d.tif, or {', '.join(CONTAINERS)}"
        )
    return _one(job, pattern, out / pattern.name)


def _one(job: VideoJob, source: Path, target: Path) -> Work:
    if job.container:
        raise UsageError("`container` is for results in a folder; the name of `out` says what to write")
    if target.resolve() == source.resolve():
        raise UsageError(f"`out` {job.out}: is the input itself")
    return Work([WorkItem(source, target)], [], Counter())


def _videos_of_folder(job: VideoJob) -> Work:
    if job.out.is_file() or is_sequence(job.out):
        first = job.inputs[0]
        if len(job.inputs) == 1 and not first.exists() and not glob.has_magic(str(first)):
            raise VideoError(f"{first}: no such file or folder")
        raise UsageError(f"`out` {job.out}: a file; several videos need a folder")
    suffix = f".{job.container}" if job.container else None
    selection = Selection(job.recursive, video_suffix=suffix, suffixes=VIDEO_SUFFIXES)
    return find_work(job.inputs, job.out, selection)


def run_videos(job: VideoJob, work: Work, watcher: Watcher, stop: threading.Event) -> None:
    """Bring the work of a job to its end; of what is unfinished when the run ends, finished parts are kept.

    Args:
        job: what is asked for.
        work: what `find_videos` found.
        watcher: hears of each result, in the order of the inputs.
        stop: ends the run soon.

    Raises:
        ColorizeError: nothing can be done, as with a model that cannot be used.
    """
    from colorize_gan.infer.video.segments import backend_begun_with

    begun_with = next(filter(None, (backend_begun_with(item.target) for item in work.items)), "")
    colorizer = open_colorizer(dataclasses.replace(job.model, begun_with=begun_with))
    from colorize_gan.infer.video.video import colorize_videos

    watcher.opened(colorizer, 0)
    for entry in work.bad:
        watcher.add(ItemResult(entry.source, None, "failed", entry.reason))
    done = colorize_videos(work.items, colorizer, job.options, stop=stop, on_frame=watcher.on_frame)
    with closing(done) as results:
        for result in results:
            watcher.add(result)
