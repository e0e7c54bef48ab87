"""A few blocking MCP calls: list the tools, call one. MCP Streamable HTTP, revisions 2025-11-25 and 2026-07-28."""

from __future__ import annotations

import base64
import itertools
import re
from typing import Any

import requests

from ..exceptions import MCPError, printable
from ..protocol.exchange import explain
from ..urls import without_query
from ..version import __version__
from .answers import describe_answer, is_event_stream, read_messages

_HANDSHAKE, _STATELESS = "2025-11-25", "2026-07-28"
_CLIENT = {"name": "mcp-oauth-sync", "version": __version__}
#: JSON-RPC errors of servers that know no handshake.
_NO_HANDSHAKE = (-32601, -32022, -32020)
#: Most pages of a list that are fetched.
MAX_PAGES = 1000


class MCPCalls:
    """Calls to one MCP server over a session that is signed in.

    Args:
        url: The MCP server.
        session: Carries the requests.
        timeout: Seconds to wait for an answer to begin, and for all of it.
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
            MCPError: The server answered with an error, or with nothing of use.
            OAuthError: No good token could be got; the subclass says why.
        """
        tools: list[dict[str, Any]] = []
        cursor: object = None
        seen = set()
        for _ in range(MAX_PAGES):
            result = self._call("tools/list", {"cursor": cursor} if cursor else {})
            page = result.get("tools")
            tools += [tool for tool in (page if isinstance(page, list) else []) if isinstance(tool, dict)]
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                return tools
            if cursor in seen:
                break
            seen.add(cursor)
        raise MCPError(f"The list of tools of {without_query(self.url)} has no end.")

    def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool and return its result. Raises as :meth:`list_tools`."""
        return self._call("tools/call", {"name": name, "arguments": arguments}, name=name)

    def _call(self, method: str, params: dict[str, Any], *, name: str | None = None) -> dict[str, Any]:
        if not self._ready:
            self._shake_hands()
        return self._request(method, params, name=name)

    def _shake_hands(self) -> None:
        """Initialize as the handshake revisions want it, or learn that the server wants none."""
        hello = {"protocolVersion": _HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}
        try:
            agreed = self._request("initialize", hello).get("protocolVersion")
        except MCPError as refusal:
            if refusal.code not in _NO_HANDSHAKE:
                raise
            self._go_stateless()
        else:
            dated = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(agreed))
            self._headers["MCP-Protocol-Version"] = dated.group() if dated else _HANDSHAKE
            self._notify("notifications/initialized")
            self._ready = True

    def _go_stateless(self) -> None:
        """Say with every request what a handshake would have said once."""
        self._headers["MCP-Protocol-Version"] = _STATELESS
        about = {"protocolVersion": _STATELESS, "clientCapabilities": {}, "clientInfo": _CLIENT}
        self._meta = {f"io.modelcontextprotocol/{key}": value for key, value in about.items()}
        self._ready = True

    def _request(self, method: str, params: dict[str, Any], *, name: str | None = None) -> dict[str, Any]:
        number = next(self._ids)
        sent = {**params, "_meta": self._meta} if self._meta else params
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": sent}
        with self._post(message, name=name) as response:
            for answer in read_messages(response, timeout=self.timeout):
                # An error without an id is about the only request there is: this one.
                if answer.get("id") == number or (answer.get("id") is None and "error" in answer):
                    return _result(answer)
        raise MCPError(
            f"{without_query(self.url)} did not answer {method}: {describe_answer(response)}.",
            hint="Check that the URL is the one of an MCP server.",
        )

    def _notify(self, method: str) -> None:
        with self._post({"jsonrpc": "2.0", "method": method}) as response:
            if not is_event_stream(response):
                for _ in read_messages(response, timeout=self.timeout):
                    pass  # read to the end, so that the connection can be used again

    def _post(self, message: dict[str, Any], *, name: str | None = None) -> requests.Response:
        headers = dict(self._headers)
        if self._meta:
            headers["Mcp-Method"] = message["method"]
            if name is not None:
                headers["Mcp-Name"] = _header_value(name)
        try:
            response = self.session.post(self.url, json=message, headers=headers, timeout=self.timeout, stream=True)
        except requests.RequestException as failure:
            raise _unreachable(self.url, failure) from failure.with_traceback(None)  # frames hold tokens
        if session_id := response.headers.get("Mcp-Session-Id"):
            self._headers["Mcp-Session-Id"] = session_id
        return response


def _header_value(text: str) -> str:
    """Return text as a header may carry it: as it is, or wrapped in base64."""
    if re.fullmatch(r"[!-~]([ -~]*[!-~])?", text) and not text.startswith("=?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    error, result = answer.get("error"), answer.get("result")
    if isinstance(error, dict):
        code = error.get("code")
        said = printable(error.get("message") or "an error").rstrip(".")
        raise MCPError(
            f"The server answered: {said}.", code=code if isinstance(code, int) else None, data=error.get("data")
        )
    return result if isinstance(result, dict) else {}


def _unreachable(url: str, failure: requests.RequestException) -> MCPError:
    told = explain(failure)
    hint = told.hint or "Check the URL and the network, then try again."
    return MCPError(f"{without_query(url)} cannot be reached: {told.message}.", hint=hint)
