"""The sections of the benchmark: what each of them gives."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECTIONS = ("formats", "pipeline", "start-up", "training-step", "video", "quality", "growth")
"""Names, each of a module of this package that is a `Section`, in the order of the report."""


@dataclass(frozen=True)
class Settings:
    """The measurement."""

    model: Path
    """A lab ONNX file."""
    photos: Path
    """Folder of photographs; those of `quality` have to be in colour."""
    clips: tuple[Path, ...]
    """Videos; none for one that is made of a photograph."""
    quick: bool
    """Measure a little of everything, in seconds."""
    scratch: Path
    """Folder for files that nobody needs later."""
    out: Path
    """Folder of the results, for pictures that are not plots."""


class Section(Protocol):
    """A subject of the benchmark. Results are JSON, and all else is made from them."""

    TITLE: str
    PICTURES: tuple[str, ...]
    """Files that `run` or `plots` gives."""

    def run(self, settings: Settings) -> dict[str, Any]:
        """Measure."""

    def markdown(self, result: dict[str, Any]) -> str:
        """Return tables of a result, and what they say."""

    def plots(self, result: dict[str, Any]) -> dict[str, "Figure"]:
        """Return figures by the name of their file."""

    def ratios(self, result: dict[str, Any]) -> dict[str, float]:
        """Return what must not get smaller: quotients measured within one run, never times."""


def section(name: str) -> Section:
    """Return one of `SECTIONS`."""
    return cast(Section, importlib.import_module(f"colorize_gan.benchmarks.{name.replace('-', '_')}"))
