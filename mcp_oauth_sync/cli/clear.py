"""``mcp-oauth-sync clear NAME``: remove a sign-in here, readable or not, telling no server."""

from __future__ import annotations

import argparse

from ..stores import default_manager
from .output import say


def run(options: argparse.Namespace) -> int:
    """Remove the sign-in whole."""
    manager = default_manager()
    removed = manager.delete_record(options.name)
    say(f"{options.name!r} was removed." if removed else f"There is no sign-in called {options.name!r}.")
    return 0
