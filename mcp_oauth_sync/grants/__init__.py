"""Ways to obtain tokens."""
