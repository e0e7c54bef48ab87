"""Sessions of servers with a handshake: named in all that is sent, begun anew when they end, and ended at the end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import streamable
from tests.scene import Scene
from tests.servers import Reply, hang, html_reply, json_reply

from .both_eras import HandshakeServer, StatelessServer, page, refuse, stream
from .script import Answer, event, result

NEW = ["initialize", "notifications/initialized"]


def session(server: HandshakeServer, **options: Any) -> MCPSession:
    return MCPSession(server.mcp_url, auth=None, **{"timeout": 10, "version": server.version, **options})


def names_sent(server: HandshakeServer) -> list[str | None]:
    return [exchange.headers["Mcp-Session-Id"] for exchange in server.log]


# Naming the session


def test_a_session_is_named_in_all_that_follows_its_beginning() -> None:
    ping = event({"jsonrpc": "2.0", "id": "p", "method": "ping"})
    with HandshakeServer() as server:
        server.script["tools_call"] = lambda m: stream(ping, event(result(m, {"content": []})))
        with session(server, on_log=print) as mcp:
            list(mcp.list_tools())
            mcp.call_tool("echo")
        sent = dict(zip(server.methods, names_sent(server), strict=True))
        assert sent.pop("initialize") is None
        assert set(sent) == {
            *("notifications/initialized", "logging/setLevel", "GET", "tools/list", "tools/call", "answer", "DELETE")
        }
        assert set(sent.values()) == {"session-1"}
        assert server.answers == [{"jsonrpc": "2.0", "id": "p", "result": {}}]


def test_a_server_without_sessions_is_sent_no_name_and_no_goodbye() -> None:
    with HandshakeServer(named=False) as server:
        with session(server) as mcp:
            list(mcp.list_tools())
        assert set(names_sent(server)) == {None}
        assert server.methods == [*NEW, "tools/list"]


def test_an_empty_name_is_none() -> None:
    with HandshakeServer(named=False) as server, session(server) as mcp:
        greet = server._greet

        def named(message: dict[str, Any]) -> Reply:
            reply = greet(message)
            reply.headers.append(("Mcp-Session-Id", ""))
            return reply

        server._greet = named  # type: ignore[method-assign]
        list(mcp.list_tools())
        assert set(names_sent(server)) == {None}


def test_a_name_in_a_later_answer_changes_nothing() -> None:
    with HandshakeServer() as server, session(server) as mcp:
        server.script["tools_list"] = lambda m: json_reply(result(m, {"tools": []}), headers=[("Mcp-Session-Id", "x")])
        list(mcp.list_tools())
        list(mcp.list_tools())
        assert names_sent(server) == [None, *["session-1"] * 3]


def test_a_long_name_is_sent_back_as_it_came() -> None:
    with HandshakeServer() as server, session(server) as mcp:
        server.names = iter(["~!" + "x" * 30_000])
        list(mcp.list_tools())
        assert names_sent(server)[1:] == ["~!" + "x" * 30_000] * 2


@pytest.mark.parametrize(
    "name",
    ["a b", "a\tb", "\x01", "a\x7f", "s\xe9ance", "\u2603".encode().decode("latin-1"), "x" * 100_000, "a\x00b"],
    ids=["space", "tab", "control", "delete", "latin", "snowman", "endless", "zero"],
)
def test_a_name_that_no_header_may_hold_is_refused(name: str) -> None:
    with HandshakeServer() as server, session(server) as mcp:
        server.names = iter([name] * 3)
        with pytest.raises(MCPError) as raised:
            list(mcp.list_tools())
        assert set(server.methods) == {"initialize"}
        assert name not in str(raised.value)
        assert name not in repr(raised.value)


# A session that has ended


@pytest.mark.parametrize(
    "gone",
    {
        "404": refuse(404),
        "404 page": page(404),
        "404 -32001": refuse(404, -32001, "Session not found"),
        "404 -32600": refuse(404, -32600, "Session has been terminated"),
        "400 no such session": refuse(400, -32000, "Bad Request: No valid session ID provided"),
        "400 not initialized": refuse(400, -32000, "Bad Request: Server not initialized"),
        "400 invented id": lambda m: json_reply(
            {"jsonrpc": "2.0", "id": "server-error", "error": {"code": -32600, "message": "Missing session ID"}}, 400
        ),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_session_that_is_gone_is_followed_by_another_and_the_call_made_once_more(gone: tuple[str, Answer]) -> None:
    with HandshakeServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.alive.clear()
        server.gone = gone[1]
        server.clear()
        assert mcp.call_tool("echo").text == "hi"
        assert server.methods == ["tools/call", *NEW, "tools/call"]
        assert names_sent(server) == ["session-1", None, "session-2", "session-2"]


@pytest.mark.parametrize(
    "refused",
    [refuse(404, -32601, "Method not found"), refuse(400, -32000, "Bad Request"), refuse(400), page(400), refuse(500)],
    ids=["404 -32601", "400 -32000", "400", "400 page", "500"],
)
def test_another_refusal_does_not_end_the_session(refused: Answer) -> None:
    with HandshakeServer(tools_call=refused) as server:
        server.route("POST", "/session/mcp", server._serve)  # a word that is looked for in what the server says
        with MCPSession(f"{server.url}/session/mcp", auth=None, version=server.version) as mcp:
            list(mcp.list_tools())
            server.clear()
            with pytest.raises(MCPError):
                mcp.call_tool("echo")
            assert server.methods == ["tools/call"]


def test_a_404_of_a_server_without_sessions_begins_none() -> None:
    with HandshakeServer(named=False, tools_call=refuse(404)) as server, session(server) as mcp:
        list(mcp.list_tools())
        server.clear()
        with pytest.raises(MCPError, match="HTTP 404"):
            mcp.call_tool("echo")
        assert server.methods == ["tools/call"]


def test_a_server_that_ends_every_session_at_once_is_given_up_soon() -> None:
    with HandshakeServer(tools_list=refuse(404, -32001)) as server, session(server) as mcp:
        with pytest.raises(MCPError):
            list(mcp.list_tools())
        assert 2 <= server.count("tools/list") <= 4
        assert server.count("initialize") <= 4


def test_eight_threads_that_lose_a_session_begin_one() -> None:
    together = threading.Barrier(8)
    with HandshakeServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        lost = threading.Barrier(8)  # all are refused before any goes on
        gone = server.gone

        def refuse_all(message: dict[str, Any]) -> Reply:
            lost.wait(10)
            return gone(message)

        server.alive.clear()
        server.gone = refuse_all
        server.clear()

        def call(_: int) -> str:
            together.wait(10)
            return mcp.call_tool("echo").text

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(call, range(8))) == ["hi"] * 8
        assert server.count("initialize") == 1
        assert server.count("tools/call") == 16


def test_an_old_refusal_does_not_end_a_new_session() -> None:
    """One thread's call is refused for a session that another has replaced already."""
    arrived, go_on = threading.Event(), threading.Event()
    with HandshakeServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        gone = server.gone

        def late(message: dict[str, Any]) -> Reply:
            if message["method"] == "tools/call":
                arrived.set()
                assert go_on.wait(10)
            return gone(message)

        server.alive.clear()
        server.gone = late
        server.clear()
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(mcp.call_tool, "echo")
            assert arrived.wait(10)
            list(mcp.list_tools())
            go_on.set()
            assert slow.result(10).text == "hi"
        assert server.count("initialize") == 1


# The end


def test_the_session_is_ended_at_the_server() -> None:
    with HandshakeServer() as server:
        with session(server) as mcp:
            list(mcp.list_tools())
        goodbye = server.log[-1]
        assert goodbye.method == "DELETE"
        assert goodbye.body == b""
        assert goodbye.headers["Mcp-Session-Id"] == "session-1"
        assert goodbye.headers["MCP-Protocol-Version"] == "2025-11-25"
        mcp.close()
        assert server.count("DELETE") == 1


def test_nothing_is_sent_when_nothing_was_agreed_or_there_is_no_session() -> None:
    with HandshakeServer() as server:
        session(server).close()
        assert server.log == []
    with StatelessServer() as stateless:
        with MCPSession(stateless.mcp_url, auth=None) as mcp:
            list(mcp.list_tools())
        assert stateless.methods == ["server/discover", "tools/list"]


@pytest.mark.parametrize("status", [204, 401, 403, 404, 405, 500])
def test_a_server_may_refuse_to_end_a_session(status: int) -> None:
    with HandshakeServer() as server:
        server.on_delete = lambda exchange: html_reply("no", status)
        with session(server) as mcp:
            list(mcp.list_tools())
        assert server.count("DELETE") == 1


def test_a_server_that_is_gone_keeps_nobody_from_closing() -> None:
    with HandshakeServer() as server:
        mcp = session(server)
        list(mcp.list_tools())
    mcp.close()


def test_a_server_that_says_no_goodbye_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamable, "GOODBYE", 0.2)
    with HandshakeServer() as server:
        mcp = session(server)
        list(mcp.list_tools())
        server.fault("/mcp", hang(), method="DELETE")
        began = time.monotonic()
        mcp.close()
        assert time.monotonic() - began < 5
        assert server.count("DELETE") == 1


def test_nobody_is_asked_to_sign_in_for_a_goodbye() -> None:
    with HandshakeServer() as server, Scene(upstream=server.mcp_url) as scene:
        mcp = MCPSession(scene.url, auth=scene.oauth(), version="2025-11-25")
        list(mcp.list_tools())
        assert len(scene.shown) == 1
        scene.az.expire_all_access_tokens()
        scene.forget_log()
        mcp.close()
        assert [exchange.status for exchange in scene.mcp.requests(method="DELETE")] == [401]
        assert scene.shown == []
        assert scene.az.log == []
        assert "DELETE" not in server.methods


def test_after_its_end_a_session_sends_nothing() -> None:
    with HandshakeServer() as server:
        mcp = session(server)
        list(mcp.list_tools())
        mcp.close()
        server.clear()
        with pytest.raises(MCPError, match="was closed"):
            mcp.call_tool("echo")
        assert server.log == []


def test_a_handshake_that_fails_later_ends_its_session() -> None:
    with HandshakeServer(notifications_initialized=refuse(400, -32000, "I do not care")) as server:
        with session(server) as mcp, pytest.raises(MCPError, match="I do not care"):
            list(mcp.list_tools())
        assert server.methods == [*NEW, "DELETE"]
        assert server.alive == set()


def test_an_answer_to_a_handshake_that_makes_no_sense_ends_its_session() -> None:
    with HandshakeServer() as server, session(server) as mcp:
        server._greet = lambda m: json_reply(result(m, {}), headers=[("Mcp-Session-Id", "s")])  # type: ignore[method-assign]
        server.alive.add("s")
        with pytest.raises(MCPError, match="protocolVersion"):
            list(mcp.list_tools())
        assert server.methods == ["initialize", "DELETE"]
