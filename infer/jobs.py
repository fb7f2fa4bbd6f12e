"""A run over photographs and videos: the work that comes of a job, and doing it."""

import contextlib
import dataclasses
import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from colorize_gan.core.errors import UsageError
from colorize_gan.core.extras import packages_for
from colorize_gan.core.files.containers import VIDEO_SUFFIXES
from colorize_gan.core.files.folders import HINTS_SUFFIX
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.protocol import sha256_of
from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.open import ModelOptions, open_colorizer
from colorize_gan.infer.batch.pages import check_pages, check_reference
from colorize_gan.infer.batch.results import ItemResult, LeftError
from colorize_gan.infer.batch.state import usual_backend
from colorize_gan.infer.batch.watcher import Watcher
from colorize_gan.infer.batch.work import SHARDS, Selection, Work, WorkItem
from colorize_gan.infer.batch_job import BatchJob
from colorize_gan.infer.notes import HINTS_OF_NONE, REFERENCE_OF_NONE
from colorize_gan.infer.remote.places import ANYWHERE
from colorize_gan.infer.remote.urls import expand_ranges
from colorize_gan.infer.video.options import VideoOptions

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer

_A_VIDEO = "a video; `videos` colorizes it, and so does colorize-video"


def find_batch(job: BatchJob) -> Work:
    """Find the work of a job.

    Raises:
        UsageError: two outputs would be one, a page would take the place of a picture, or a reference is one.
    """
    if job.options.members:
        inputs = [each for path in job.inputs for each in _shards(path)]
        work = find_work(inputs, job.out, Selection(job.selection.recursive, suffixes=SHARDS), ANYWHERE)
    else:
        listed = frozenset() if job.videos else VIDEO_SUFFIXES
        suffixes = job.selection.suffixes | VIDEO_SUFFIXES
        selection = dataclasses.replace(job.selection, suffixes=suffixes, listed=listed)
        work = find_work(job.inputs, job.out, selection, ANYWHERE)
    _check_pages(job, work)
    check_reference(work, job.options.reference)
    work = work._replace(items=work.items[: job.limit])
    if job.options.on_exists == "rename" and any(map(is_video, work.items)):
        raise UsageError("`on_exists` rename is for images; with `videos` use skip, overwrite or error")
    return work


def _shards(path: Path | Sequence[Path]) -> Sequence[Path | Sequence[Path]]:
    return [path] if isinstance(path, Sequence) else expand_ranges(path)


def _check_pages(job: BatchJob, work: Work) -> None:
    from colorize_gan.infer.batch.gallery import replaced_folder

    replaced = replaced_folder(job.gallery, len(work.items)) if job.gallery else None
    pages = [page for page in (job.report, job.gallery) if page]
    kept = [path for path in (job.options.hints, job.options.reference) if isinstance(path, Path)]
    kept += [page for page in pages if page.name.endswith(HINTS_SUFFIX)]  # beside photographs
    check_pages(work, pages, replaced, kept)


def is_video(item: WorkItem) -> bool:
    """Tell a video from an image."""
    return item.source.suffix.lower() in VIDEO_SUFFIXES


def run_batch(job: BatchJob, work: Work, watcher: Watcher, stop: threading.Event) -> None:
    """Bring the work of a job to its end; what is done when the run is over is reported.

    Args:
        job: what is asked for.
        work: what `find_batch` found.
        watcher: hears of each result, in the order of the inputs.
        stop: ends the run soon, like ``watcher.is_over``, and what it waits for.

    Raises:
        ColorizeError: nothing can be done, as with a model that cannot be used.
        OSError: the output cannot be written.
    """
    has_failed = False

    def is_over() -> bool:
        return stop.is_set() or (job.fail_fast and has_failed) or watcher.is_over()

    try:
        with closing(_results(job, work, watcher, stop, is_over)) as results:
            for result in results:
                has_failed |= result.status == "failed"
                watcher.add(result)
    except LeftError:
        if not stop.is_set():  # else it had not begun
            raise


_IsOver = Callable[[], bool]


class _Opened(NamedTuple):
    """The engine that does the work."""

    colorizer: "Colorizer"
    """The model, or what stands for that of other machines."""
    colorize: Callable[[list[WorkItem]], Generator[ItemResult, None, None]]


def _results(
    job: BatchJob, work: Work, watcher: Watcher, stop: threading.Event, is_over: _IsOver
) -> Generator[ItemResult, None, None]:
    images = _images(work)
    clips = [item for item in work.items if is_video(item)]
    with ExitStack() as stack:
        opened: _Opened | None = None
        if images or clips or job.report or job.gallery:
            opened = stack.enter_context(_opened(job, work, watcher, stop, is_over))
        unused = list(_unused(job, work, opened))
        for entry in work.bad:
            yield ItemResult(entry.source, None, "failed", entry.reason)
        for path in work.listed:
            yield ItemResult(path, None, "skipped", _A_VIDEO)
        yield from unused
        if opened and images:
            yield from stack.enter_context(closing(opened.colorize(images)))
        if opened and clips:
            going = itertools.takewhile(lambda _: not is_over(), clips)
            yield from stack.enter_context(closing(_videos(job, going, opened.colorizer, watcher, stop)))


def _images(work: Work) -> list[WorkItem]:
    return [item for item in work.items if not is_video(item)]


def _unused(job: BatchJob, work: Work, opened: _Opened | None) -> Iterator[ItemResult]:
    from colorize_gan.infer.batch.references import open_references  # heavy: a dry run needs none of it
    from colorize_gan.infer.batch.sidecars import Sidecars

    is_part = job.limit is not None or job.selection.is_narrow or not _takes_whole_folders(job)
    hints, reference = job.options.hints, job.options.reference
    if not job.options.members and not (is_part and isinstance(hints, Path)):
        for path in Sidecars(hints, job.out).unused(work.items):
            yield ItemResult(path, None, "skipped", HINTS_OF_NONE)
    if opened and reference and reference.is_dir() and not is_part:
        references = open_references(job.options, job.out, opened.colorizer.contract)
        for path in references.unused(work.items):
            yield ItemResult(path, None, "skipped", REFERENCE_OF_NONE)


def _takes_whole_folders(job: BatchJob) -> bool:
    """Tell whether a run is over all photographs that there are: a mirrored folder can be for these alone."""
    named = [path for path in job.inputs if isinstance(path, Path)]
    return job.selection.recursive and len(named) == len(job.inputs) and all(map(os.path.isdir, named))


@contextlib.contextmanager
def _opened(
    job: BatchJob, work: Work, watcher: Watcher, stop: threading.Event, is_over: _IsOver
) -> Iterator[_Opened]:
    """Let this process, or the machines of a Ray cluster, open the model."""
    images = _images(work)
    model = _with_work(job, work)
    if job.engine == "ray" and images and not job.dry_run:
        with packages_for("`engine` ray"):
            from colorize_gan.infer.remote.cluster import open_cluster
        with open_cluster(job.ray_address, images, job.out, job.options, model, stop.is_set) as cluster:
            watcher.opened(cluster.colorizer, cluster.need.workers)
            yield _Opened(cluster.colorizer, lambda items: cluster.colorize(items, job.out, is_over))
        return
    colorizer = open_colorizer(model)
    from colorize_gan.infer.folder import colorize_items, foresee_items

    watcher.opened(colorizer, 0)

    def colorize(items: list[WorkItem]) -> Generator[ItemResult, None, None]:
        if job.dry_run:
            going = itertools.takewhile(lambda _: not is_over(), items)
            return foresee_items(going, job.out, colorizer, job.options)
        return colorize_items(items, job.out, colorizer, job.options, is_over)

    yield _Opened(colorizer, colorize)


def _with_work(job: BatchJob, work: Work) -> ModelOptions:
    """Return the options of the model with what is known of the run."""
    is_counted = not job.options.members and not any(map(is_video, work.items))
    model = dataclasses.replace(job.model, pictures=len(work.items) if is_counted else None)
    if job.dry_run and job.engine == "ray":  # the GPUs are elsewhere
        model = dataclasses.replace(model, device="cpu")
    if model.backend != "auto":
        return model
    record = ANYWHERE.read_record(job.out)
    if record:
        begun_with = usual_backend(record, sha256_of(find_model(model.model)))
        return dataclasses.replace(model, begun_with=begun_with)
    # nothing is up to date, whatever it was made with: a dry run needs no trial of backends
    return dataclasses.replace(model, backend="native") if job.dry_run else model


def _videos(
    job: BatchJob, clips: Iterator[WorkItem], colorizer: "Colorizer", watcher: Watcher, stop: threading.Event
) -> Generator[ItemResult, None, None]:
    from colorize_gan.infer.video.video import colorize_videos, foresee_videos

    options = VideoOptions(
        on_exists=job.options.on_exists, measure=job.options.measure, reference=job.options.reference
    )
    if job.dry_run:
        return foresee_videos(clips, colorizer, options, out=job.out)
    return colorize_videos(clips, colorizer, options, out=job.out, stop=stop, on_frame=watcher.on_frame)
