"""``mcp-oauth-sync list``: the sign-ins that are kept, and how each of them stands."""

from __future__ import annotations

import argparse

from ..exceptions import TokenStorageError, printable
from ..models.record import ServerRecord
from ..stores import TokenManager
from ..urls import without_query
from .accounts import manager_for
from .output import data, say


def run(options: argparse.Namespace) -> int:
    """Print a line per sign-in."""
    manager = manager_for(options)
    names = manager.names()
    if not names:
        say("There are no sign-ins.")
        return 0
    lines = [(printable(name), *_told(manager, name)) for name in names]
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    for name, server, status in lines:
        data(f"{name:<{widths[0]}}  {server:<{widths[1]}}  {status}")
    say(f"Kept in {manager.store.name}; profile {manager.profile!r}.")
    return 0


def _told(manager: TokenManager, name: str) -> tuple[str, str]:
    """Return (server, how it stands)."""
    try:
        record = manager.load_record(name)
    except TokenStorageError as failure:
        return "-", f"cannot be read: {printable(failure.message)}"
    if record is None:
        return "-", "removed just now"
    told = f" ({record.switches})" if record.switches else ""
    return without_query(record.server_url or record.token_endpoint or "-"), _status(record) + told


def _status(record: ServerRecord) -> str:
    tokens = record.tokens
    if tokens is None:
        return f"moved on {record.moved_on}" if record.moved_on else "signed out"
    left = tokens.seconds_left()
    if left == float("inf"):
        return "signed in"
    if left > 0:
        return f"signed in, good for {_duration(left)}"
    if record.can_refresh():
        return "signed in, renewed at the next call"
    return "expired, obtained anew by its program" if record.grant else "expired"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
