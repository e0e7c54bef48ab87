"""JSON-RPC requests written by hand, said again as a server wants them. MCP Streamable HTTP, "Request Metadata"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import requests

from ..exceptions import MCPError

if TYPE_CHECKING:
    from ..mcp.session import MCPSession

#: Answers to a request that does not say what its revision wants, or names no session, or one that has ended.
_REFUSED = (400, 404, 406)
#: What a caller sends who speaks MCP without our help.
_OWN_WORDS = ("mcp-session-id", "mcp-protocol-version")


def is_bare(method: str, settings: Mapping[str, Any]) -> bool:
    """Tell whether what is sent is a JSON-RPC request that says nothing of a revision.

    Args:
        method: The HTTP method.
        settings: What ``requests.Session.request`` is given.
    """
    message = settings.get("json")
    if method.upper() != "POST" or not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return False
    said = {str(name).lower() for name in settings.get("headers") or {}}
    return message.get("method") not in (None, "initialize") and not said.intersection(_OWN_WORDS)


def say(
    session: MCPSession, send: Callable[[Mapping[str, Any]], requests.Response], settings: Mapping[str, Any]
) -> requests.Response:
    """Send a bare request; say it again where it is refused for that, and properly from then on.

    Args:
        session: Knows what the server wants.
        send: Sends a request with these settings.
        settings: What ``requests.Session.request`` is given.

    Raises:
        OAuthError: No good token could be got; the subclass says why.
    """
    response = send(_dressed(session, settings) if session.agreed else settings)
    if response.status_code not in _REFUSED:
        return response
    try:
        session.renew()
        again = _dressed(session, settings)
    except MCPError:
        return response  # it is no MCP server, and what it says to what the caller wrote is the answer
    response.close()
    return send(again)


def _dressed(session: MCPSession, settings: Mapping[str, Any]) -> dict[str, Any]:
    message, headers = session.dress(settings["json"])
    return {**settings, "json": message, "headers": {**headers, **(settings.get("headers") or {})}}
