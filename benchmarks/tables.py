"""The tables of README and docs: `make tables` writes them from the committed JSON.

The table of the settings of training comes from the settings themselves.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; NAME is one of `TABLES`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from colorize_gan.benchmarks import result_tables, study_tables, training_step, video
from colorize_gan.benchmarks.report import RESULTS, markdown, read_results
from colorize_gan.benchmarks.result_tables import results
from colorize_gan.benchmarks.timing import table
from colorize_gan.cli.train import settings_and_help
from colorize_gan.core.errors import DataError

ROOT = Path(__file__).parent.parent


def _settings() -> str:
    rows = [(f"`{name}`", f"`{default}`", text) for name, default, text in settings_and_help()]
    return table(("setting", "default", "meaning"), rows, text_columns=3)


TABLES: dict[str, Callable[[], str]] = {
    "proof": result_tables.proof,
    "formats in short": result_tables.formats_in_short,
    "formats by colour": result_tables.formats_by_color,
    "pipeline in short": result_tables.pipeline_in_short,
    "pipeline": result_tables.pipeline,
    "sizing": result_tables.sizing,
    "quality": result_tables.model_quality,
    "recipes": study_tables.recipes,
    "architectures": study_tables.architectures,
    "ImageNet": study_tables.imagenet,
    "elsewhere": study_tables.outside,
    "unseen": study_tables.unseen,
    "COCO": study_tables.coco,
    "hints": study_tables.hints,
    "ageing": study_tables.ageing,
    "dinov2": study_tables.dinov2,
    "spill": study_tables.spill,
    "saturation": study_tables.saturation,
    "wishes": study_tables.wishes,
    "reach": study_tables.reach,
    "references": study_tables.references,
    "tones": study_tables.tones,
    "flicker": lambda: video.flicker_table(results("video")),
    "keyframes": lambda: video.keyframes_table(results("video")),
    "video speed": lambda: video.speed_table(results("video")),
    "training step": lambda: training_step.steps_table(results("training-step")),
    "cluster": study_tables.cluster,
    "server": study_tables.server,
    "settings": _settings,
}
"""By the name in the marker."""

_MARKED = re.compile(
    r"^(<!-- table: (.+?) -->\n)((?:(?!<!-- table:).)*?)^(<!-- end -->)", re.DOTALL | re.MULTILINE
)
_MARKER = re.compile(r"<!-- (?:table: .+?|end) -->")


def documents() -> Iterator[tuple[Path, str]]:
    """Yield each document that holds figures, and what its text has to be.

    Raises:
        DataError: a marker without its other half, or a table that nobody makes.
    """
    yield ROOT / "benchmarks" / "RESULTS.md", markdown(read_results(ROOT / "benchmarks" / RESULTS))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        yield path, filled(path.read_text(encoding="utf-8"), path.name)


def filled(text: str, name: str) -> str:
    """Return a document with its tables made again.

    Args:
        text: Markdown.
        name: what errors call the document.

    Raises:
        DataError: as `documents`.
    """
    if len(_MARKER.findall(text)) != 2 * len(_MARKED.findall(text)):
        raise DataError(f"{name}: a table marker without its other half")
    return _MARKED.sub(lambda found: f"{found[1]}\n{_made(found[2], name)}\n\n{found[4]}", text)


def _made(table: str, name: str) -> str:
    if table not in TABLES:
        raise DataError(f"{name}: no table is called '{table}'; choose from {', '.join(TABLES)}")
    return TABLES[table]()


@click.command()
def write_tables() -> None:
    """Write the tables of README.md, docs/*.md and benchmarks/RESULTS.md from the committed JSON."""
    for path, text in documents():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            click.echo(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    write_tables()
