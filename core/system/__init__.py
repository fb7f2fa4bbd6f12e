"""The process and its machine: threads, memory, devices."""
