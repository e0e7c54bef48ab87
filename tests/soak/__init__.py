"""A long run of processes with short tokens and all that can go wrong: ``python -m tests.soak``."""
