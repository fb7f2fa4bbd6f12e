"""Runs beyond this disk and machine: URLs, shards, clusters."""
