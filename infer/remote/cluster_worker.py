"""The code in each worker of a cluster: one model, and all steps of an image from its bytes to its output.

The steps stay in one process so that no picture goes from machine to machine; what comes back is how it
ended.
"""

import contextlib
import dataclasses
import platform
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from colorize_gan.core.errors import DeviceError, UsageError
from colorize_gan.core.files.atomic import run_name, work_for
from colorize_gan.core.system.parallel import one_thread_each
from colorize_gan.core.system.process import configure_process
from colorize_gan.core.version import __version__
from colorize_gan.infer.backends.bundled import bundled_models, find_model
from colorize_gan.infer.backends.protocol import Backend, RunBackend
from colorize_gan.infer.batch.open import ModelOptions, open_colorizer
from colorize_gan.infer.batch.planner import Task
from colorize_gan.infer.batch.results import BatchOptions, ItemResult
from colorize_gan.infer.batch.worker import Worker
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.remote.shards import ShardWorker
from colorize_gan.infer.remote.urls import load_filesystems


@dataclass(frozen=True)
class Assignment:
    """The data that a worker needs once."""

    model: ModelOptions
    content: bytes
    """Content of the model's file; empty for a bundled model."""
    options: BatchOptions
    mark: Path | None = None
    """A file in the output folder; None of an URL."""
    urls: Sequence[str] = ()
    """One of each kind that will be read or written."""
    threads: int = 1
    expected: Backend | None = None
    """The backend of the first worker."""
    version: str = __version__
    run: str = field(default_factory=run_name)
    """Name of the run, which assigns the work and removes what a lost worker leaves."""

    @classmethod
    def of(cls, model: ModelOptions, options: BatchOptions) -> Self:
        """Return that of a run.

        Raises:
            ModelError: there is no such model.
        """
        path = find_model(model.model)
        is_bundled = str(model.model) in bundled_models()
        content = b"" if is_bundled else path.read_bytes()
        name = model.model if is_bundled else path.name
        device = "cuda" if model.device == "cuda" else "cpu"  # Ray gives none unless asked
        return cls(dataclasses.replace(model, model=name, device=device), content, options)


class ClusterWorker:
    """One worker."""

    def __init__(self) -> None:
        """Wait for an assignment."""
        configure_process()
        self._over = threading.Event()

    def open(self, assignment: Assignment) -> RunBackend:
        """Open the model; return what stands for it elsewhere.

        Raises:
            UsageError: this machine does not see the output folder, cannot read its URLs, or has another
                version.
            DeviceError: it runs something else than the first worker.
            ModelError: the model is not usable.
        """
        host = platform.node()
        if assignment.version != __version__:
            raise UsageError(f"{host}: has colorize-gan {__version__}, not {assignment.version}")
        if assignment.mark and not assignment.mark.exists():
            raise UsageError(
                f"{host}: does not see {assignment.mark.parent.parent}; "
                "`out` has to be a folder that all machines share, or an URL"
            )
        try:
            for url in assignment.urls:
                load_filesystems(url)
        except UsageError as error:
            raise UsageError(f"{host}: {error}") from error
        colorizer = _open(assignment)
        opened, first = stand_in(colorizer.backend), assignment.expected
        if first and opened != first:
            raise DeviceError(
                f"{host}: runs the model on {opened.name}, {opened.device}, {opened.precision}, another "
                f"machine on {first.name}, {first.device}, {first.precision}: colours would differ"
            )
        work_for(assignment.run)
        self._everything = contextlib.ExitStack()
        self._everything.enter_context(one_thread_each())
        worker = Worker(colorizer, assignment.options)
        members = assignment.options.members
        self._worker = (
            ShardWorker(worker, members, assignment.threads, self._over.is_set) if members else worker
        )
        return opened

    def process(self, task: Task, reference: bytes | None = None) -> ItemResult:
        """Bring one task to its end; ``reference`` is the content of its reference.

        Raises:
            LeftError: `leave` was called; of a shard there is nothing then.
        """
        if task.reference and reference is not None:
            task = dataclasses.replace(task, reference=task.reference.with_content(reference))
        return self._worker.process(task)

    def leave(self) -> None:
        """Give up the current shard."""
        self._over.set()


def stand_in(backend: Backend) -> RunBackend:
    """Return what has the properties of a backend, can be sent, and runs nothing."""
    return RunBackend(
        backend.contract,
        _elsewhere,
        backend.name,
        backend.device,
        backend.precision,
        backend.sha256,
        backend.why,
    )


def _elsewhere(_: np.ndarray) -> np.ndarray:
    raise AssertionError


def _open(assignment: Assignment) -> Colorizer:
    if not assignment.content:
        return open_colorizer(assignment.model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / assignment.model.model
        path.write_bytes(assignment.content)
        return open_colorizer(dataclasses.replace(assignment.model, model=path))
