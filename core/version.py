"""Which version of the package this is."""

from importlib.metadata import version

__version__ = version("colorize-gan")
