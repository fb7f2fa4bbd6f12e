"""Text for people."""


def printable(text: object) -> str:
    """Return text as one line that any terminal shows, whatever bytes a file name is made of."""
    shown = str(text).encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown)
