"""Crowds on one sign-in, small ones; ``python -m benchmarks.crowds`` counts the same at full size."""
