"""A session whose requests are refused at one place: who is asked to sign in, how often, and what is done twice."""

from __future__ import annotations

import contextlib
import gzip
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPTimeoutError, OAuthError
from mcp_oauth_sync.mcp import eras

from ..mcp.both_eras import HandshakeServer, stream
from ..mcp.script import event
from ..mcp.sse_server import SseServer
from ..scene import Scene
from ..servers import Exchange, Reply, reply
from .mcp_stage import PLACES, Place, asking, hurried, trickle, use

#: Places at which nobody is asked, whatever the server answers there.
UNATTENDED = ("a stream about nothing", "a goodbye")


@contextlib.contextmanager
def refusing(
    scene: Scene, place: Place, *, status: int = 401, scope: str = "more", times: int = 10**6
) -> Iterator[list[Exchange]]:
    """Refuse every token at one place, so many times; give what was refused."""
    answer, refused = scene.mcp.answer, list[Exchange]()

    def refuse(exchange: Exchange) -> Reply:
        if not place.fits(exchange) or exchange.bearer is None or len(refused) >= times:
            return answer(exchange)
        refused.append(exchange)
        if status == 403:
            wanted = f'Bearer error="insufficient_scope", scope="{scope.format(len(refused))}"'
            return Reply(403, [("WWW-Authenticate", wanted)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scene.mcp, "reject_all_tokens", True)
            return answer(exchange)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.mcp, "answer", refuse)
        yield refused


def run(scene: Scene) -> OAuthError | None:
    """Use a session that can be asked and listens; return how it failed."""
    eras._remembered.clear()
    try:
        with MCPSession(
            scene.url, auth=scene.oauth(), timeout=2, elicit=lambda asked: {}, on_log=lambda line: None
        ) as mcp:
            use(mcp)
    except OAuthError as failure:
        return failure
    return None


@pytest.mark.parametrize(("status", "scope", "most"), [(401, "", 1), (403, "more", 1), (403, "more-{}", 3)])
@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_refuses_every_token_asks_a_person_once_or_once_for_each_new_scope(
    monkeypatch: pytest.MonkeyPatch, name: str, status: int, scope: str, most: int
) -> None:
    hurried(monkeypatch)
    place = PLACES[name]
    with place.server() as server, Scene(upstream=server.mcp_url) as scene:
        with refusing(scene, place, status=status, scope=scope) as refused:
            run(scene)
        assert 0 < len(refused) <= 8
        assert len(scene.shown) - 1 <= (0 if name in UNATTENDED else most)  # the first is the sign-in of the session
        done = [x for x in server.log if x.body and x.json().get("method") == "tools/call"]
        assert len(done) <= (0 if place.said == "tools/call" else 1)


@pytest.mark.parametrize("name", [name for name in PLACES if name != "the first question"])  # its token is new
def test_a_token_that_is_refused_once_is_renewed_and_nothing_is_done_twice(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    hurried(monkeypatch)
    place = PLACES[name]
    with place.server() as server, Scene(upstream=server.mcp_url) as scene:
        with refusing(scene, place, times=1) as refused:
            assert run(scene) is None
        assert len(refused) == 1
        assert len(scene.shown) == 1
        done = [x for x in server.log if x.body and x.json().get("method") == "tools/call"]
        assert len(done) == 1


CANCELLED = Place(server=HandshakeServer, said="notifications/cancelled")
ANSWERED = Place(server=HandshakeServer, said="answer")


def test_nobody_is_asked_to_sign_in_to_call_something_off(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    with HandshakeServer() as server, Scene(upstream=server.mcp_url) as scene:
        server.script["tools_call"] = lambda message: stream(then=server.forever())
        with refusing(scene, CANCELLED) as refused, MCPSession(scene.url, auth=scene.oauth()) as mcp:
            list(mcp.list_tools())
            with pytest.raises(MCPTimeoutError):
                mcp.call_tool("echo", timeout=0.2)
        assert len(refused) == 1
        assert len(scene.shown) == 1


@pytest.mark.parametrize("method", ["ping", "roots/list"])
def test_nobody_is_asked_to_sign_in_for_an_answer_that_nobody_gave(method: str) -> None:
    with HandshakeServer(tools_call=asking(method)) as server, Scene(upstream=server.mcp_url) as scene:
        with (
            refusing(scene, ANSWERED) as refused,
            MCPSession(scene.url, auth=scene.oauth(), timeout=5) as mcp,
            pytest.raises(OAuthError),
        ):
            mcp.call_tool("echo")
        assert len(refused) == 1
        assert len(scene.shown) == 1


def test_nobody_is_asked_to_sign_in_to_say_that_we_are_still_there() -> None:
    answered = Place(server=SseServer, said="answer", path="/messages")
    with SseServer() as server, Scene(upstream=server.mcp_url) as scene:
        server.route("POST", "/sse", lambda exchange: Reply(405))
        with refusing(scene, answered) as refused, MCPSession(scene.url, auth=scene.oauth(), timeout=5) as mcp:
            list(mcp.list_tools())
            server.say(event({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
            while not refused:
                time.sleep(0.01)
            list(mcp.list_tools())
        assert len(refused) == 1
        assert len(scene.shown) == 1


def test_a_challenge_in_the_middle_of_a_stream_is_a_message_like_any_other() -> None:
    """Who is asked to sign in is decided by the status of an answer, never by what it says."""

    def call(message: dict[str, Any]) -> Reply:
        refusal = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": 401, "message": "Unauthorized"}}
        return stream(event(refusal), headers=[("WWW-Authenticate", 'Bearer error="invalid_token"')])

    with HandshakeServer(tools_call=call) as server, Scene(upstream=server.mcp_url) as scene:
        with (
            MCPSession(scene.url, auth=scene.oauth(), timeout=5) as mcp,
            pytest.raises(OAuthError, match="Unauthorized"),
        ):
            mcp.call_tool("echo")
        assert len(scene.shown) == 1


LIES = {
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a length that is no number": b"Content-Length: \xb2\r\n\r\n",
    "a length of 5,000 digits": b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", LIES)
def test_what_a_refusal_says_is_not_read_for_ever_whatever_length_it_claims(name: str) -> None:
    head = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer error="invalid_token"\r\n' + LIES[name]
    with HandshakeServer() as server, Scene(upstream=server.mcp_url) as scene:
        scene.mcp.fault("/mcp", trickle(head, b"5\r\nhello\r\n", 0), times=1)
        with MCPSession(scene.url, auth=scene.oauth(), timeout=2) as mcp:
            use(mcp)
        assert server.methods.count("tools/call") == 1


def test_a_bomb_in_a_short_refusal_is_not_unpacked() -> None:
    bomb = gzip.compress(gzip.compress(b" " * (200 << 20), 9), 9)
    assert len(bomb) < 10_000
    refusal = reply(401, bomb, [("Content-Encoding", "gzip, gzip"), ("WWW-Authenticate", "Bearer")])
    with HandshakeServer() as server, Scene(upstream=server.mcp_url) as scene:
        scene.mcp.fault("/mcp", refusal, times=1)
        with MCPSession(scene.url, auth=scene.oauth(), timeout=5) as mcp:
            tracemalloc.start()
            use(mcp)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert most < 50 << 20
