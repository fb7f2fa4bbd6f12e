"""Spreading a run over a Ray cluster: this process lists, keeps the record and tells, workers do the rest.

It uses Ray's actors, not Ray Data, for three reasons. A run makes its tasks while it continues, because the
record of begun outputs comes first. When it is stopped, it reports what was done. Results are small and come
straight to this process, so that a lost machine takes none with it.
"""

import contextlib
import dataclasses
import functools
import logging
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from colorize_gan.core.errors import ColorizeError, DeviceError, ImageError
from colorize_gan.infer.backends.protocol import RunBackend
from colorize_gan.infer.batch.disk import Disk
from colorize_gan.infer.batch.folder_state import FOLDER
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.batch.planner import Task, failure
from colorize_gan.infer.batch.references import open_references
from colorize_gan.infer.batch.results import BatchOptions, ItemResult, LeftError
from colorize_gan.infer.batch.run import run_tasks
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.batch.worker import settings_digest
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.remote.cluster_resources import Need, connected, machines, needed
from colorize_gan.infer.remote.cluster_roster import LOOK_SECONDS, Roster
from colorize_gan.infer.remote.cluster_worker import Assignment, ClusterWorker
from colorize_gan.infer.remote.places import ANYWHERE, Anywhere

_log = logging.getLogger(__name__)

_TRIES = 3  # an image that ends its worker is not to end all of them
_LEAVING = 10  # seconds that a worker has to remove what it has of a shard
_AGAIN = 30  # seconds until workers are hired again where some ended at once


@contextlib.contextmanager
def open_cluster(
    address: str | None,
    items: Sequence[WorkItem],
    out: Path,
    options: BatchOptions,
    model: ModelOptions,
    is_stopped: Callable[[], bool],
) -> Iterator["Cluster"]:
    """Connect to a Ray cluster and let workers open the model.

    Args:
        address: ``host:port`` or ``auto``; None for that in ``RAY_ADDRESS``, or for one of this machine that
            lives as long as the block.
        items: the work.
        out: folder or URL of the results.
        options: what happens to the files.
        model: what the workers open.
        is_stopped: whether not to wait for the cluster any longer.

    Raises:
        UsageError: a machine does not see ``out``.
        DeviceError: the cluster, or what is asked of it, is not there.
        ModelError: the model is not usable.
        LeftError: stopped while it was waited for.
    """
    assignment = Assignment.of(model, options)
    with contextlib.ExitStack() as stack:
        mark = None if ANYWHERE.place(out).url else stack.enter_context(_mark(out))
        stack.enter_context(connected(address))
        need = needed(machines(), model.device, options.workers, model.batch_size)
        urls = _urls(items, out)
        assignment = dataclasses.replace(assignment, mark=mark, urls=urls, threads=need.threads)
        cluster = Cluster(need, assignment)
        stack.callback(cluster.close)
        cluster.open(is_stopped)
        yield cluster


class Cluster:
    """Workers on a cluster; those that are lost are replaced, and their work is done by others."""

    colorizer: Colorizer
    """Stands for those of the workers: the same settings, but it does not run."""

    def __init__(self, need: Need, assignment: Assignment) -> None:
        """Prepare for the cluster that this process is connected to."""
        self.need, self._assignment = need, assignment
        shards = assignment.options.members is not None
        # of images, one more waits in the worker, so that it never does
        # beside a shard, the call to leave it
        self._slots, at_once = (1, 2) if shards else (need.threads + 1, need.threads)
        self._actors = ray.remote(ClusterWorker).options(
            num_cpus=need.cpus, num_gpus=need.gpus, max_concurrency=at_once
        )
        self._sent = ray.put(assignment)  # once: a model may be in it
        self._roster = Roster[Any](self._slots)
        self._put = functools.lru_cache(1)(lambda file: ray.put(file.read()))  # once, where all have the same
        self._hiring, self._closed = list[threading.Thread](), threading.Event()

    def open(self, is_stopped: Callable[[], bool]) -> None:
        """Wait for the first worker; the others come when they come."""
        first, *others = [self._actors.remote() for _ in range(self.need.workers)]
        opened = self._hire(first, is_stopped)
        same = dataclasses.replace(self._assignment.model, backend=opened.name)
        self._sent = ray.put(dataclasses.replace(self._assignment, model=same, expected=opened))
        self.colorizer = same.applied(opened)
        for actor in others:
            self._hire_later(actor)

    def close(self) -> None:
        """Wait for workers no longer."""
        self._closed.set()
        for thread in self._hiring:
            thread.join()

    def colorize(
        self, items: Iterable[WorkItem], out: Path, is_over: Callable[[], bool]
    ) -> Generator[ItemResult, None, None]:
        """Colorize work items as `colorize_items` does."""
        options = self._assignment.options
        work = functools.partial(self._process, is_over=is_over)
        settings = settings_digest(self.colorizer, options)
        slots = self.need.workers * self._slots
        places = Anywhere(Disk(Path.cwd()))  # workers have folders of their own
        hints = "none" if options.members else options.hints
        references = open_references(options, out, self.colorizer.contract)
        return run_tasks(
            work, items, out, places, settings, options.on_exists, slots, is_over, hints, references
        )

    def _process(self, task: Task, is_over: Callable[[], bool]) -> ItemResult:
        options = self._assignment.options
        if task.ended and not options.thumbnails:
            return task.ended
        try:
            reference = self._put(task.reference) if task.reference and not task.ended else None
        except ImageError as error:
            return failure(task.item, error)
        for tries in range(_TRIES):
            alone = tries > 0  # so that it is known who ends a worker
            actor = self._roster.take(is_over, alone=alone)
            try:
                result = self._result(
                    actor, task, reference, is_over if options.members else self._closed.is_set
                )
            except RayTaskError:
                raise
            except RayError as error:
                _log.info("a worker is lost, others do its work: %s", _reason(error))
                self._replace(actor)
            else:
                self._roster.give_back(actor, alone=alone)
                return result
        reason = f"{_TRIES} workers ended while they colorized it; is the memory too small for it?"
        return failure(task.item, ImageError(reason))

    def _result(self, actor: Any, task: Task, reference: Any, is_over: Callable[[], bool]) -> ItemResult:
        done = actor.process.remote(task, reference)
        try:
            result: ItemResult = _answer(done, is_over)
        except LeftError:
            actor.leave.remote()
            ray.wait([done], timeout=_LEAVING)
            raise
        return result

    def _replace(self, actor: Any) -> None:
        if self._roster.remove(actor):
            ray.kill(actor)  # it may only be out of reach
            self._hire_later(self._actors.remote())

    def _hire_later(self, actor: Any) -> None:
        def hire() -> None:
            try:
                self._hire(actor, self._closed.is_set)
            except LeftError:
                pass
            except Exception as error:
                self._roster.fail(error)

        thread = threading.Thread(target=hire, name="hire")
        thread.start()
        self._hiring.append(thread)

    def _hire(self, actor: Any, is_over: Callable[[], bool]) -> RunBackend:
        """Let a worker open the model, and wait for it as long as it takes the cluster to start it."""
        tries = 0
        while True:
            try:
                opened: RunBackend = _answer(actor.open.remote(self._sent), is_over)
            except RayTaskError:
                raise
            except RayError as error:
                tries += 1
                if tries % _TRIES == 0:
                    self._rest(f"{_TRIES} workers ended while they opened the model: {_reason(error)}")
                actor = self._actors.remote()
            else:
                self._roster.add(actor)
                return opened

    def _rest(self, lost: str) -> None:
        """Wait until workers are hired again.

        Raises:
            DeviceError: nobody else works.
        """
        if self._roster.is_empty():
            raise DeviceError(lost)
        _log.info("%s; the others continue", lost)
        self._closed.wait(_AGAIN)


def _answer(done: Any, is_over: Callable[[], bool]) -> Any:
    """Wait for what a worker returns.

    Raises:
        LeftError: the run is over.
        RayError: the worker is lost.
    """
    while True:
        try:
            return ray.get(done, timeout=LOOK_SECONDS)
        except GetTimeoutError:
            if is_over():
                raise LeftError from None
        except RayTaskError as error:
            if isinstance(error.cause, ColorizeError | OSError):
                raise error.cause from None
            raise


def _reason(error: RayError) -> str:
    """Return what is at the end of Ray's text, which begins with where it was."""
    return str(error).rstrip().rpartition("\n")[2].strip()


def _urls(items: Iterable[WorkItem], out: Path) -> list[str]:
    """Return an URL of each kind that a run has."""
    kinds = {type(path): path for path in (out, *(item.source for item in items))}
    return [url for path in kinds.values() if (url := ANYWHERE.place(path).url)]


@contextlib.contextmanager
def _mark(out: Path) -> Iterator[Path]:
    """Put a file into the folder, for the workers to see."""
    folder = out.absolute() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".mark") as file:
        yield Path(file.name)
