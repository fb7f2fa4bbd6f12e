"""Paths on a command line: of this machine, or URLs."""

import os
from typing import Any

import click

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.remote.urls import URL, open_url


class _RefusedError(click.ClickException):
    """One line, without a hint at the usage."""

    exit_code = UsageError.exit_code


class LocalPath(click.Path):
    """A path as of `click.Path`, but not an empty one: that would be the current folder."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return a path."""
        if value == "":
            self.fail("the path is empty; a variable of the shell may not be set", param, ctx)
        return super().convert(value, param, ctx)


class PathOrUrl(LocalPath):
    """A local path, or the path of an URL."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return a path."""
        if not isinstance(value, str) or not URL.match(value):
            return super().convert(value, param, ctx)
        try:
            return open_url(value)
        except UsageError as error:
            raise _RefusedError(str(error)) from error
