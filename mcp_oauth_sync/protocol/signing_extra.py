"""What signing needs installed: the extra ``jwt``, for assertions and proofs alike."""

from __future__ import annotations

from importlib.util import find_spec

#: What to do where it is not.
INSTALL = "Run: pip install 'mcp-oauth-sync[jwt]'"


def can_sign() -> bool:
    """Tell whether it is installed. Nothing is loaded for it."""
    return find_spec("jwt") is not None
