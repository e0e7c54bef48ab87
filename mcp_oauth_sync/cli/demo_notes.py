"""The demo's MCP side: a little notebook as tools, and the 403 that asks for the scope to write in it.

RFC 6750 section 3.1 (insufficient_scope), RFC 9728 section 5.1 (resource_metadata).
"""

from __future__ import annotations

import json
import time

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .demo_provider import WRITE_SCOPE

FIRST_NOTES = (
    "Welcome! A real MCP server keeps these notes, and only signed-in clients can read them.",
    "A program never sees your password: it gets a token that you allowed, for this server alone.",
    "Access tokens are short-lived on purpose. A refresh token replaces them without asking you again.",
)
# The scope a tool needs beyond the one that every request needs.
TOOL_SCOPES = {"add_note": WRITE_SCOPE}


def add_notes_tools(server: MCPServer[object]) -> None:
    """Give a server the tools ``list_notes``, ``whoami`` and ``add_note``, with a fresh notebook."""
    notes = list(FIRST_NOTES)

    @server.tool()
    def list_notes() -> str:
        """List the notes kept on this server."""
        return "\n".join(f"{number}. {note}" for number, note in enumerate(notes, 1))

    @server.tool()
    def whoami() -> str:
        """Tell who you are here and what this program may do."""
        token = get_access_token()
        if token is None:
            return "You are nobody: this request carried no token."
        program = (token.claims or {}).get("client_name") or token.client_id
        left = max(0, int((token.expires_at or 0) - time.time()))
        return (
            f"You are {token.subject}. {program} acts for you and may use: {', '.join(token.scopes)}. "
            f"Its access token is good for another {left} s."
        )

    @server.tool()
    def add_note(text: str) -> str:
        """Add a note. Needs the scope notes:write."""
        notes.append(" ".join(text.split()))
        return f"Noted as number {len(notes)}."


class StepUp:
    """ASGI middleware that asks for a tool's scope before the tool runs: 403 insufficient_scope."""

    def __init__(self, app: ASGIApp, *, metadata_url: str) -> None:
        """Stand before an application.

        Args:
            app: What answers when nothing is missing.
            metadata_url: The protected resource metadata that the challenge names.
        """
        self.app = app
        self.metadata_url = metadata_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass the request on with its body as it came."""
        user = scope.get("user")
        if not isinstance(user, AuthenticatedUser) or scope.get("method") != "POST":
            return await self.app(scope, receive, send)
        body = await Request(scope, receive).body()
        needed = TOOL_SCOPES.get(_tool_called(body))
        if needed is not None and needed not in user.scopes:
            return await self._refusal(needed)(scope, receive, send)
        unread = [body]

        async def replay() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        return await self.app(scope, replay, send)

    def _refusal(self, needed: str) -> JSONResponse:
        description = f"This tool needs the scope {needed}"
        challenge = (
            f'Bearer error="insufficient_scope", error_description="{description}", scope="{needed}", '
            f'resource_metadata="{self.metadata_url}"'
        )
        content = {"error": "insufficient_scope", "error_description": description}
        return JSONResponse(content, 403, {"WWW-Authenticate": challenge})


def _tool_called(body: bytes) -> str:
    try:
        message = json.loads(body)
    except ValueError:
        return ""
    params = message.get("params") if isinstance(message, dict) and message.get("method") == "tools/call" else None
    name = params.get("name") if isinstance(params, dict) else None
    return name if isinstance(name, str) else ""
