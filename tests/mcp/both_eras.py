"""Two MCP servers that are as strict as the specification: one with a handshake and sessions, one stateless."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.servers import Exchange, Reply, html_reply, json_reply

from .script import EVENTS, Answer, ScriptedMcp, error, event, listing, result

HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
STATELESS = "2026-07-28"
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED = -32020, -32021, -32022


def as_json(value: Any) -> Answer:
    """Answer with a result, as JSON."""
    return lambda message: json_reply(result(message, value))


def as_events(value: Any, *before: bytes) -> Answer:
    """Answer with a stream of these bytes and a result."""
    return lambda message: stream(*before, event(result(message, value)))


def stream(*pieces: bytes, then: Iterable[bytes] = (), headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """Answer with a stream of events."""
    return Reply(200, [*EVENTS, *headers], chunks=itertools.chain(pieces, then))


def refuse(status: int, code: int | None = None, text: str = "refused", **more: Any) -> Answer:
    """Answer with an error: JSON-RPC where there is a code, else nothing but the status."""
    if code is None:
        return lambda message: Reply(status)
    return lambda message: json_reply(error(message, code, text, **more), status)


def page(status: int) -> Answer:
    """Answer with a page for people."""
    return lambda message: html_reply("<!doctype html><title>Sorry</title>", status)


def said(text: str) -> dict[str, Any]:
    """Return the result of a tool that says a text."""
    return {"content": [{"type": "text", "text": text}]}


class _Counted(ScriptedMcp):
    def __init__(self, **script: Answer) -> None:
        super().__init__(**{"tools_list": as_json(listing("echo")), "tools_call": as_json(said("hi")), **script})

    @property
    def methods(self) -> list[str]:
        """What arrived: JSON-RPC methods, ``answer`` for answers, and HTTP methods without a message."""
        return [x.json().get("method", "answer") if x.method == "POST" else x.method for x in self.log]

    def count(self, method: str) -> int:
        """Return how often a method arrived."""
        return self.methods.count(method)

    def forever(self, *pieces: bytes, beat: bytes = b"") -> Iterator[bytes]:
        """Yield these pieces, then a beat again and again or nothing, until the client leaves or the test ends."""
        yield from pieces
        machine = self._machine
        while machine is not None and not self.release.wait(0.005) and not machine.is_left():
            if beat:
                yield beat


class HandshakeServer(_Counted):
    """Wants a handshake, and its session named in all that follows.

    Args:
        version: The newest revision it speaks.
        named: Whether its sessions have names.
        probe: How it answers what comes without a session; None as the official SDK for TypeScript does.
        script: The answers to methods.
    """

    def __init__(
        self, version: str = HANDSHAKE[0], *, named: bool = True, probe: Answer | None = None, **script: Answer
    ) -> None:
        super().__init__(**script)
        self.version, self.named = version, named
        self.probe = probe or refuse(400, -32000, "Bad Request: Server not initialized")
        self.gone = refuse(404, -32001, "Session not found")
        self.names: Iterator[str] = (f"session-{number}" for number in itertools.count(1))
        self.alive: set[str] = set()
        self.on_get: Callable[[Exchange], Reply] = lambda exchange: Reply(405)
        self.on_delete: Callable[[Exchange], Reply] = lambda exchange: Reply(200)
        self.answers: list[dict[str, Any]] = []
        """What the client answered to requests of the server."""
        self.route("GET", "/mcp", self._get)
        self.route("DELETE", "/mcp", self._delete)

    def _known(self, exchange: Exchange) -> bool:
        return not self.named or exchange.headers["Mcp-Session-Id"] in self.alive

    def _get(self, exchange: Exchange) -> Reply:
        return self.on_get(exchange) if self._known(exchange) else Reply(404)

    def _delete(self, exchange: Exchange) -> Reply:
        if not self._known(exchange):
            return Reply(404)
        self.alive.discard(exchange.headers["Mcp-Session-Id"])
        return self.on_delete(exchange)

    def _serve(self, exchange: Exchange) -> Reply:
        message = exchange.json()
        method = message.get("method")
        if method == "initialize":
            assert "Mcp-Session-Id" not in exchange.headers
            return self._greet(message)
        name, version = exchange.headers["Mcp-Session-Id"], exchange.headers["MCP-Protocol-Version"]
        if version not in HANDSHAKE or (self.named and name is None):
            return self.probe(message)
        if not self._known(exchange):
            return self.gone(message)
        if method is None:
            with self.lock:
                self.answers.append(message)
        return super()._serve(exchange) if method else Reply(202)

    def _greet(self, message: dict[str, Any]) -> Reply:
        answer = self.script["initialize"](message)
        if b'"result"' not in answer.body:
            return answer
        wanted = message["params"]["protocolVersion"]
        version = wanted if wanted in HANDSHAKE and wanted <= self.version else self.version
        able: dict[str, Any] = {"tools": {}, "logging": {}}
        hello = {"protocolVersion": version, "capabilities": able, "serverInfo": {"name": "s", "version": "1"}}
        if not self.named:
            return json_reply(result(message, hello))
        with self.lock:
            name = next(self.names)
            self.alive.add(name)
        return json_reply(result(message, hello), headers=[("mcp-session-id", name)])


class StatelessServer(_Counted):
    """Wants every request to say all, and knows no sessions.

    Args:
        supported: The revisions it names.
        script: The answers to methods.
    """

    def __init__(self, *supported: str, **script: Answer) -> None:
        super().__init__(**script)
        self.supported = supported or (STATELESS,)
        self.script.setdefault("server_discover", lambda message: json_reply(result(message, self.described())))

    def described(self) -> dict[str, Any]:
        """Return what it says of itself."""
        return {"resultType": "complete", "supportedVersions": list(self.supported), "capabilities": {"tools": {}}}

    def refuse_version(self, message: dict[str, Any]) -> Reply:
        """Answer that the revision is not spoken here, and which are."""
        return refuse(400, UNSUPPORTED, "Unsupported protocol version", data={"supported": list(self.supported)})(
            message
        )

    def _serve(self, exchange: Exchange) -> Reply:
        message = exchange.json()
        if exchange.headers["Mcp-Method"] != message["method"]:
            return refuse(400, HEADER_MISMATCH, "Header mismatch")(message)
        if exchange.headers["MCP-Protocol-Version"] not in self.supported:
            return self.refuse_version(message)
        about = message["params"]["_meta"]
        assert about["io.modelcontextprotocol/protocolVersion"] == exchange.headers["MCP-Protocol-Version"]
        assert "Mcp-Session-Id" not in exchange.headers
        if message["method"].replace("/", "_") not in self.script:
            return refuse(404, -32601, "Method not found")(message)
        return super()._serve(exchange)


def turn_into(old: ScriptedMcp, new: ScriptedMcp) -> None:
    """Have a server answer, from now on, as another one would: it was updated, or rolled back."""
    for method in ("POST", "GET", "DELETE"):
        if handler := new._routes.get((method, "/mcp")):
            old.route(method, "/mcp", handler)
        else:
            old._routes.pop((method, "/mcp"), None)
