"""Scenes of a film: found, kept in a file that a person may edit, and coloured one by one."""
