"""Benchmarks: what stands behind the numbers in the documents, and a guard against getting worse."""
