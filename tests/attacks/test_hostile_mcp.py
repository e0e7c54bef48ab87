"""An MCP server whose answers are broken, endless or lead elsewhere, at every place of a session."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import wire

from ..mcp.both_eras import HandshakeServer, StatelessServer
from ..servers import Exchange, Origin, Reply, gzip_bomb, huge, reply
from .broken import ENDLESS, EVERY
from .mcp_stage import PLACES, Place, breaking, harmless, hurried, session, trickle, use
from .memory import uncollected

#: What one answer may add to this process's memory, in bytes, and what an answer that is refused may.
MEMORY, REFUSED = 100 << 20, 40 << 20
_EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
_CHUNKS = _EVENTS + b"Transfer-Encoding: chunked\r\n\r\n"
_PACKER = zlib.compressobj()

#: Answers of which something comes again and again, and which never get to the point.
TRICKLING = {
    "a head": trickle(b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.001),
    "headers": trickle(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n", 0.02),
    "provisional answers": trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the size of a chunk": trickle(_CHUNKS + b"5;", b"a"),
    "what follows the last chunk": trickle(_CHUNKS + b"0\r\n", b"X: a\r\n"),
    "chunks of a comment": trickle(_CHUNKS, b"1\r\n:\r\n", 0.001),
    "a body of known length": trickle(_EVENTS + b"Content-Length: 1000000\r\n\r\n", b":"),
    "a body that is packed and empty": trickle(
        _EVENTS + b"Content-Encoding: deflate\r\n\r\n" + _PACKER.compress(b"") + _PACKER.flush(zlib.Z_FULL_FLUSH),
        b"\0\0\0\xff\xff",
    ),
    "the name of what is packed": trickle(
        _EVENTS + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\xff", b"a"
    ),
}


@pytest.fixture(autouse=True)
def nothing_is_collected_deep_down() -> Iterator[None]:
    with uncollected():
        yield


@pytest.fixture
def elsewhere() -> Iterator[Origin]:
    """Somebody who must never hear from us."""
    with Origin() as other:
        yield other
        assert (other.connections, other.log) == (0, [])


@pytest.mark.parametrize("name", PLACES)
def test_every_broken_answer_at_every_place_ends_well_or_in_an_error_of_ours(
    subtests: Any, monkeypatch: pytest.MonkeyPatch, elsewhere: Origin, name: str
) -> None:
    hurried(monkeypatch)
    monkeypatch.setattr(wire, "MAX_BODY", 1 << 20)  # the real one is looked at below
    place = PLACES[name]
    for title, make in EVERY.items():
        fault = make(SimpleNamespace(elsewhere=elsewhere))  # type: ignore[arg-type]
        with (
            subtests.test(title),
            place.server() as server,
            breaking(server, place, fault),
            harmless(server),
            session(server, elicit=lambda asked: {}, on_log=lambda line: None) as mcp,
        ):
            use(mcp)


@pytest.mark.parametrize("name", PLACES)
def test_what_trickles_at_any_place_is_given_up_in_time(
    subtests: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    hurried(monkeypatch)
    place = PLACES[name]
    for title, fault in TRICKLING.items():
        with (
            subtests.test(title),
            place.server() as server,
            breaking(server, place, fault),
            harmless(server) as errors,
            session(server, elicit=lambda asked: {}, on_log=lambda line: None) as mcp,
        ):
            use(mcp)
        if name in ("a call", "a call in a session", "a page"):
            assert [type(error) for error in errors] == [MCPTimeoutError]


def test_the_answers_that_never_end_are_among_those_tried() -> None:
    assert ENDLESS.keys() <= EVERY.keys()


def peak(server: Any, mcp: Any) -> tuple[int, MCPError | None]:
    """Return the most memory that a call takes, and how it failed."""
    mcp.ping()
    tracemalloc.start()
    try:
        mcp.call_tool("echo")
    except MCPError as failure:
        return tracemalloc.get_traced_memory()[1], failure
    finally:
        tracemalloc.stop()
    return 0, None


def _packed(*, often: int, headers: Any = (), status: int = 200) -> Any:
    """Answer with 100 MB that were packed so many times."""
    bomb = b"".join([b"{}", b" " * (100 << 20)])
    for _ in range(often):
        bomb = gzip.compress(bomb, 1)
    encodings = ", ".join(["gzip"] * often)
    return reply(status, bomb, [("Content-Encoding", encodings), *headers])


BOMBS = {
    "200 MB": lambda: huge(200 << 20),
    "a bomb of 200 MB": lambda: gzip_bomb(200),
    "a bomb in a bomb": lambda: _packed(often=2),
    "a bomb as an error": lambda: _packed(often=1, status=500),
    "a bomb as the page of a redirect": lambda: _packed(often=1, status=307, headers=[("Location", "/other")]),
    "an event without end": lambda: trickle(_EVENTS + b"\r\ndata: ", b"x" * (1 << 20), 0),
    "a line without a colon": lambda: trickle(_EVENTS + b"\r\n", b"x" * (1 << 20), 0),
    "an error without end": lambda: trickle(_EVENTS.replace(b"200", b"400") + b"\r\n", b"x" * (1 << 20), 0),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_large_takes_little_memory(name: str) -> None:
    fault = BOMBS[name]()
    place = PLACES["a call"]
    with StatelessServer() as server, breaking(server, place, fault), session(server, timeout=20) as mcp:
        most, failure = peak(server, mcp)
        assert failure is not None
        assert "redirect" in name or "larger than" in failure.message
        assert most < REFUSED, f"{most >> 20} MB"


# Redirects


def test_the_page_of_a_redirect_is_not_read_however_long_it_is() -> None:
    head = b"HTTP/1.1 307 Moved\r\nLocation: /mcp?moved\r\n\r\n"
    with StatelessServer() as server, session(server, timeout=5) as mcp:
        mcp.ping()
        server.fault("/mcp", trickle(head, b"x" * 65536, 0), times=1)
        mcp.call_tool("echo")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_elsewhere_gets_neither_the_message_nor_what_signs_it(elsewhere: Origin, status: int) -> None:
    with StatelessServer() as server, session(server, auth=("user", "password")) as mcp:
        mcp.ping()
        places = [elsewhere.url, elsewhere.url.replace("127.0.0.1", "localhost"), elsewhere.url.partition(":")[2]]
        for place in [*places, elsewhere.url.replace("//", f"//127.0.0.1:{server.port}@")]:
            server.route("POST", "/mcp", lambda x, place=place: Reply(status, [("Location", f"{place}/mcp?secret=1")]))
            with pytest.raises(MCPError, match="sends us to") as raised:
                mcp.call_tool("echo")
            assert "secret" not in str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_would_lose_the_message_is_not_followed(status: int) -> None:
    with StatelessServer() as server, session(server) as mcp:
        mcp.ping()
        server.route("POST", "/mcp", lambda exchange: Reply(status, [("Location", "/other")]))
        with pytest.raises(MCPError, match="sends us to"):
            mcp.call_tool("echo")
        assert not server.requests("/other")


def test_a_hook_of_the_callers_session_still_sees_every_answer_and_where_it_leads() -> None:
    import requests

    seen: list[Any] = []
    with StatelessServer() as server, requests.Session() as carrier:
        carrier.hooks["response"] = [lambda response, **_: seen.append(response.headers.get("Location"))]
        with session(server, session=carrier) as mcp:
            mcp.ping()
            server.route("POST", "/mcp", lambda exchange: Reply(307, [("Location", "/mcp")]))
            with pytest.raises(MCPError, match="without end"):
                mcp.call_tool("echo")
    assert seen == [None, None, *["/mcp"] * (wire.MAX_REDIRECTS + 1)]


def test_a_place_that_is_told_once_is_where_all_that_follows_goes() -> None:
    with HandshakeServer() as server, session(server) as mcp:
        serve = server._routes["POST", "/mcp"]
        server.route("POST", "/mcp", lambda exchange: Reply(307, [("Location", "/elsewhere")]))
        for method in ("POST", "DELETE"):
            server.route(method, "/elsewhere", _or(serve, server, method))
        use(mcp)
        assert len(server.requests("/mcp")) == 1


def _or(serve: Any, server: HandshakeServer, method: str) -> Any:
    def handler(exchange: Exchange) -> Reply:
        answer: Reply = serve(exchange) if method == "POST" else server._delete(exchange)
        return answer

    return handler


def test_a_place_is_one_of_the_table() -> None:
    assert all(isinstance(place, Place) for place in PLACES.values())
