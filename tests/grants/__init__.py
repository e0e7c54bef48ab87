"""The ways to obtain tokens."""
