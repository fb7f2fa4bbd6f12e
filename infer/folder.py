"""Colorizing files and folders, wherever they are."""

from collections.abc import Callable, Generator, Iterable

from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.parallel import one_thread_each
from colorize_gan.infer.batch.inputs import Inputs, find_work
from colorize_gan.infer.batch.planner import Planner
from colorize_gan.infer.batch.references import open_references
from colorize_gan.infer.batch.results import BatchOptions, ItemResult
from colorize_gan.infer.batch.run import run_tasks
from colorize_gan.infer.batch.sidecars import Sidecars
from colorize_gan.infer.batch.work import Selection, WorkItem
from colorize_gan.infer.batch.worker import Worker, settings_digest
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.remote.places import ANYWHERE
from colorize_gan.infer.remote.shards import ShardWorker

_EVERYTHING = Selection()
_DEFAULTS = BatchOptions()


def colorize_folder(
    inputs: Inputs,
    out: StrPath,
    colorizer: Colorizer,
    *,
    selection: Selection = _EVERYTHING,
    options: BatchOptions = _DEFAULTS,
) -> Generator[ItemResult, None, None]:
    """Colorize files and folders into ``out``, mirroring each folder's tree.

    Args:
        inputs: image files, folders, globs and URLs, or one of them.
        out: folder of the results, created when missing.
        colorizer: the model.
        selection: which files of a folder are taken.
        options: what happens to them.

    Yields:
        One result an input that gives no work, then one an image, in order, as they are done.

    Raises:
        UsageError: two images would be written to one file; the hints or the reference cannot be used.
        OSError: ``out`` cannot be written.
    """
    work = find_work(inputs, out, selection, ANYWHERE)
    for entry in work.bad:
        yield ItemResult(entry.source, None, "failed", entry.reason)
    yield from colorize_items(work.items, out, colorizer, options)


def colorize_items(
    items: Iterable[WorkItem],
    out: StrPath,
    colorizer: Colorizer,
    options: BatchOptions = _DEFAULTS,
    is_over: Callable[[], bool] = lambda: False,
) -> Generator[ItemResult, None, None]:
    """Colorize work items as `colorize_folder` does; closing the iterator ends with those in progress.

    So does ``is_over``, once it is true, but their results are yielded.
    """
    workers = options.workers or colorizer.wanted_workers
    worker = Worker(colorizer, options)
    work = worker.process
    if options.members:
        work, workers = ShardWorker(worker, options.members, workers, is_over).process, 1
    settings = settings_digest(colorizer, options)
    out = ANYWHERE.path_of(out)
    references = open_references(options, out, colorizer.contract)
    with one_thread_each():
        yield from run_tasks(
            work,
            items,
            out,
            ANYWHERE,
            settings,
            options.on_exists,
            workers,
            is_over,
            "none" if options.members else options.hints,
            references,
        )


def foresee_items(
    items: Iterable[WorkItem], out: StrPath, colorizer: Colorizer, options: BatchOptions
) -> Generator[ItemResult, None, None]:
    """Yield how work items would end by `colorize_items`, as far as that is known before a file is read.

    Nothing is written.

    Raises:
        UsageError: the hints or the reference cannot be used.
        OSError: the record in ``out`` cannot be read.
    """
    out = ANYWHERE.path_of(out)
    references = open_references(options, out, colorizer.contract)
    sidecars = Sidecars("none" if options.members else options.hints, out)
    state, settings = ANYWHERE.view_state(out), settings_digest(colorizer, options)
    planner = Planner(state, ANYWHERE, settings, options.on_exists, sidecars, references)
    worker = Worker(colorizer, options)
    for task in planner.plan(items):
        ended = task.ended or (None if options.members else worker.fault_of(task))
        yield ended or ItemResult(task.item.source, task.item.target, "written")
