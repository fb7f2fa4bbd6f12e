"""The options that all commands with a model share."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from colorize_gan.cli.exit_codes import FiniteRange
from colorize_gan.core.errors import UsageError
from colorize_gan.infer.backends.bundled import BACKENDS, DEFAULT_MODEL

if TYPE_CHECKING:
    from colorize_gan.infer.batch.work import Work

_F = TypeVar("_F", bound=Callable[..., Any])


class AutoInt(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """A number of at least 1, or auto, which becomes None."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """See `click.ParamType.convert`."""
        return None if value == "auto" else click.IntRange(min=1).convert(value, param, ctx)


_RUNTIME_OPTIONS = (
    click.option(
        "-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Bundled name or model file."
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option(
        "--backend",
        type=click.Choice(["auto", *BACKENDS]),
        default="auto",
        show_default=True,
        help="Runtime; auto takes the fastest that gives the same colours here.",
    ),
    click.option("--render-size", type=click.IntRange(min=1), help="Short side the network sees, in pixels."),
    click.option(
        "--batch-size",
        type=AutoInt(),
        default="auto",
        show_default=True,
        help="Images the network sees at once.",
    ),
)
_COLOR_OPTIONS = (
    click.option(
        "--saturation", type=FiniteRange(min=0), default=1.0, show_default=True, help="Chroma gain."
    ),
    click.option(
        "--strength",
        type=FiniteRange(0, 1),
        default=1.0,
        show_default=True,
        help="Blend of the image's own colour (0) with the predicted one (1).",
    ),
)


def model_options(command: _F) -> _F:
    """Add the options that are arguments of `Colorizer`, by the same names."""
    return _with(command, _RUNTIME_OPTIONS + _COLOR_OPTIONS)


def runtime_options(command: _F) -> _F:
    """Add those of `model_options` that say what runs, not what the colours are to be."""
    return _with(command, _RUNTIME_OPTIONS)


def _with(command: _F, options: tuple[Callable[[_F], _F], ...]) -> _F:
    for option in reversed(options):
        command = option(command)
    return command


def check_pages(work: "Work", pages: Iterable[Path], thumbnails: Path | None = None) -> None:
    """Refuse a report, gallery or comparison that would take the place of an input, an output or another one.

    Args:
        work: of the run.
        pages: what it writes beside its outputs.
        thumbnails: folder of a gallery, which is replaced in whole.

    Raises:
        UsageError: that, or there is something that is no file.
    """
    paths = [path.resolve() for path in pages]
    pictures = (
        {path.resolve() for item in work.items for path in (item.source, item.target)} if paths else set()
    )
    for path, count in Counter(paths).items():
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a regular file; what is there would be replaced")
        if path in pictures or count > 1:
            raise UsageError(f"{path}: --report, --gallery and --compare need names of their own")
    replaced = thumbnails.resolve() if thumbnails else None
    if replaced and any(path.is_relative_to(replaced) for path in pictures):
        raise UsageError(f"{thumbnails}: the gallery's thumbnails replace this folder; use another --gallery")
