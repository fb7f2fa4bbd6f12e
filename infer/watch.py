"""What the person at the terminal, the report and the gallery see of a run."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from tqdm import tqdm

from colorize_gan.commands import printable
from colorize_gan.infer.gallery import EMBED_LIMIT, Gallery, GalleryEntry
from colorize_gan.infer.results import DAMAGED, HARDLY_ANY_COLOR, ItemResult

_LOG_SECONDS = 60
"""Between the lines that stand for the bar where there is no terminal."""

Sink = Callable[[ItemResult], None]


class Progress:
    """One bar for the whole run and a line for each failure, on stderr."""

    def __init__(self, total: int, *, quiet: bool, verbose: bool) -> None:
        """Begin; ``quiet`` leaves the failures only, ``verbose`` adds a line for each image."""
        self.counts = Counter[str]()
        self.to_look_at = 0
        self._quiet, self._verbose = quiet, verbose
        self._megapixels, self._started, self._logged = 0.0, time.monotonic(), time.monotonic()
        # no terminal, no bar: a log file wants lines
        hidden = quiet or sys.stderr is None or not sys.stderr.isatty()
        self._bar = tqdm(total=total, unit="img", disable=hidden, dynamic_ncols=True)

    def add(self, result: ItemResult) -> None:
        """Count one result and show it."""
        self.counts[result.status] += 1
        if result.status == "written":
            self._megapixels += (result.width or 0) * (result.height or 0) / 1e6
        self.to_look_at += HARDLY_ANY_COLOR in result.note or DAMAGED in result.note
        rate = self._megapixels / (time.monotonic() - self._started)
        self._bar.set_postfix_str(f"{rate:.1f} MPix/s, {self.counts['failed']} failed", refresh=False)
        self._bar.update()
        if result.status == "failed" or self._verbose:
            reason = f": {result.reason or result.note}" if result.reason or result.note else ""
            self._bar.write(
                f"{printable(result.source)}: {result.status}{printable(reason)}", file=sys.stderr
            )
        self._log()

    def _log(self) -> None:
        if self._bar.disable and not self._quiet and time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            click.echo(
                f"{self.counts.total()} of {self._bar.total}, {self.counts['failed']} failed", err=True
            )

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


@contextlib.contextmanager
def gallery_sink(path: Path, out: Path, total: int) -> Iterator[Sink]:
    """Yield a sink that adds results to a `Gallery` at ``path``."""
    with Gallery(path, f"colorize-batch: {out.name}", embed=total <= EMBED_LIMIT) as gallery:

        def add(result: ItemResult) -> None:
            target = str(result.target) if result.target and result.status != "failed" else None
            gallery.add(
                GalleryEntry(
                    str(result.source),
                    target,
                    result.status,
                    result.reason,
                    result.note,
                    result.before,
                    result.after,
                )
            )

        yield add
