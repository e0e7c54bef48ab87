"""``mcp-oauth-sync tools NAME``: list what a server offers."""

from __future__ import annotations

import argparse

import requests

from .. import OAuth
from ..exceptions import SignInRequiredError
from ..mcp.calls import MCPCalls
from .accounts import manager_for
from .output import data, say, tool_line


def run(options: argparse.Namespace) -> int:
    """List the tools, one a line."""
    manager = manager_for(options)
    record = manager.load_record(options.name)
    url = options.url or (record.server_url if record else None)
    if not url:
        raise SignInRequiredError(
            f"There is no sign-in called {options.name!r}.", hint=f"Run: mcp-oauth-sync auth {options.name} URL"
        )
    with requests.Session() as session:
        session.auth = OAuth(url, name=options.name, token_manager=manager)
        tools = MCPCalls(url, session).list_tools()
    for tool in tools:
        data(tool_line(tool.get("name"), tool.get("description")))
    if not tools:
        say("The server offers no tools.")
    return 0
