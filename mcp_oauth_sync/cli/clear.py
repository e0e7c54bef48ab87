"""``mcp-oauth-sync clear NAME``: remove a sign-in here, readable or not, telling no server."""

from __future__ import annotations

import argparse
from contextlib import suppress

from ..exceptions import TokenStorageError
from .accounts import alike, manager_for, sign_in_of
from .as_json import show_json
from .output import say


def run(options: argparse.Namespace) -> int:
    """Remove the sign-in whole."""
    manager, name = manager_for(options), options.name
    there, server_url = True, ""
    with suppress(TokenStorageError):  # what cannot be read can still be removed
        name, record = sign_in_of(manager, name)
        there, server_url = record is not None, record.server_url if record else ""
    if there:
        manager.delete_record(name)
    if server_url:
        manager.unlink(server_url, name)
    if options.json:
        show_json({"name": name, "removed": there})
    elif there:
        say(f"{name!r} was removed here. No server was told: its tokens stay valid there until they expire.")
    else:
        say(" ".join([f"There is no sign-in called {name!r}.", *alike(manager, name)]))
    return 0
