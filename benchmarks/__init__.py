"""Measurements behind the claims of the documents; `python -m benchmarks` runs them all."""
