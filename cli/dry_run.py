"""The terminal's view of a dry run of `colorize-batch`: what would be written, and what would fail."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from colorize_gan.cli.wording import Wording
from colorize_gan.core.text import printable
from colorize_gan.infer.batch.results import ItemResult

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer


class DryRunTerminal:
    """Watches a dry run: see `Watcher`."""

    def __init__(self) -> None:
        """Begin."""
        self.failed = 0
        """How many inputs would fail, as far as that is known."""
        self._wording = Wording()

    def opened(self, colorizer: "Colorizer", workers: int) -> None:
        """See `Watcher.opened`."""

    def add(self, result: ItemResult) -> None:
        """See `Watcher.add`."""
        if result.status == "written":
            click.echo(printable(f"{result.source} -> {result.target}"))
        elif result.status == "failed":
            self.failed += 1
            reason = self._wording.text(result.reason)
            click.echo(printable(f"{result.source}: failed: {reason}"), err=True)

    def on_frame(self, video: Path, done: int, total: int) -> None:
        """See `Watcher.on_frame`."""

    def is_over(self) -> bool:
        """See `Watcher.is_over`."""
        return False
