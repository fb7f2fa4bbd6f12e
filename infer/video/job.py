"""A run over videos: what it is asked to do, the work that comes of it, and doing it."""

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
from colorize_gan.infer.batch.work import Selection, Work, WorkItem
from colorize_gan.infer.video.options import VideoOptions, comparison_path


@dataclass(frozen=True)
class VideoJob:
    """What a run is asked to do."""

    inputs: Sequence[Path]
    """Files, folders and globs."""
    out: Path
    """A file, for one video, or a folder."""
    model: ModelOptions = field(default_factory=ModelOptions)
    options: VideoOptions = field(default_factory=VideoOptions)
    recursive: bool = True
    """Search subfolders, too."""
    container: str | None = None
    """Of results in a folder; None for that of the input, or mkv."""
    report: Path | None = None
    """A file that is written beside the outputs, by who watches the run."""


def find_videos(job: VideoJob) -> Work:
    """Find the work of a job.

    Raises:
        UsageError: an output cannot be written so, or two files would be one.
        VideoError: there is no such input.
    """
    work = _one_video(job) if _is_for_a_file(job) else _videos_of_folder(job)
    comparisons = [comparison_path(item.target) for item in work.items] if job.options.compare else []
    check_pages(work, filter(None, (job.report, *comparisons)))
    return work


def _is_for_a_file(job: VideoJob) -> bool:
    is_one = len(job.inputs) == 1 and job.inputs[0].is_file()
    return is_one and bool(job.out.suffix) and not job.out.is_dir()


def _one_video(job: VideoJob) -> Work:
    [source], out = job.inputs, job.out
    if job.container:
        raise UsageError("`container` is for results in a folder; the name of `out` says what to write")
    if out.suffix.lower() not in CONTAINERS:
        raise UsageError(f"`out` {out}: cannot write {out.suffix}; one of {', '.join(CONTAINERS)}")
    if out.resolve() == source.resolve():
        raise UsageError(f"`out` {out}: is the input itself")
    return Work([WorkItem(source, out)], [], Counter())


def _videos_of_folder(job: VideoJob) -> Work:
    if job.out.is_file():
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
        watcher: is told of it, in the order of the inputs.
        stop: ends the run soon.

    Raises:
        ColorizeError: nothing can be done, as with a model that cannot be used.
    """
    colorizer = open_colorizer(job.model)
    from colorize_gan.infer.video.video import colorize_videos

    watcher.opened(colorizer, 0)
    for entry in work.bad:
        watcher.add(ItemResult(entry.source, None, "failed", entry.reason))
    done = colorize_videos(work.items, colorizer, job.options, stop=stop, on_frame=watcher.on_frame)
    with closing(done) as results:
        for result in results:
            watcher.add(result)
