"""Colorizing images with an exported model."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colorize_gan.infer.backends.open import open_backend as open_backend
    from colorize_gan.infer.batch.results import BatchOptions as BatchOptions
    from colorize_gan.infer.batch.results import ItemResult as ItemResult
    from colorize_gan.infer.colorizer import Colorizer as Colorizer
    from colorize_gan.infer.folder import colorize_folder as colorize_folder
    from colorize_gan.infer.hints import Hint as Hint

__all__ = ["BatchOptions", "Colorizer", "Hint", "ItemResult", "colorize_folder", "open_backend"]

_HOMES = {
    "BatchOptions": "batch.results",
    "Colorizer": "colorizer",
    "Hint": "hints",
    "ItemResult": "batch.results",
    "colorize_folder": "folder",
    "open_backend": "backends.open",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are first used: the help of `colorize-batch` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
