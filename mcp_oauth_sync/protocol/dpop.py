"""Proofs that a token is in the hands of who got it. RFC 9449."""

from __future__ import annotations


class Prover:
    """Makes proofs with one key."""
