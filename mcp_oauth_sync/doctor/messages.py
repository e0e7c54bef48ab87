"""The little MCP that is spoken without a token: one question, and how to read the answer.

MCP 2026-07-28, ``server/discover``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..exceptions import MCPError
from ..models.document import Document
from ..protocol.reply import Reply
from ..version import __version__

REVISION = "2026-07-28"
_META = "io.modelcontextprotocol"


def build_discover() -> tuple[str, Mapping[str, str]]:
    """Return (body, headers) of the question what a server is. MCP 2026-07-28, ``server/discover``."""
    about = {
        f"{_META}/protocolVersion": REVISION,
        f"{_META}/clientInfo": {"name": "mcp-oauth-sync", "version": __version__},
        f"{_META}/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": about}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
        "Mcp-Method": "server/discover",
    }
    return json.dumps(message), headers


def read_message(reply: Reply) -> Document | None:
    """Return the JSON-RPC message in an answer, whole or as the first one of a stream; None when there is none.

    Args:
        reply: The answer of an MCP server, or of something else.
    """
    document = reply.json_object()
    if document is None and "event-stream" in reply.headers.get("content-type", ""):
        from ..mcp.sse import parse_sse_response  # what only streams need

        try:
            document = parse_sse_response(reply.body)
        except MCPError:
            return None
    return document if document is not None and document.get("jsonrpc") == "2.0" else None
