"""JSON-RPC requests written by hand, said again as a server wants them. MCP Streamable HTTP, "Request Metadata"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import requests

from ..exceptions import MCPError

if TYPE_CHECKING:
    from ..mcp.session import MCPSession

#: Answers to a request that does not say what its revision wants, or names no session.
_REFUSED = (400, 404, 406)
#: What a caller sends who speaks MCP without our help.
_OWN_WORDS = ("mcp-session-id", "mcp-protocol-version", "mcp-method")


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
    make: Callable[[], MCPSession],
    send: Callable[[Mapping[str, Any]], requests.Response],
    settings: Mapping[str, Any],
    *,
    known: MCPSession | None,
) -> requests.Response:
    """Send a bare request; say it again where it is refused for that, and properly from then on.

    Args:
        make: Returns what knows what the server wants.
        send: Sends a request with these settings.
        settings: What ``requests.Session.request`` is given.
        known: What ``make`` returned before; None when it was not needed yet.

    Raises:
        OAuthError: No good token could be got; the subclass says why.
    """
    spoken = _dressed(known, settings) if known is not None and known.agreed else None
    response = send(settings if spoken is None else spoken)
    if response.status_code not in _REFUSED:
        return response
    try:
        if known is not None and spoken is not None and not known.improve(spoken["headers"], _refusal(response)):
            return response
        again = _dressed(make(), settings)
    except MCPError:
        return response  # it is no MCP server, and what it says to what the caller wrote is the answer
    response.close()
    answer = send(again)
    answer.history.insert(0, response)
    return answer


def _dressed(session: MCPSession, settings: Mapping[str, Any]) -> dict[str, Any]:
    message, headers = session.dress(settings["json"])
    return {**settings, "json": message, "headers": {**headers, **(settings.get("headers") or {})}}


def _refusal(response: requests.Response) -> MCPError:
    """Return the error that an answer stands for."""
    from ..mcp.jsonrpc import read_messages, read_result

    for said in read_messages(response.text):
        try:
            read_result(said, status=response.status_code)
        except MCPError as refusal:
            return refusal
    return MCPError("The server refused the request.", status=response.status_code)
