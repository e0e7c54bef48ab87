"""What an attack on a session is played on: servers of three kinds, and the places at which they can misbehave."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import OAuthError
from mcp_oauth_sync.mcp import eras, streamable

from ..mcp.both_eras import HandshakeServer, StatelessServer, as_json, stream
from ..mcp.script import event, result
from ..mcp.sse_server import SseServer
from ..servers import Exchange, Fault, Origin, Reply
from .stage import BOUND, readable

#: Seconds that a session waits for answers that never end.
PATIENCE = 0.25
QUESTION = {"message": "Go?", "requestedSchema": {"type": "object", "properties": {}}}


def session(server: Any, **options: Any) -> MCPSession:
    """Return a session that knows nothing of servers before."""
    eras._remembered.clear()
    return MCPSession(server.mcp_url, **{"auth": None, "timeout": PATIENCE, **options})


def use(mcp: MCPSession) -> None:
    """List and call what a server offers."""
    list(mcp.list_tools())
    mcp.call_tool("echo", {"text": "x"})


def trickle(head: bytes, beat: bytes, every: float = 0.01) -> Fault:
    """Answer with these bytes, and then one beat after the other, without end."""

    def send(wire: Any, _: bytes, __: bytes) -> None:
        wire.write(head)
        while not wire.stopping.wait(every):
            wire.write(beat)

    return Fault("trickle", before=lambda *_: Reply(0), send=send)


def asking(method: str = "elicitation/create", params: Any = QUESTION) -> Callable[[dict[str, Any]], Reply]:
    """Answer a call with a request of the server's own, and then the result."""
    asked = {"jsonrpc": "2.0", "id": "q", "method": method, "params": params}
    return lambda message: stream(event(asked), event(result(message, {"content": []})))


def _older() -> SseServer:
    server = SseServer()
    server.route("POST", "/sse", lambda exchange: Reply(405))
    return server


def _wants_answers() -> HandshakeServer:
    return HandshakeServer(tools_call=asking())


def _listens() -> HandshakeServer:
    server = HandshakeServer()
    server.on_get = lambda exchange: stream(b": hello\n\n", then=server.forever())
    return server


@attrs.frozen(kw_only=True)
class Place:
    """A request of a session whose answer can be broken.

    Attributes:
        server: Makes a server that gets such a request.
        said: The JSON-RPC method of the message, "answer", or the HTTP method of a request without one.
        path: Where it goes.
    """

    server: Callable[[], Any]
    said: str
    path: str = "/mcp"

    def fits(self, exchange: Exchange) -> bool:
        """Tell whether a request is of this place."""
        posted = exchange.method == "POST" and exchange.path == self.path
        said = exchange.json().get("method", "answer") if posted else exchange.method
        return exchange.path == self.path and said == self.said


PLACES = {
    "the first question": Place(server=StatelessServer, said="server/discover"),
    "a handshake": Place(server=HandshakeServer, said="initialize"),
    "the end of a handshake": Place(server=HandshakeServer, said="notifications/initialized"),
    "the level of logs": Place(server=HandshakeServer, said="logging/setLevel"),
    "a page": Place(server=StatelessServer, said="tools/list"),
    "a page in a session": Place(server=HandshakeServer, said="tools/list"),
    "a call": Place(server=StatelessServer, said="tools/call"),
    "a call in a session": Place(server=HandshakeServer, said="tools/call"),
    "an answer of ours": Place(server=_wants_answers, said="answer"),
    "a stream about nothing": Place(server=_listens, said="GET"),
    "a goodbye": Place(server=HandshakeServer, said="DELETE"),
    "an older stream": Place(server=_older, said="GET", path="/sse"),
    "an older handshake": Place(server=_older, said="initialize", path="/messages"),
    "an older call": Place(server=_older, said="tools/call", path="/messages"),
}


@contextlib.contextmanager
def breaking(server: Origin, place: Place, fault: Fault) -> Iterator[None]:
    """Have a server misbehave at one place."""
    admit = server.admit

    def broken(exchange: Exchange) -> tuple[Fault, ...]:
        faults = admit(exchange)
        return (fault,) if place.fits(exchange) else faults

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "admit", broken)
        yield


@contextlib.contextmanager
def harmless(server: Origin, *, bound: float = BOUND) -> Iterator[list[OAuthError]]:
    """Expect nothing, or an error of ours that can be shown, in time; and no broken script."""
    errors: list[OAuthError] = []
    started = time.monotonic()
    try:
        yield errors
    except OAuthError as failure:
        errors.append(failure)
        readable(failure)
        repr(failure)
    assert time.monotonic() - started < bound
    assert not server.errors, server.errors


def hurried(patch: pytest.MonkeyPatch) -> None:
    """Wait for nothing that tests do not need."""
    patch.setattr(streamable, "GOODBYE", PATIENCE)
    patch.setattr(streamable, "PAUSE", 0.01)
    patch.setattr("mcp_oauth_sync.mcp.handshake._ATTENTION", PATIENCE)
    patch.setattr("mcp_oauth_sync.mcp.calls._REPLY", PATIENCE)
    patch.setattr("mcp_oauth_sync.mcp.calls._GOODBYE", PATIENCE)


def answer_with(text: str | bytes, status: int = 200) -> Callable[[dict[str, Any]], Reply]:
    """Answer with a text in which ``ID`` stands for the id of the request."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    kind = [("Content-Type", "application/json")]
    return lambda message: Reply(status, kind, raw.replace(b"ID", str(message["id"]).encode()))


EMPTY = as_json({"content": []})
