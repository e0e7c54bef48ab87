"""``mcp-oauth-sync tools NAME``: list what a server offers."""

from __future__ import annotations

import argparse

from .. import OAuth
from ..exceptions import SignInRequiredError
from ..mcp.session import MCPSession
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
    with MCPSession(url, auth=OAuth(url, name=options.name, token_manager=manager)) as mcp:
        tools = list(mcp.list_tools())
    for tool in tools:
        data(tool_line(tool.name, tool.description))
    if not tools:
        say("The server offers no tools.")
    return 0
