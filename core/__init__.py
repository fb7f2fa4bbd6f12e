"""Shared by all parts: contract, parity and errors; packages for colour, images, files and the system."""
