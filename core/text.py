"""Text for people."""

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction

_NUMBER = re.compile(r"\d{1,9}(\.\d{0,30})?|\.\d{1,30}|\d{1,9}/[1-9]\d{0,8}")
_SETTING = re.compile(r"`([a-z][a-z0-9_]*)`")


def printable(text: object) -> str:
    """Return text as one line that any terminal shows, whatever bytes a file name is made of."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown)


def composed(name: str) -> str:
    """Return a name with its accents as parts of the letters: Macs write them apart, and both look alike."""
    return unicodedata.normalize("NFC", name)


def with_settings(message: str, rename: Callable[[str], str] = lambda name: name) -> str:
    """Return a message of the library for those who know its settings by other names.

    Args:
        message: has settings in backquotes, by their names in Python: `max_megapixels`.
        rename: returns what stands for such a name and its backquotes; without it, the name alone.
    """
    return _SETTING.sub(lambda found: rename(found[1]), message)


def parsed_seconds(text: str) -> Fraction:
    """Return seconds, or hours, minutes and seconds (``1:02:03.5``), without rounding.

    Raises:
        ValueError: it is no such time.
    """
    seconds = Fraction(0)
    for part in text.split(":"):
        if not _NUMBER.fullmatch(part.strip()):
            raise ValueError(text)
        seconds = seconds * 60 + Fraction(part.strip())
    return seconds
