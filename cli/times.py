"""Times, rates and steps as options take them."""

from fractions import Fraction
from typing import Any

import click

from colorize_gan.core.text import parsed_seconds
from colorize_gan.infer.video.options import Keyframes

_MOST_FPS = 1000


class Time(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """Seconds, or hours, minutes and seconds, without rounding."""

    name = "[[H:]M:]S"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """See `click.ParamType.convert`."""
        try:
            return parsed_seconds(str(value))
        except ValueError:
            self.fail(f"invalid time {value!r}; write seconds, or 1:02:03.5", param, ctx)


class Rate(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """Frames a second, without rounding."""

    name = "RATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """See `click.ParamType.convert`."""
        try:
            rate = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not 0 < rate <= _MOST_FPS:
            self.fail(f"invalid rate {value!r}; write frames a second, such as 18 or 24000/1001", param, ctx)
        return rate


class KeyframesChoice(click.ParamType):  # type: ignore[type-arg] # generic since click 8.4
    """One frame in so many, or those that are chosen."""

    name = "K|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Keyframes:
        """See `click.ParamType.convert`."""
        return "auto" if value == "auto" else click.IntRange(min=1).convert(value, param, ctx)
