"""Measurements of this machine, kept in the user's cache folder: each is made once."""

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path

from colorize_gan.core.files.atomic import atomic_path
from colorize_gan.core.system.devices import processor
from colorize_gan.core.version import __version__

_log = logging.getLogger(__name__)
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "openvino")
_T = TypeVar("_T")


def measured_path(kind: str, *what: str) -> Path:
    """Return where a measurement is kept.

    Its name stands for all that it depends on: ``what`` was measured, this package, the runtimes and the
    processor. So a measurement by another version is never found.
    """
    parts = [__version__, *_versions(), processor(), *what]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return user_cache_path("colorize-gan", appauthor=False) / kind / f"{name}.json"


def _versions() -> Iterator[str]:
    """Yield the versions of the runtimes that are installed, without importing them."""
    for name in _RUNTIMES:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield f"{name} {importlib.metadata.version(name)}"


def read_measured(path: Path, parse: Callable[[Any], _T]) -> _T | None:
    """Return a measurement; None where there is none that can be read.

    Args:
        path: that of `measured_path`.
        parse: takes JSON; raises a `ValueError`, `TypeError` or `KeyError` where it is not as it should be.
    """
    try:
        return parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _log.info("%s: damaged (%s); it is measured again", path, type(error).__name__)
        return None


def write_measured(path: Path, value: Any) -> None:
    """Keep a measurement, as JSON; without a folder for it, each run measures again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as part:
            part.write_text(json.dumps(value), encoding="utf-8")
    except OSError as error:
        _log.info("%s: cannot be written (%s); the next run measures again", path, error.strerror or error)
