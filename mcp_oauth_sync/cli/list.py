"""``mcp-oauth-sync list``: the sign-ins that are kept, and how each of them stands."""

from __future__ import annotations

import argparse

from ..exceptions import printable
from ..models.record import ServerRecord
from ..urls import without_query
from .accounts import manager_for
from .as_json import show_json
from .described import briefly
from .output import say
from .standing import Standing, State, look_up
from .table import show_table


def run(options: argparse.Namespace) -> int:
    """Print a line per sign-in."""
    manager = manager_for(options)
    found = [(name, *look_up(manager, name)) for name in manager.names()]
    if options.json:
        kept = [briefly(name, record, standing) for name, record, standing in found]
        show_json({"profile": manager.profile, "store": manager.store.name if found else None, "sign_ins": kept})
        return 0
    if not found:
        say("There are no sign-ins.")
        return 0
    rows = [(printable(name), server_of(record), _said(record, standing)) for name, record, standing in found]
    show_table(("NAME", "SERVER", "STATE"), rows, paint=[standing.paint_without_why for _, _, standing in found])
    say(f"Kept in {manager.store.name}; profile {manager.profile!r}.")
    return 0


def server_of(record: ServerRecord | None) -> str:
    """Return where a sign-in is one, for a table."""
    return without_query((record and (record.server_url or record.token_endpoint)) or "-")


def _said(record: ServerRecord | None, standing: Standing) -> str:
    if standing.state is State.UNREADABLE:
        return standing.told
    return f"{standing.said} ({record.switches})" if record is not None and record.switches else standing.said
