"""Which version of the package this is; `setup.cfg` reads it here. To ask the installed package takes 16 ms."""

__version__ = "0.1.0"
