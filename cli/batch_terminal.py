"""The terminal's view of a run of `colorize-batch`, and the report and gallery that it leaves."""

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from colorize_gan.cli.exit_codes import log_shown
from colorize_gan.cli.progress import FrameBar, Progress, Sink, gallery_sink, report_sink
from colorize_gan.cli.wording import Wording
from colorize_gan.core.images.formats import UNSUPPORTED_SUFFIXES
from colorize_gan.core.text import printable
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import Work
from colorize_gan.infer.batch_job import BatchJob
from colorize_gan.infer.remote.places import ANYWHERE

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer


class BatchTerminal:
    """Watches a run: see `Watcher`. As a context manager it completes the report and the gallery."""

    def __init__(self, job: BatchJob, work: Work, *, quiet: bool, verbose: bool) -> None:
        """Begin; ``quiet`` leaves the failures only, ``verbose`` tells of every file and of the model."""
        self._job, self._work, self._quiet, self._verbose = job, work, quiet, verbose
        total = len(work.items) + len(work.bad) + len(work.listed)
        self._progress = Progress(None if job.options.members else total, quiet=quiet, verbose=verbose)
        self._bar = FrameBar(quiet=quiet)
        self._wording = Wording()
        self._sinks: list[Sink] = [self._progress.add]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Show the log, if wanted."""
        if self._job.engine == "ray":
            # Ray prints the logs of a lost machine there
            shown = sys.stderr if self._verbose else self._stack.enter_context(Path(os.devnull).open("w"))
            self._stack.enter_context(contextlib.redirect_stdout(shown))
        if self._verbose:
            self._stack.enter_context(log_shown())
        self._stack.callback(self._progress.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away and complete the files; without an error, say what was done."""
        self._bar.__exit__()
        self._stack.__exit__(kind, error, trace)
        if error is None:
            self._say_what_was_done()

    def opened(self, colorizer: "Colorizer", workers: int) -> None:
        """See `Watcher.opened`."""
        if self._verbose:
            used = colorizer.backend
            line = f"model {colorizer.contract.name} on {used.name}, {used.device}, {used.precision}"
            click.echo(line + (f", in {workers} workers" if workers else ""), err=True)
        if self._job.report:
            self._sinks.append(self._stack.enter_context(report_sink(self._job.report, colorizer)))
        if gallery := self._job.gallery:
            out, count = self._job.out, len(self._work.items)
            is_file = not ANYWHERE.place(out).url  # browsers open no objects
            sink = gallery_sink(gallery, out, count, has_links=is_file)
            self._sinks.append(self._stack.enter_context(sink))

    def add(self, result: ItemResult) -> None:
        """See `Watcher.add`."""
        result = self._wording.result(result)
        for sink in self._sinks:
            sink(result)

    def on_frame(self, video: Path, done: int, total: int) -> None:
        """See `Watcher.on_frame`."""
        self._bar.update(video, done, total)

    def is_over(self) -> bool:
        """See `Watcher.is_over`."""
        return self._progress.is_storage_lost

    @property
    def failed(self) -> int:
        """How many inputs failed."""
        return self._progress.counts["failed"]

    def _say_what_was_done(self) -> None:
        if not self._quiet:
            click.echo(printable("; ".join(self._summary())), err=True)
        if self._progress.is_storage_lost:
            click.echo("stopped after repeated storage errors; run the same command to resume", err=True)

    def _summary(self) -> Iterator[str]:
        job, work, counts = self._job, self._work, self._progress.counts
        done = ", ".join(f"{counts[status]} {status}" for status in ("written", "skipped", "failed"))
        yield f"{done} -> {job.out}"
        if self._progress.to_look_at:
            count = self._progress.to_look_at
            yield f"{count} need{'s' if count == 1 else ''} a look: little colour, or damaged input"
        if work.listed:
            yield f"skipped {_counted(len(work.listed), 'video')}: --videos colorizes them"
        known = {suffix: n for suffix, n in work.others.items() if suffix in UNSUPPORTED_SUFFIXES}
        unsupported = Counter(known)
        for kind, others in (
            ("unsupported image", unsupported),
            ("non-image file", work.others - unsupported),
        ):
            if others:
                yield f"ignored {_counted(others.total(), kind)} ({_most_common(others)})"
        for name, path in (("report", job.report), ("gallery", job.gallery)):
            if path:
                yield f"{name}: {path}"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _most_common(suffixes: Counter[str]) -> str:
    return ", ".join(f"{suffix or 'no suffix'}: {count}" for suffix, count in suffixes.most_common(5))
