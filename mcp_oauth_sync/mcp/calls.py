"""A few blocking MCP calls: list the tools, call one. MCP Streamable HTTP, revisions 2025-11-25 and 2026-07-28."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import requests

from ..exceptions import MCPError, printable
from ..urls import without_query
from ..version import __version__

_HANDSHAKE, _STATELESS = "2025-11-25", "2026-07-28"
_CLIENT = {"name": "mcp-oauth-sync", "version": __version__}
#: JSON-RPC errors of servers that know no handshake.
_NO_HANDSHAKE = (-32601, -32022, -32020)


class MCPCalls:
    """Calls to one MCP server over a session that is signed in.

    Args:
        url: The MCP server.
        session: Carries the requests.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str, session: requests.Session, *, timeout: float = 30.0) -> None:
        """Send nothing yet."""
        self.url, self.session, self.timeout = url, session, timeout
        self._ids = itertools.count(1)
        self._headers = {"Accept": "application/json, text/event-stream"}
        self._meta: dict[str, Any] = {}
        self._ready = False

    def list_tools(self) -> list[dict[str, Any]]:
        """Return every tool the server offers.

        Raises:
            MCPError: The server answered with an error.
        """
        tools: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            result = self._call("tools/list", {"cursor": cursor} if cursor else {})
            tools += [tool for tool in result.get("tools", []) if isinstance(tool, dict)]
            cursor = result.get("nextCursor")
            if not cursor:
                return tools

    def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool and return its result.

        Raises:
            MCPError: The server answered with an error.
        """
        return self._call("tools/call", {"name": name, "arguments": arguments}, name=name)

    def _call(self, method: str, params: dict[str, Any], *, name: str | None = None) -> dict[str, Any]:
        if not self._ready:
            self._shake_hands()
        return self._request(method, params, name=name)

    def _shake_hands(self) -> None:
        """Initialize as the handshake revisions want it, or learn that the server wants none."""
        hello = {"protocolVersion": _HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}
        try:
            agreed = self._request("initialize", hello).get("protocolVersion", _HANDSHAKE)
        except MCPError as refusal:
            if refusal.code not in _NO_HANDSHAKE:
                raise
            self._headers["MCP-Protocol-Version"] = _STATELESS
            about = {"protocolVersion": _STATELESS, "clientCapabilities": {}, "clientInfo": _CLIENT}
            self._meta = {f"io.modelcontextprotocol/{key}": value for key, value in about.items()}
        else:
            self._headers["MCP-Protocol-Version"] = str(agreed)
            self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}).close()
        self._ready = True

    def _request(self, method: str, params: dict[str, Any], *, name: str | None = None) -> dict[str, Any]:
        number = next(self._ids)
        sent = {**params, "_meta": self._meta} if self._meta else params
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": sent}
        with self._post(message, name=name) as response:
            for answer in _messages(response):
                if answer.get("id") == number:
                    return _result(answer)
        raise MCPError(f"{without_query(self.url)} did not answer {method}: {_status(response)}.")

    def _post(self, message: dict[str, Any], *, name: str | None = None) -> requests.Response:
        headers = dict(self._headers)
        if self._meta:
            headers["Mcp-Method"] = message["method"]
            if name is not None:
                headers["Mcp-Name"] = name
        response = self.session.post(self.url, json=message, headers=headers, timeout=self.timeout, stream=True)
        if session_id := response.headers.get("Mcp-Session-Id"):
            self._headers["Mcp-Session-Id"] = session_id
        return response


def _messages(response: requests.Response) -> Iterator[dict[str, Any]]:
    """Read the JSON-RPC messages of an answer, JSON or event stream."""
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        data: list[str] = []
        for line in response.iter_lines():
            field, _, value = line.decode("utf-8", "replace").partition(":")
            if field == "data":
                data.append(value.removeprefix(" "))
            elif not field and data:
                yield from _parsed("\n".join(data))
                data = []
    else:
        yield from _parsed(response.text)


def _parsed(text: str) -> Iterator[dict[str, Any]]:
    try:
        message = json.loads(text)
    except ValueError:
        return
    if isinstance(message, dict):
        yield message


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    error, result = answer.get("error"), answer.get("result")
    if isinstance(error, dict):
        code = error.get("code")
        raise MCPError(
            f"The server answered: {printable(error.get('message', 'an error'))}.",
            code=code if isinstance(code, int) else None,
            data=error.get("data"),
        )
    return result if isinstance(result, dict) else {}


def _status(response: requests.Response) -> str:
    return f"HTTP {response.status_code} {printable(response.reason or '', 40)}".rstrip()
