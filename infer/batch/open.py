"""Opening the model of a run."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.memory import keep_freed_memory
from colorize_gan.infer.backends.bundled import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    from colorize_gan.infer.backends.protocol import Backend
    from colorize_gan.infer.colorizer import Colorizer


@dataclass(frozen=True)
class ModelOptions:
    """Which model runs, on what, and what is made of its colours: arguments of `Colorizer`.

    The last two are what a run knows of its work: arguments of `open_backend`. Each of a few pictures gets
    several threads.
    """

    model: StrPath = DEFAULT_MODEL
    backend: str = "auto"
    device: str = "auto"
    render_size: int | None = None
    batch_size: int | None = None
    saturation: float = 1.0
    strength: float = 1.0
    pictures: int | None = None
    begun_with: str = ""

    def opened(self) -> "Colorizer":
        """Open the model; errors are those of `Colorizer`."""
        return self.applied(self.opened_backend())

    def opened_backend(self) -> "Backend":
        """Open the model alone; errors are those of `open_backend`."""
        from colorize_gan.infer.backends.open import open_backend

        return open_backend(
            find_model(self.model),
            self.backend,
            self.device,
            pictures=self.pictures,
            begun_with=self.begun_with,
        )

    def applied(self, opened: "Backend") -> "Colorizer":
        """Return the colorizer of a model that is opened; errors are those of `Colorizer`."""
        from colorize_gan.core.system.parallel import threads_for_each
        from colorize_gan.infer.colorizer import Colorizer

        return Colorizer(
            opened,
            render_size=self.render_size,
            batch_size=self.batch_size,
            saturation=self.saturation,
            strength=self.strength,
            threads=threads_for_each(self.pictures),
        )


def open_colorizer(options: ModelOptions) -> "Colorizer":
    """Open the model of a run: it loads while the rest of the run is imported; errors are of `Colorizer`.

    The process is taken to be the run's own: see `keep_freed_memory`.
    """
    keep_freed_memory()  # before there are threads: each would have a heap of its own
    import colorize_gan.infer.backends.open  # before two threads import it at once

    with ThreadPoolExecutor(1, "open") as beside:
        opened = beside.submit(options.opened_backend)
        import colorize_gan.infer.batch.run
        import colorize_gan.infer.batch.worker  # noqa: F401  all that a run needs

        return options.applied(opened.result())
