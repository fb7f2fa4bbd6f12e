"""Colorizing many files: every one ends as written, skipped or failed, in the order of the inputs."""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from colorize_gan.core.system.parallel import map_in_order
from colorize_gan.infer.batch.places import Places
from colorize_gan.infer.batch.planner import Planner, Task
from colorize_gan.infer.batch.references import NO_REFERENCES, References
from colorize_gan.infer.batch.results import HintsFrom, ItemResult, LeftError, OnExists
from colorize_gan.infer.batch.sidecars import Sidecars
from colorize_gan.infer.batch.work import WorkItem


def run_tasks(
    work: Callable[[Task], ItemResult],
    items: Iterable[WorkItem],
    out: Path,
    places: Places,
    settings: str,
    on_exists: OnExists,
    workers: int,
    is_over: Callable[[], bool],
    hints: HintsFrom = "none",
    references: References = NO_REFERENCES,
) -> Generator[ItemResult, None, None]:
    """Bring work items to their end by ``work``; closing the iterator ends with those in progress.

    Args:
        work: brings one task to its end; called on so many threads as there are ``workers``.
        items: inputs and outputs.
        out: what is noted of the outputs is kept there.
        places: where inputs and outputs are.
        settings: a digest of all that decides about an output, but its hints and its reference.
        on_exists: what happens where there is one.
        workers: how many items are in progress at once.
        is_over: ends the run once it is true, too; the results of those in progress are yielded.
        hints: where those of photographs are.
        references: the pictures whose colours they get.

    Yields:
        One result an item, in order; of a shard, those of its members.

    Raises:
        OSError: ``out`` cannot be written.
        UsageError: there is no such folder of hints.
    """
    sidecars = Sidecars(hints, out)
    with contextlib.closing(places.open_state(out)) as state:
        planner = Planner(state, places, settings, on_exists, sidecars, references)

        def process(task: Task) -> ItemResult | None:
            try:
                return planner.finish(task, work(task))
            except LeftError:
                if not is_over():
                    raise
                return None  # others that are in hand may end well

        tasks = itertools.takewhile(lambda _: not is_over(), planner.plan(items))
        with contextlib.closing(map_in_order(process, tasks, workers, "colorize")) as results:
            for result in filter(None, results):
                yield from result.members or [result]
