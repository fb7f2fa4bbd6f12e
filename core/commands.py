"""What every command shares: its exit code and its one line on an error."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import click

from colorize_gan.errors import ColorizeError

INTERRUPTED = 130

_P = ParamSpec("_P")


def exit_with_code(command: Callable[_P, int]) -> Callable[_P, None]:
    """Make a function that returns an exit code the body of a click command.

    A `ColorizeError` becomes one line on stderr and its exit code; other exceptions are bugs and keep
    their traceback.
    """

    @functools.wraps(command)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except ColorizeError as error:
            click.echo(f"error: {error}", err=True)
            code = error.exit_code
        click.get_current_context().exit(code)

    return wrapper
