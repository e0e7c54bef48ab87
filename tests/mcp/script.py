"""An MCP server that answers each JSON-RPC method as a test says, without any sign-in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers import Exchange, Origin, Reply, json_reply

Answer = Callable[[dict[str, Any]], Reply]
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
EVENTS = [("Content-Type", "text/event-stream")]


def result(message: dict[str, Any], value: Any) -> dict[str, Any]:
    """Return a JSON-RPC result for a message."""
    return {"jsonrpc": "2.0", "id": message.get("id"), "result": value}


def error(message: dict[str, Any], code: int, text: str, **more: Any) -> dict[str, Any]:
    """Return a JSON-RPC error for a message."""
    return {"jsonrpc": "2.0", "id": message.get("id"), "error": {"code": code, "message": text, **more}}


def event(document: Any, *, newline: str = "\n", head: str = "event: message") -> bytes:
    """Return one server-sent event; each line of indented JSON is a data line of its own."""
    lines = [head, *(f"data: {line}" for line in json.dumps(document, indent=1).splitlines()), "", ""]
    return newline.join(lines).encode()


class ScriptedMcp(Origin):
    """Answers `initialize` and notifications as any server, everything else by its script."""

    def __init__(self, **script: Answer) -> None:
        super().__init__()
        self.script = {"initialize": lambda message: json_reply(result(message, HELLO)), **script}
        self.release = threading.Event()
        self.route("POST", "/mcp", self._serve)

    @property
    def mcp_url(self) -> str:
        """The URL of the MCP server."""
        return f"{self.url}/mcp"

    @property
    def methods(self) -> list[str]:
        """The JSON-RPC methods that arrived, in order."""
        return [exchange.json()["method"] for exchange in self.log]

    def asked(self, method: str) -> Exchange:
        """Return the only request for a method."""
        [exchange] = [exchange for exchange in self.log if exchange.json()["method"] == method]
        return exchange

    def endless(self, piece: bytes) -> Iterator[bytes]:
        """Yield a piece for ever, until the test releases the server or the server stops."""
        while not self.release.wait(0.005) and not (self._machine and self._machine.stopping.is_set()):
            yield piece

    def _serve(self, exchange: Exchange) -> Reply:
        message = exchange.json()
        answer = self.script.get(message["method"].replace("/", "_"))
        if answer is None:
            return Reply(202)
        return answer(message)


def listing(*names: str, cursor: str | None = None) -> dict[str, Any]:
    """Return the result of `tools/list`."""
    more = {} if cursor is None else {"nextCursor": cursor}
    return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names], **more}
