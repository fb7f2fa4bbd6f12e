"""colorize-gan: train, export and run image colorization models."""

__version__ = "0.1.0"
