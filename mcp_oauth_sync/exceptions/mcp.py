"""Errors of speaking MCP."""

from __future__ import annotations

from typing import Any

from .base import OAuthError


class MCPError(OAuthError):
    """An MCP server answered a call with a JSON-RPC error, or with nothing of use.

    Attributes:
        code: The JSON-RPC error code, or None when the answer was no JSON-RPC at all.
        data: What the server added, or None.
        status: The HTTP status of the answer, or None when there was none, or one with an error in its body and 200.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: int | None = None,
        data: object = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.data = data
        self.status = status


class ToolError(MCPError):
    """A tool was called and says that it failed. The call itself went well: ``code`` and ``status`` are None.

    Attributes:
        result: All that the tool gave, an ``mcp_oauth_sync.mcp.ToolResult``, or None.
    """

    # The record lives floors above, and a protocol of it would say everything twice.
    result: Any

    def __init__(self, message: str, *, hint: str | None = None, result: Any = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class MCPTimeoutError(MCPError, TimeoutError):
    """An MCP server did not answer a call in time."""
