"""Colorizing photographs over HTTP: `colorize-serve`."""
