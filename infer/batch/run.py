"""Colorizing many files: every one ends as written, skipped or failed, in the order of the inputs."""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable

from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.parallel import map_in_order, one_thread_each
from colorize_gan.infer.batch.inputs import Inputs, find_work
from colorize_gan.infer.batch.planner import Bookkeeper, Task
from colorize_gan.infer.batch.records import open_record
from colorize_gan.infer.batch.results import BatchOptions, ItemResult, LeftError
from colorize_gan.infer.batch.work import Selection, WorkItem
from colorize_gan.infer.batch.worker import Worker, settings_digest
from colorize_gan.infer.colorizer import Colorizer
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
        UsageError: two images would be written to one file.
        OSError: ``out`` cannot be written.
    """
    work = find_work(inputs, out, selection)
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
    """Colorize work items as `colorize_folder` does; closing the iterator ends with those in hand.

    So does ``is_over``, once it is true, but their results are yielded.
    """
    workers = options.workers or colorizer.wanted_workers
    worker = Worker(colorizer, options)
    work = worker.process
    if options.members:
        work, workers = ShardWorker(worker, options.members, workers, is_over).process, 1
    settings = settings_digest(colorizer, options)
    with one_thread_each():
        yield from run_tasks(work, items, out, settings, options, workers, is_over)


def run_tasks(
    work: Callable[[Task], ItemResult],
    items: Iterable[WorkItem],
    out: StrPath,
    settings: str,
    options: BatchOptions,
    workers: int,
    is_over: Callable[[], bool],
) -> Generator[ItemResult, None, None]:
    """Do what `colorize_items` says by ``work``, on so many threads; ``settings`` is a digest of them."""
    with contextlib.closing(open_record(out)) as record:
        books = Bookkeeper(record, settings, options.on_exists)

        def process(task: Task) -> ItemResult | None:
            try:
                return books.done(task, work(task))
            except LeftError:
                if not is_over():
                    raise
                return None  # others that are in hand may end well

        tasks = itertools.takewhile(lambda _: not is_over(), books.tasks(items))
        with contextlib.closing(map_in_order(process, tasks, workers, "colorize")) as results:
            for result in filter(None, results):
                yield from result.members or [result]
