"""What a session carries is said to the server and to nobody else: no log, error, output or frame shows it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import OAuthError
from mcp_oauth_sync.mcp import eras
from mcp_oauth_sync.mcp.elicitation import Elicitation

from ..mcp.both_eras import HandshakeServer, StatelessServer, stream
from ..mcp.script import event, result
from ..mcp.sse_server import SseServer
from ..scene import Scene
from ..servers import Fault, Reply, cut, hang, html, json_reply, lose_answer, redirect_to, reply, reset
from .canary import Canary
from .mcp_stage import PLACES, breaking, hurried
from .test_reprs import shows
from .test_tracebacks import frames

KINDS = ("session", "argument", "answer", "state", "log")
#: Texts without eight characters in common.
NAME, ARGUMENT, ANSWER, STATE, LOGGED = (
    base64.urlsafe_b64encode(hashlib.sha256(kind.encode()).digest())[:32].decode() for kind in KINDS
)
FORM = {"message": "Key?", "requestedSchema": {"type": "object", "properties": {"key": {"type": "string"}}}}
QUESTION = {"method": "elicitation/create", "params": FORM}
LOG = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": LOGGED}}
FAILURES: dict[str, Fault] = {
    "nothing": reply(200, b""),
    "refused": reply(400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "no"}}),
    "lost": reply(404, {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}}),
    "unavailable": reply(503, b""),
    "a page": html(500),
    "moved": redirect_to("https://elsewhere.example.com/mcp", 307),
    "reset": reset(),
    "cut": cut(30),
    "lost on its way": lose_answer(),
    "hang": hang(),
}


def _asks_by_its_answer(message: dict[str, Any]) -> Reply:
    if "requestState" not in message["params"]:
        wish = {"resultType": "input_required", "inputRequests": {"a": QUESTION}, "requestState": STATE}
        return json_reply(result(message, wish))
    assert message["params"]["requestState"] == STATE
    assert message["params"]["inputResponses"]["a"]["content"] == {"key": ANSWER}
    return stream(event(LOG), event(result(message, {"content": []})))


def _asks_on_its_stream(message: dict[str, Any]) -> Reply:
    return stream(event(LOG), event({"jsonrpc": "2.0", "id": 1, **QUESTION}), event(result(message, {"content": []})))


def _armed(server: Any) -> Any:
    """Have a server ask, log and name its sessions."""
    if isinstance(server, SseServer):
        return server
    if isinstance(server, HandshakeServer):
        server.names = itertools.repeat(NAME)
        server.script["tools_call"] = _asks_on_its_stream
    else:
        server.script["tools_call"] = _asks_by_its_answer
    return server


def carry(scene: Scene, canary: Canary) -> tuple[MCPSession, OAuthError | None]:
    """Use a session that knows secrets; return how it failed."""
    eras._remembered.clear()
    for value in (NAME, ARGUMENT, ANSWER, STATE, LOGGED):
        canary.learn(value)

    def elicit(asked: Elicitation) -> dict[str, str]:
        canary.hear("a question", repr(asked))
        return {"key": ANSWER}

    session = MCPSession(scene.url, auth=scene.oauth(), timeout=0.25, elicit=elicit, on_log=lambda line: None)
    try:
        with session as mcp:
            list(mcp.list_tools())
            mcp.call_tool("echo", {"text": ARGUMENT})
    except OAuthError as failure:
        return session, failure
    return session, None


@pytest.mark.parametrize("kind", [StatelessServer, HandshakeServer])
def test_a_session_that_goes_well_says_nothing_of_what_it_carries(
    caplog: pytest.LogCaptureFixture, canary: Canary, kind: Callable[[], Any]
) -> None:
    caplog.set_level(logging.DEBUG)
    with _armed(kind()) as server, Scene(upstream=server.mcp_url) as scene:
        session, failure = carry(scene, canary)
        assert failure is None
        canary.hear("a session", f"{session!r} {session._wire!r} {session._agreement!r}")
        sent = b"".join(exchange.body for exchange in server.log).decode()
        assert ARGUMENT in sent
        assert ANSWER in sent
    assert canary.leaks() == []


@pytest.mark.parametrize("name", PLACES)
def test_a_session_that_fails_shows_neither_its_token_nor_its_name(
    subtests: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, canary: Canary, name: str
) -> None:
    hurried(monkeypatch)
    caplog.set_level(logging.DEBUG)
    place = PLACES[name]
    for title, fault in FAILURES.items():
        with (
            subtests.test(title),
            _armed(place.server()) as server,
            Scene(upstream=server.mcp_url) as scene,
            breaking(server, place, fault),
        ):
            _, failure = carry(scene, canary)
            if failure is not None:
                known = {secret[-24:] for secret in scene.az.ledger.secrets} | {NAME}
                shown = [line.partition(" = ")[0] for line in frames(failure).splitlines() if shows(line, known)]
                assert shown == []
    assert canary.leaks() == []
