"""Settings, which the library calls by their names, as the options that a person at the terminal knows."""

import dataclasses

from colorize_gan.infer.batch.results import ItemResult


def with_option(text: str, setting: str) -> str:
    """Return a message with the option in the place of the ``setting`` that it names, if it names one."""
    return text.replace(setting, f"--{setting.replace('_', '-')}") if setting else text


def worded(result: ItemResult) -> ItemResult:
    """Return a result whose reason names an option."""
    if not result.setting:
        return result
    return dataclasses.replace(result, reason=with_option(result.reason, result.setting))
