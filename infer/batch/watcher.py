"""The watcher of a run: a person at a terminal, or nobody."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from colorize_gan.infer.batch.results import ItemResult

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer


class Watcher(Protocol):
    """Is told of a run, on the thread that called it, and may end it."""

    def opened(self, colorizer: "Colorizer", workers: int) -> None:
        """Hear that the model is opened: here, or, of a cluster, by the first of ``workers``."""

    def add(self, result: ItemResult) -> None:
        """Hear how an input ended."""

    def on_frame(self, video: Path, done: int, total: int) -> None:
        """Hear how many frames of a video are done, and of how many: 0 where there is no telling."""

    def is_over(self) -> bool:
        """Tell whether the run is to end; what is in progress then is finished, and reported."""
