"""Text for people."""

import re
from collections.abc import Callable

_SETTING = re.compile(r"`([a-z][a-z0-9_]*)`")


def printable(text: object) -> str:
    """Return text as one line that any terminal shows, whatever bytes a file name is made of."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown)


def with_settings(message: str, rename: Callable[[str], str] = lambda name: name) -> str:
    """Return a message of the library for those who know its settings by other names.

    Args:
        message: has settings in backquotes, by their names in Python: `max_megapixels`.
        rename: returns what stands for such a name and its backquotes; without it, the name alone.
    """
    return _SETTING.sub(lambda found: rename(found[1]), message)
