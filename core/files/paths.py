"""The types that a function accepts for a path."""

import os

StrPath = str | os.PathLike[str]
"""Text or a path; functions make a `pathlib.Path` of it."""
