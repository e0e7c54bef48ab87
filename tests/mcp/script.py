"""An MCP server that answers each JSON-RPC method as a test says, without any sign-in."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from mcp_oauth_sync import MCPSession
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
        return [message["method"] for message in self.said if "method" in message]

    @property
    def said(self) -> list[dict[str, Any]]:
        """The JSON-RPC messages that arrived, in order."""
        return [exchange.json() for exchange in self.requests(method="POST")]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """The answers that arrived, to requests of the server."""
        return [message for message in self.said if "method" not in message]

    def all_asked(self, method: str) -> list[Exchange]:
        """Return the requests for a method, in order."""
        return [exchange for exchange in self.requests(method="POST") if exchange.json().get("method") == method]

    def params(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of each request for a method, without `_meta`."""
        given = [exchange.json().get("params", {}) for exchange in self.all_asked(method)]
        return [{name: value for name, value in params.items() if name != "_meta"} for params in given]

    def asked(self, method: str) -> Exchange:
        """Return the only request for a method."""
        [exchange] = self.all_asked(method)
        return exchange

    def endless(self, piece: bytes) -> Iterator[bytes]:
        """Yield a piece for ever, until the test releases the server or the server stops."""
        while not self.release.wait(0.005) and not (self._machine and self._machine.stopping.is_set()):
            yield piece

    def _serve(self, exchange: Exchange) -> Reply:
        message = exchange.json()
        answer = self.script.get(message.get("method", "").replace("/", "_"))
        if answer is None:
            return Reply(202)
        return answer(message)


class StatelessMcp(ScriptedMcp):
    """Knows no handshake, and no request whose headers do not say what its body says."""

    def __init__(self, *, capabilities: dict[str, Any] | None = None, **script: Answer) -> None:
        about = {"supportedVersions": ["2026-07-28"], "capabilities": capabilities or {}, "serverInfo": {"name": "s"}}
        super().__init__(
            **{
                "server_discover": lambda message: json_reply(result(message, {"resultType": "complete", **about})),
                "initialize": lambda message: json_reply(error(message, -32601, "No such method"), 404),
                **script,
            }
        )

    def _serve(self, exchange: Exchange) -> Reply:
        message, headers = exchange.json(), exchange.headers
        assert "id" in message, f"a stateless server takes requests only: {message}"
        if message["method"] != "initialize":
            assert "method" in message, f"nobody asked for {message}"
            params = message["params"]
            name = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(message["method"])
            assert headers["MCP-Protocol-Version"] == params["_meta"][f"{META}protocolVersion"] == "2026-07-28"
            assert headers["Mcp-Method"] == message["method"]
            assert headers["Accept"] == "application/json, text/event-stream"
            assert headers["Mcp-Name"] == (None if name is None else encoded(params[name]))
            assert headers["Mcp-Session-Id"] is None
            assert isinstance(params["_meta"][f"{META}clientCapabilities"], dict)
        return super()._serve(exchange)


def talk(server: ScriptedMcp, **options: Any) -> MCPSession:
    """Make a session with a server that wants no sign-in."""
    return MCPSession(server.mcp_url, **{"auth": None, "timeout": 10, **options})


META = "io.modelcontextprotocol/"


def encoded(text: str) -> str:
    """Write a name as a header does that cannot carry it as it is."""
    if text and text.isascii() and text.isprintable() and text == text.strip():
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?=" if text else text


def answering(*values: dict[str, Any]) -> Answer:
    """Answer with these results, one after the other, and with the last again and again."""
    left = list(values)

    def answer(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, left.pop(0) if len(left) > 1 else left[0]))

    return answer


def refusing(code: int, text: str = "No", *, status: int = 200, **more: Any) -> Answer:
    """Answer with a JSON-RPC error."""
    return lambda message: json_reply(error(message, code, text, **more), status)


def after(*before: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]], value: dict[str, Any]) -> Answer:
    """Answer with a stream of these messages, then the result; a message may be made from the request."""

    def answer(message: dict[str, Any]) -> Reply:
        said = [each(message) if callable(each) else each for each in before]
        return Reply(200, EVENTS, chunks=iter([event(each) for each in [*said, result(message, value)]]))

    return answer


def said(method: str, **params: Any) -> dict[str, Any]:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def listing(*names: str, cursor: str | None = None) -> dict[str, Any]:
    """Return the result of `tools/list`."""
    more = {} if cursor is None else {"nextCursor": cursor}
    return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names], **more}
