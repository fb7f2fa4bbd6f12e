"""The commands: options, exit codes, and what a person at the terminal sees."""
