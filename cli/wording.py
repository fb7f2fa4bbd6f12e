"""Settings, which the library calls by their names, as the options that a person at the terminal knows."""

import dataclasses

import click

from colorize_gan.core.text import with_settings
from colorize_gan.infer.batch.results import ItemResult


class Wording:
    """Says messages of the library with the options of the running command in the place of its settings.

    Settings that the command has no option for keep their names.
    """

    def __init__(self) -> None:
        """Learn the options of the running command."""
        options = [
            each for each in click.get_current_context().command.params if isinstance(each, click.Option)
        ]
        self._options = {name: shown for each in options for name, shown in _names(each)}

    def text(self, message: object) -> str:
        """Return a message."""
        return with_settings(str(message), lambda name: self._options.get(name, name))

    def result(self, result: ItemResult) -> ItemResult:
        """Return a result whose reason and note are such messages."""
        return dataclasses.replace(result, reason=self.text(result.reason), note=self.text(result.note))


def _names(option: click.Option) -> list[tuple[str, str]]:
    """Return an option with the name of its parameter, and with its own as Python would write it."""
    longest = max(option.opts, key=len)
    return [(name, longest) for name in (option.name, longest.strip("-").replace("-", "_")) if name]
