"""Sequences of numbered images: read as the frames of a film, and written as photographs are."""
