"""Model files on their runtimes."""
