"""Options that several commands have, each declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from colorize_gan.cli.exit_codes import FiniteRange
from colorize_gan.cli.paths import LocalPath
from colorize_gan.infer.backends.bundled import BACKENDS, DEFAULT_MODEL
from colorize_gan.infer.batch.open import ModelOptions

_F = TypeVar("_F", bound=Callable[..., Any])


class AutoInt(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """A number of at least 1, or auto, which becomes None."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """See `click.ParamType.convert`."""
        return None if value == "auto" else click.IntRange(min=1).convert(value, param, ctx)


class HintsFromParam(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """The words auto and none, or a folder."""

    name = "auto|none|DIR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        """See `click.ParamType.convert`."""
        if value in ("auto", "none"):
            return str(value)
        folder = LocalPath(exists=True, file_okay=False, path_type=Path)
        return Path(folder.convert(value, param, ctx))


workers_option = click.option(
    "--workers",
    type=AutoInt(),
    default="auto",
    show_default=True,
    help="Images to work on at once. On a CPU, auto is one a core.",
)
recursive_option = click.option(
    "--recursive/--no-recursive",
    default=True,
    show_default=True,
    help="Search the folders inside a folder, too.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print only failures.")


def max_megapixels_option(default: float) -> Callable[[_F], _F]:
    """Return the option of the largest image that is taken."""
    return click.option(
        "--max-megapixels",
        type=FiniteRange(min=0, min_open=True),
        default=default,
        show_default=True,
        help="Refuse images of more megapixels.",
    )


def reference_option(text: str, *, of_each: bool) -> Callable[[_F], _F]:
    """Return the option of a picture in right colours, with its help; ``of_each`` for a folder, too."""
    return click.option(
        "--reference",
        type=LocalPath(dir_okay=of_each, path_type=Path),
        metavar="FILE|DIR" if of_each else None,
        help=text,
    )


def report_option(text: str) -> Callable[[_F], _F]:
    """Return the option of a JSON record, with its help."""
    return click.option("--report", type=LocalPath(dir_okay=False, path_type=Path), help=text)


def on_exists_option(choices: list[str], text: str) -> Callable[[_F], _F]:
    """Return the option of what is done about outputs that are there, with its help."""
    return click.option(
        "--on-exists", type=click.Choice(choices), default="skip", show_default=True, help=text
    )


_KEPT = f"{__name__}.model"


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keep the value of an option for `chosen_model`; the command is not given it."""
    context.meta.setdefault(_KEPT, {})[option.name] = value


def _of_model(*names: str, **settings: Any) -> Callable[[_F], _F]:
    return click.option(*names, expose_value=False, callback=_keep, **settings)


_RUNTIME_OPTIONS = (
    _of_model(
        "-m",
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        help="Model: the name of a bundled one, or a file.",
    ),
    _of_model(
        "--device", default="auto", show_default=True, help="Device to run on: auto, cpu, cuda or cuda:N."
    ),
    _of_model(
        "--backend",
        type=click.Choice(["auto", *BACKENDS]),
        default="auto",
        show_default=True,
        help="Runtime of the model; auto takes the one that is done first and has the same colours.",
    ),
    _of_model(
        "--render-size",
        type=click.IntRange(min=1),
        help="Short side of the picture that the network sees, in pixels.  [default: the model's]",
    ),
    _of_model(
        "--batch-size",
        type=AutoInt(),
        default="auto",
        show_default=True,
        help="Images that the network sees at once; auto is 1 on a CPU.",
    ),
)
_COLOR_OPTIONS = (
    _of_model(
        "--saturation",
        type=FiniteRange(min=0),
        default=1.0,
        show_default=True,
        help="Factor for the chroma: above 1 is livelier, 0 is grey.",
    ),
    _of_model(
        "--strength",
        type=FiniteRange(0, 1),
        default=1.0,
        show_default=True,
        help="Blend between the image's own colour (0) and the predicted one (1).",
    ),
)


def model_options(command: _F) -> _F:
    """Add the options of `ModelOptions`, by the same names; `chosen_model` returns what they say."""
    return _with(command, _RUNTIME_OPTIONS + _COLOR_OPTIONS)


def runtime_options(command: _F) -> _F:
    """Add those of `model_options` that say what runs, not what the colours are to be."""
    return _with(command, _RUNTIME_OPTIONS)


def chosen_model() -> ModelOptions:
    """Return what the options of the running command say of its model."""
    return ModelOptions(**click.get_current_context().meta[_KEPT])


def _with(command: _F, options: tuple[Callable[[_F], _F], ...]) -> _F:
    for option in reversed(options):
        command = option(command)
    return command
