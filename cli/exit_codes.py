"""Shared by all commands: exit codes and one-line error messages."""

import contextlib
import errno
import functools
import logging
import math
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

import click

from colorize_gan.cli.wording import Wording
from colorize_gan.core.errors import ColorizeError, UsageError
from colorize_gan.core.extras import packages_for
from colorize_gan.core.system.process import configure_process
from colorize_gan.core.text import printable

INTERRUPTED = 130

_log = logging.getLogger("colorize_gan")
_FULL = (errno.ENOSPC, errno.EDQUOT)  # of a file that is written bit by bit, errors have no name
_PATIENCE = 2

_P = ParamSpec("_P")


def exit_with_code(command: Callable[_P, int]) -> Callable[_P, None]:
    """Make a function that returns an exit code the body of a click command.

    A `ColorizeError`, a missing package or a place that cannot be written becomes one line on stderr and an
    exit code; other exceptions are bugs and keep their traceback. The process is taken to be the command's
    own: see `configure_process`.
    """

    @functools.wraps(command)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> None:
        wording = Wording()
        try:
            configure_process()
            with _warnings_shown(wording), packages_for():
                code = command(*args, **kwargs)
        except ColorizeError as error:
            click.echo(f"error: {wording.text(error)}", err=True)
            code = error.exit_code
        except OSError as error:
            if error.filename is None and error.errno not in _FULL:
                raise
            place = f"{printable(error.filename)}: " if error.filename is not None else ""
            click.echo(f"error: {place}{error.strerror}", err=True)
            code = UsageError.exit_code
        except KeyboardInterrupt:
            code = INTERRUPTED
        click.get_current_context().exit(code)

    return wrapper


class FiniteRange(click.FloatRange):
    """A number of a range: click takes NaN for one of any range, and an infinity where it has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType.convert`."""
        number = float(super().convert(value, param, ctx))
        return number if math.isfinite(number) else self.fail(f"{value}: not a finite number", param, ctx)


class _Echo(logging.Handler):
    """Log messages as lines on stderr."""

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(printable(self._wording.text(record.getMessage())), err=True)


@contextlib.contextmanager
def _warnings_shown(wording: Wording) -> Iterator[None]:
    echo = _Echo(wording)
    _log.addHandler(echo)
    try:
        yield
    finally:
        _log.removeHandler(echo)


@contextlib.contextmanager
def log_shown() -> Iterator[None]:
    """Show what the package logs from INFO on: a command shows warnings only."""
    level = _log.level
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.setLevel(level)


def say_how_to_resume(*added: str) -> None:
    """Say that the run was interrupted, and which command resumes it: this one, with ``added`` arguments."""
    click.echo(f"interrupted; resume with: {shlex.join([*sys.argv, *added])}", err=True)


@contextlib.contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that a run ends between two items and not inside one.

    Raises:
        KeyboardInterrupt: asked again, `_PATIENCE` seconds later.
    """
    stop, asked = threading.Event(), time.monotonic()

    def ask(*_: object) -> None:
        nonlocal asked
        if not stop.is_set():
            asked = time.monotonic()
        stop.set()
        if time.monotonic() - asked > _PATIENCE:
            raise KeyboardInterrupt

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
