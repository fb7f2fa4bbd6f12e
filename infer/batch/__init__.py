"""Runs on many files: inputs, records, work, results, report and gallery."""
