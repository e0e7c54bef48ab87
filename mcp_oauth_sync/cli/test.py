"""``mcp-oauth-sync test NAME``: call the server of a sign-in, and say what it answers. MCP "Lifecycle", "Tools"."""

from __future__ import annotations

import argparse

from ..exceptions import MCPError, printable
from ..mcp.jsonrpc import METHOD_NOT_FOUND
from ..mcp.session import MCPSession
from ..models.tokens import OAuthTokens
from ..urls import without_query
from .as_json import show_json
from .moments import as_utc, in_words
from .paint import GOOD
from .silent import silent_sign_in
from .table import show_facts


def run(options: argparse.Namespace) -> int:
    """Ask it what it is and what it offers."""
    auth, record = silent_sign_in(options)
    with MCPSession(record.server_url, auth=auth) as mcp:
        server = mcp.server
        tools = _count_tools(mcp)
    tokens = auth.tokens
    renewed = _differ(record.tokens, tokens)
    if options.json:
        show_json(
            {
                "name": auth.name,
                "server_url": without_query(record.server_url),
                "server": {"name": server.name, "title": server.title, "version": server.version},
                "protocol_version": server.protocol_version,
                "tools": tools,
                "renewed": renewed,
                "expires_at": as_utc(tokens.expires_at) if tokens else None,
            }
        )
        return 0
    called = " ".join(printable(part, 100) for part in (server.title or server.name, server.version) if part)
    show_facts(
        {
            "name": printable(auth.name),
            "result": "the server answers",
            "server": without_query(record.server_url),
            "called": called or "it does not say",
            "speaks": f"MCP {printable(server.protocol_version, 40)}",
            "tools": "none offered" if tools is None else str(tools),
            "token": _told(tokens, renewed=renewed),
        },
        paint={"result": GOOD},
    )
    return 0


def _count_tools(mcp: MCPSession) -> int | None:
    """Return how many tools there are; None where the server knows nothing of tools."""
    try:
        return sum(1 for _ in mcp.list_tools())
    except MCPError as failure:
        if failure.code == METHOD_NOT_FOUND:
            return None
        raise


def _differ(before: OAuthTokens | None, after: OAuthTokens | None) -> bool:
    return after is not None and (before is None or before.access_token != after.access_token)


def _told(tokens: OAuthTokens | None, *, renewed: bool) -> str:
    if tokens is None:
        return "none needed"
    left = tokens.seconds_left()
    return ("renewed just now" if renewed else "as it was") + (
        "" if left == float("inf") else f", good for {in_words(left)}"
    )
