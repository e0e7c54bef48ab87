"""``mcp-oauth-sync clear NAME``: remove a sign-in here, readable or not, telling no server."""

from __future__ import annotations

import argparse

from ..exceptions import TokenStorageError
from .accounts import manager_for
from .output import say


def run(options: argparse.Namespace) -> int:
    """Remove the sign-in whole."""
    manager = manager_for(options)
    try:
        record = manager.load_record(options.name)
    except TokenStorageError:
        server_url = ""  # what cannot be read can still be removed
    else:
        if record is None:
            say(f"There is no sign-in called {options.name!r}.")
            return 0
        server_url = record.server_url or ""
    manager.delete_record(options.name)
    if server_url:
        manager.unlink(server_url, options.name)
    say(f"{options.name!r} was removed here. No server was told: its tokens stay valid there until they expire.")
    return 0
