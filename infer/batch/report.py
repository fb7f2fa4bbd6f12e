"""The machine-readable record of a run: written line by line, so that its size does not matter."""

import json
import platform
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from colorize_gan.core.files.atomic import lasting_path
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.memory import peak_memory_mb
from colorize_gan.core.text import with_settings
from colorize_gan.core.version import __version__
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.colorizer import Colorizer
from colorize_gan.infer.timings import StageStatistics

SCHEMA = 1


class Report:
    """A report being written; as a context manager it appears at the end of the block, whatever ends it."""

    def __init__(self, path: StrPath, argv: Sequence[str], colorizer: Colorizer) -> None:
        """Begin a report on a run of ``argv`` with ``colorizer``.

        Raises:
            OSError: it cannot be written.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        part = self._stack.enter_context(lasting_path(path))
        self._lines = self._stack.enter_context(part.open("w", encoding="utf-8"))
        self._stages, self._counts, self._megapixels = StageStatistics(), Counter[str](), 0.0
        self._started, self._is_first = time.monotonic(), True
        head = json.dumps(_head(argv, colorizer), indent=1)
        self._lines.write(head.removesuffix("\n}") + ',\n "items": [')

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Complete the report: it appears now."""
        tail = json.dumps({"totals": self._totals(), "stages": self._stages.summary()}, indent=1)
        with self._stack:
            self._lines.write("\n ],\n" + tail.removeprefix("{\n") + "\n")

    def add(self, result: ItemResult) -> None:
        """Append one result."""
        self._counts[result.status] += 1
        self._stages.add(result.seconds)
        if result.status == "written" and result.width and result.height:
            self._megapixels += result.width * result.height / 1e6
        self._lines.write(("\n  " if self._is_first else ",\n  ") + json.dumps(_item(result)))
        self._is_first = False

    def _totals(self) -> dict[str, object]:
        seconds = time.monotonic() - self._started
        return {
            "written": self._counts["written"],
            "skipped": self._counts["skipped"],
            "failed": self._counts["failed"],
            "seconds": round(seconds, 3),
            "images_per_second": round(self._counts["written"] / seconds, 3),
            "megapixels_per_second": round(self._megapixels / seconds, 3),
            "peak_rss_mb": peak_memory_mb(),
        }


def _head(argv: Sequence[str], colorizer: Colorizer) -> dict[str, object]:
    contract = colorizer.contract
    return {
        "schema": SCHEMA,
        "version": __version__,
        "argv": list(argv),
        "model": {"name": contract.name, "sha256": colorizer.backend.sha256, "licence": contract.license},
        "backend": colorizer.backend.name,
        "precision": colorizer.backend.precision,
        "device": colorizer.backend.device,
        "backend_reason": with_settings(colorizer.backend.why),
        "host": {"node": platform.node(), "system": platform.platform(), "python": platform.python_version()},
    }


def _item(result: ItemResult) -> dict[str, object]:
    return {
        "input": str(result.source),
        "output": str(result.target) if result.target and result.status != "failed" else None,
        "status": result.status,
        "reason": result.reason,
        "note": result.note,
        "width": result.width,
        "height": result.height,
        "bits": result.bits,
        **({"hints": result.hints} if result.hints else {}),
        **({"reference": result.reference} if result.reference else {}),
        "max_lightness_error": result.max_lightness_error,
        "colorfulness": result.colorfulness,
        **({"video": result.video} if result.video else {}),
    }
