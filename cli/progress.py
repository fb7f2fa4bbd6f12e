"""The view of a run for the person at the terminal, the report and the gallery."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, Self

import click

from colorize_gan.core.text import printable
from colorize_gan.infer.batch.gallery import EMBED_LIMIT, Gallery, GalleryEntry
from colorize_gan.infer.batch.results import UNREACHABLE, ItemResult
from colorize_gan.infer.notes import DAMAGED, HARDLY_ANY_COLOR, HINTS_OF_NONE, REFERENCE_OF_NONE

if TYPE_CHECKING:
    from tqdm import tqdm

    from colorize_gan.infer.colorizer import Colorizer

_OUTAGE = 5  # items in a row that the storage fails, each tried several times
_LOG_SECONDS = 60
"""Between the lines that stand for the bar where there is no terminal."""

Sink = Callable[[ItemResult], None]


class Progress:
    """One bar for the whole run and a line for each failure, on stderr."""

    def __init__(self, total: int | None, *, quiet: bool, verbose: bool) -> None:
        """Begin; ``quiet`` leaves the failures only, ``verbose`` adds a line for each image.

        ``total`` is None where it is not known.
        """
        self.counts = Counter[str]()
        self.to_look_at = 0
        self.is_storage_lost = False
        """True once the storage failed so many items in a row that the run is to end."""
        self._unreachable = 0
        self._total, self._quiet, self._verbose = total, quiet, verbose
        self._megapixels, self._started, self._logged = 0.0, time.monotonic(), time.monotonic()
        self._bar = _bar(quiet=quiet, total=total, unit="img")

    def add(self, result: ItemResult) -> None:
        """Count one result and show it."""
        self.counts[result.status] += 1
        if result.status == "written":
            self._megapixels += (result.width or 0) * (result.height or 0) / 1e6
        self.to_look_at += HARDLY_ANY_COLOR in result.note or DAMAGED in result.note
        self._unreachable = self._unreachable + 1 if UNREACHABLE in result.reason else 0
        self.is_storage_lost |= self._unreachable >= _OUTAGE
        if self._bar is not None:
            rate = self._megapixels / (time.monotonic() - self._started)
            self._bar.set_postfix_str(f"{rate:.1f} MPix/s, {self.counts['failed']} failed", refresh=False)
            self._bar.update()
        is_unused = result.reason in (HINTS_OF_NONE, REFERENCE_OF_NONE)
        if result.status == "failed" or self._verbose or (is_unused and not self._quiet):
            reason = f": {result.reason or result.note}" if result.reason or result.note else ""
            _write(self._bar, f"{printable(result.source)}: {result.status}{printable(reason)}")
        self._log()

    def _log(self) -> None:
        if self._bar is None and not self._quiet and time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            total = "" if self._total is None else f" of {self._total}"
            click.echo(f"{self.counts.total()}{total}, {self.counts['failed']} failed", err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _bar(*, quiet: bool, **settings: Any) -> "tqdm[Never] | None":
    """Return a bar on stderr; None where there is no terminal: a log file wants lines."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    return tqdm(dynamic_ncols=True, **settings)


def _write(bar: "tqdm[Never] | None", line: str) -> None:
    """Print a line on stderr, above the bar."""
    if bar is None:
        click.echo(line, err=True)
    else:
        bar.write(line, file=sys.stderr)


class FrameBar:
    """A bar for the current video, with its frames a second and the time that is left, on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        """Begin; there is a bar from the first frame on, unless ``quiet``."""
        self._quiet = quiet
        self._bar: tqdm[Never] | None = None
        self._video, self._logged = Path(), time.monotonic()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def write(self, line: str) -> None:
        """Print a line, above the bar."""
        _write(self._bar, line)

    def update(self, video: Path, done: int, total: int) -> None:
        """Show that ``done`` frames of a video are done; 0 as ``total`` where there is no telling."""
        if video != self._video:
            self.__exit__()
            self._video = video
            # what an earlier run has done does not count for the speed
            self._bar = _bar(
                quiet=self._quiet,
                desc=printable(video.name),
                total=total or None,
                initial=done - 1,
                unit="frame",
                leave=False,
            )
        if self._bar is not None:
            self._bar.update()
        elif not self._quiet and time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            click.echo(f"{printable(video.name)}: {done} of {total or '?'} frames", err=True)


@contextlib.contextmanager
def report_sink(path: Path, colorizer: "Colorizer") -> Iterator[Sink]:
    """Yield a sink that adds results to a `Report` at ``path`` of this command."""
    from colorize_gan.infer.batch.report import Report

    with Report(path, sys.argv, colorizer) as report:
        yield report.add


@contextlib.contextmanager
def gallery_sink(path: Path, out: Path, total: int, *, has_links: bool) -> Iterator[Sink]:
    """Yield a sink that adds results to a `Gallery` at ``path``; it links to outputs that browsers open."""
    with Gallery(path, f"colorize-batch: {out.name}", embed=total <= EMBED_LIMIT) as gallery:

        def add(result: ItemResult) -> None:
            is_shown = has_links and result.target and result.status != "failed"
            target = str(result.target) if is_shown else None
            gallery.add(
                GalleryEntry(
                    str(result.source),
                    target,
                    result.status,
                    result.reason,
                    result.note,
                    result.before,
                    result.after,
                    result.hints,
                    result.reference,
                )
            )

        yield add
