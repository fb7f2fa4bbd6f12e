"""Opening the model of a run."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from colorize_gan.core.system.memory import keep_freed_memory
from colorize_gan.infer.backends.bundled import find_model

if TYPE_CHECKING:
    from colorize_gan.infer.colorizer import Colorizer


def open_colorizer(*, model: str, backend: str, device: str, **options: Any) -> "Colorizer":
    """Open what the `model_options` ask for: the model loads while the rest of a run is imported.

    The process is taken to be the run's own: see `keep_freed_memory`.
    """
    keep_freed_memory()  # before there are threads: each would have a heap of its own
    from colorize_gan.infer.backends.open import open_backend

    with ThreadPoolExecutor(1, "open") as beside:
        opened = beside.submit(open_backend, find_model(model), backend, device)
        import colorize_gan.infer.batch.run
        import colorize_gan.infer.batch.worker  # noqa: F401  all that a run needs
        from colorize_gan.infer.colorizer import Colorizer

        return Colorizer(opened.result(), **options)
