"""The transport of 2024-11-05: found where there is no newer one, shared by threads, opened again when it has ended."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import http_sse
from mcp_oauth_sync.mcp.wire import BrokenOff
from tests.real.everything import EverythingServer, everything_sse
from tests.scene import Scene
from tests.servers import Reply, hang, html_reply, json_reply

from .both_eras import StatelessServer, refuse, said
from .script import EVENTS, event, result
from .sse_server import SseServer

__all__ = ["everything_sse"]

GREETING = ["POST /sse", "POST /sse", "GET", "initialize", "notifications/initialized"]
SOON = 5.0


def session(server: Any, **options: Any) -> MCPSession:
    return MCPSession(server.mcp_url, auth=None, **{"timeout": 10, **options})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


# Finding it


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_that_takes_no_posts_may_have_the_older_transport(status: int) -> None:
    with SseServer() as server:
        server.route("POST", "/sse", lambda exchange: html_reply("no", status))
        with session(server) as mcp:
            assert [tool.name for tool in mcp.list_tools()] == ["echo"]
            assert mcp.call_tool("echo").text == "hi"
            assert mcp.server.protocol_version == "2024-11-05"
        assert server.methods == [*GREETING, "tools/list", "tools/call"]
        stream = server.requests("/sse", "GET")[0]
        assert stream.headers["Accept"] == "text/event-stream"
        assert {x.query["session_id"][0] for x in server.requests("/messages")} == {"secret-1"}


def test_a_server_whose_refusal_is_json_may_have_it_as_well() -> None:
    with SseServer() as server:
        server.route("POST", "/sse", lambda x: refuse(405, -32000, "Method not allowed.")(x.json()))
        with session(server) as mcp:
            assert mcp.call_tool("echo").text == "hi"


@pytest.mark.parametrize("status", [401, 403, 406, 500, 503])
def test_another_refusal_does_not_lead_to_the_older_transport(status: int) -> None:
    with SseServer() as server:
        server.route("POST", "/sse", lambda exchange: Reply(status))
        with session(server) as mcp, pytest.raises(MCPError, match=f"HTTP {status}"):
            mcp.call_tool("echo")
        assert "GET" not in server.methods


def test_a_server_that_understood_the_handshake_is_not_asked_for_the_older_transport() -> None:
    for code in (-32601, -32602, -32020):
        with SseServer() as server:
            server.route("POST", "/sse", lambda x, code=code: refuse(400, code, "no")(x.json()))
            with session(server) as mcp, pytest.raises(MCPError, match="no"):
                mcp.call_tool("echo")
            assert "GET" not in server.methods


@pytest.mark.parametrize(
    "got",
    [
        Reply(404),
        Reply(401),
        json_reply({}),
        Reply(200, EVENTS, b": nothing\n\n"),
        Reply(200, EVENTS, event({"jsonrpc": "2.0", "method": "x"})),
        Reply(200, EVENTS, b"event: endpoint\ndata: /messages"),
    ],
    ids=["404", "401", "json", "empty", "message first", "cut"],
)
def test_without_the_older_transport_the_refusal_of_the_newer_one_is_told(got: Reply) -> None:
    with SseServer() as server:
        server.route("GET", "/sse", lambda exchange: got)
        with session(server) as mcp, pytest.raises(MCPError, match="HTTP 405") as raised:
            mcp.call_tool("echo")
        assert raised.value.status == 405
        assert raised.value.hint == "Check that the URL is the one of an MCP server."


def test_a_stream_that_never_says_where_to_post_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sse, "_ENDPOINT", 0.2)
    with SseServer() as server:
        endless = StatelessServer.forever
        server.release = threading.Event()  # type: ignore[attr-defined]
        server.route("GET", "/sse", lambda x: Reply(200, EVENTS, chunks=endless(server, beat=b": wait\n\n")))  # type: ignore[arg-type]
        began = time.monotonic()
        with session(server) as mcp, pytest.raises(MCPError, match="HTTP 405"):
            mcp.call_tool("echo")
        assert time.monotonic() - began < SOON


# Where to post


@pytest.mark.parametrize(
    "place",
    ["/messages?session_id={}", "messages?session_id={}", "{url}/messages?session_id={}", " /messages?session_id={} "],
    ids=["path", "relative", "absolute", "spaces"],
)
def test_the_place_to_post_to_may_be_told_in_any_way(place: str) -> None:
    with SseServer() as server, session(server) as mcp:
        server.endpoint = lambda name: place.format(name, url=server.url)
        assert mcp.call_tool("echo").text == "hi"


@pytest.mark.parametrize("place", ["{}/messages?session_id=1", "//example.com/m?session_id=1", "file:///x"])
def test_nothing_is_posted_to_another_origin(place: str) -> None:
    with SseServer() as other, SseServer() as server, session(server) as mcp:
        server.endpoint = lambda name: place.format(other.url)
        with pytest.raises(MCPError, match="wants messages to go elsewhere, to ") as raised:
            mcp.call_tool("echo")
        assert "session_id" not in str(raised.value)
        assert server.requests("/messages") == other.log == []


def test_the_place_to_post_to_is_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[BaseException] = []
    with caplog.at_level(logging.DEBUG), SseServer() as server, session(server) as mcp:
        mcp.call_tool("echo")
        for reply in (
            Reply(500),
            Reply(401),
            json_reply({"error": "x"}, 400),
            Reply(302, [("Location", "/x?session_id=secret-1")]),
        ):
            server.script["tools_call"] = lambda m, reply=reply: reply
            with pytest.raises(MCPError) as raised:
                mcp.call_tool("echo")
            errors.append(raised.value)
        server.script["tools_call"] = lambda m: server.hang_up() or Reply(202)  # type: ignore[func-returns-value]
        with pytest.raises(MCPError) as raised:
            mcp.call_tool("echo")
        errors.append(raised.value)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mcp_oauth_sync")]
    everything = "\n".join([*ours, *map(str, errors), *map(repr, errors), repr(mcp)])
    assert "secret" not in everything
    assert "session_id" not in everything


# Calls


@pytest.mark.parametrize("accepted", [Reply(200), Reply(202, [], b"Accepted"), Reply(204), json_reply({"ok": True})])
def test_whatever_accepts_a_message_will_do(accepted: Reply) -> None:
    with SseServer() as server, session(server) as mcp:
        server.accepted = lambda: accepted
        assert [mcp.call_tool("echo").text for _ in range(3)] == ["hi"] * 3
        assert server.connections <= 4


@pytest.mark.parametrize("status", [400, 403, 413, 500])
def test_a_message_that_is_refused_ends_its_call_only(status: int) -> None:
    with SseServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.script["tools_call"] = refuse(status)
        with pytest.raises(MCPError, match=f"HTTP {status}") as raised:
            mcp.call_tool("echo")
        assert raised.value.status == status
        assert [tool.name for tool in mcp.list_tools()] == ["echo"]
        assert server.methods.count("GET") == 1


def test_an_error_on_the_stream_ends_its_call() -> None:
    with SseServer(tools_call=refuse(200, -32602, "Unknown tool")) as server, session(server) as mcp:
        with pytest.raises(MCPError, match="Unknown tool") as raised:
            mcp.call_tool("echo")
        assert raised.value.code == -32602


def test_each_thread_gets_its_own_answer_and_progress(pool: ThreadPoolExecutor) -> None:
    with SseServer() as server, session(server) as mcp:
        waiting: list[dict[str, Any]] = []

        def all_at_once(message: dict[str, Any]) -> Reply:
            """Answer when all eight have called, the last first."""
            with server.lock:
                waiting.append(message)
                if len(waiting) == 8:
                    for each in reversed(waiting):
                        token = each["params"]["_meta"]["progressToken"]
                        text = each["params"]["arguments"]["text"]
                        params = {"progressToken": token, "progress": int(text)}
                        server.say(event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}))
                        server.say(event(result(each, said(text))))
            return Reply(202)

        server.script["tools_call"] = all_at_once
        list(mcp.list_tools())

        def call(number: int) -> tuple[str, list[float]]:
            heard: list[float] = []
            told = mcp.call_tool("echo", {"text": str(number)}, on_progress=lambda p: heard.append(p.progress))
            return told.text, heard

        assert list(pool.map(call, range(8))) == [(str(number), [number]) for number in range(8)]
        assert server.methods.count("GET") == 1


def test_a_request_of_the_server_during_a_call_is_answered() -> None:
    asked = {"message": "Go?", "requestedSchema": {"type": "object", "properties": {}}}

    with SseServer() as server:

        def call(message: dict[str, Any]) -> Reply:
            server.say(event({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": asked}))
            server.say(event(result(message, said("done"))))
            return Reply(202)

        server.script["tools_call"] = call
        with session(server, elicit=lambda asked: {}) as mcp:
            assert mcp.call_tool("echo").text == "done"
        assert [answer["result"]["action"] for answer in server.answers] == ["accept"]


def test_whoever_offered_nothing_refuses_a_request_of_the_server_during_a_call() -> None:
    with SseServer() as server:

        def call(message: dict[str, Any]) -> Reply:
            server.say(event({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}))
            server.say(event(result(message, said("done"))))
            return Reply(202)

        server.script["tools_call"] = call
        with session(server) as mcp:
            assert mcp.call_tool("echo").text == "done"
        assert [answer["error"]["code"] for answer in server.answers] == [-32601]


def wait_for(happened: Any) -> None:
    for _ in range(1000):
        if happened():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not happen")


def test_a_server_that_asks_whether_we_are_there_is_answered_while_nobody_calls() -> None:
    with SseServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.say(event({"jsonrpc": "2.0", "id": "p", "method": "ping"}))
        wait_for(lambda: server.answers)
        assert server.answers == [{"jsonrpc": "2.0", "id": "p", "result": {}}]
        server.say(event({"jsonrpc": "2.0", "id": "q", "method": "roots/list"}), b"data: {\n\n")
        assert mcp.call_tool("echo").text == "hi"


def test_what_the_server_says_while_nobody_calls_is_heard() -> None:
    heard, logged = threading.Event(), threading.Event()
    asked = {"message": "Go?", "requestedSchema": {"type": "object", "properties": {}}}
    log = {"level": "info", "data": "idle"}
    with SseServer() as server:
        mcp = session(server, elicit=lambda asked: heard.set(), on_log=lambda message: logged.set())
        with mcp:
            list(mcp.list_tools())
            server.say(event({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": asked}))
            server.say(event({"jsonrpc": "2.0", "method": "notifications/message", "params": log}))
            assert heard.wait(SOON)
            assert logged.wait(SOON)
            wait_for(lambda: server.answers)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mcp-oauth-sync")]


def test_a_call_without_an_answer_is_given_up_and_cancelled() -> None:
    with SseServer(tools_call=lambda m: Reply(202)) as server, session(server) as mcp:
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            mcp.call_tool("echo", timeout=0.2)
        assert server.methods[-1] == "notifications/cancelled"
        assert server.log[-1].json()["params"] == {"requestId": server.log[-2].json()["id"]}
        server.say(event({"jsonrpc": "2.0", "id": server.log[-2].json()["id"], "result": said("late")}))
        assert [tool.name for tool in mcp.list_tools()] == ["echo"]


# The end of the stream


def test_a_stream_that_ends_during_a_call_ends_it_and_the_next_opens_another() -> None:
    with SseServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.script["tools_call"] = lambda m: server.hang_up() or Reply(202)  # type: ignore[func-returns-value]
        with pytest.raises(BrokenOff, match="ended before the answer"):
            mcp.call_tool("echo")
        assert server.methods.count("tools/call") == 1
        server.clear()
        assert [tool.name for tool in mcp.list_tools()] == ["echo"]
        assert server.methods == ["POST /sse", "GET", "initialize", "notifications/initialized", "tools/list"]
        assert server.requests("/messages")[-1].query["session_id"] != ["secret-1"]


def test_a_stream_that_ended_before_a_call_is_opened_again_first() -> None:
    with SseServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.hang_up()
        wait_for(lambda: not [t for t in threading.enumerate() if t.name == "mcp-oauth-sync stream"])
        assert not mcp._wire._open
        server.clear()
        assert mcp.call_tool("echo").text == "hi"
        assert server.methods.count("tools/call") == 1


def test_a_session_that_the_server_forgot_is_begun_again() -> None:
    with SseServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        forgotten = server.streams.pop("secret-1")
        assert mcp.call_tool("echo").text == "hi"
        assert server.methods.count("initialize") == 2
        forgotten.put(None)


def test_closing_ends_the_stream_and_its_thread(pool: ThreadPoolExecutor) -> None:
    with SseServer(tools_call=lambda m: Reply(202)) as server:
        mcp = session(server)
        list(mcp.list_tools())
        call = pool.submit(mcp.call_tool, "echo")
        wait_for(lambda: "tools/call" in server.methods)
        mcp.close()
        with pytest.raises(MCPError, match="was closed"):
            call.result(SOON)
        wait_for(lambda: not [t for t in threading.enumerate() if t.name.startswith("mcp-oauth-sync")])


def test_a_handshake_that_fails_closes_the_stream() -> None:
    with SseServer(initialize=refuse(200, -32603, "not today")) as server, session(server) as mcp:
        with pytest.raises(MCPError, match="not today"):
            list(mcp.list_tools())
        wait_for(lambda: not [t for t in threading.enumerate() if t.name == "mcp-oauth-sync stream"])


def test_a_stream_that_is_slow_to_open_is_given_up() -> None:
    with SseServer() as server, session(server, timeout=0.3) as mcp:
        server.fault("/sse", hang(), method="GET")
        with pytest.raises(MCPError, match="HTTP 405"):
            mcp.call_tool("echo")


# Signing in


def test_whoever_is_not_signed_in_is_asked_to() -> None:
    with SseServer() as server, Scene(upstream=server.mcp_url) as scene:
        with MCPSession(scene.url, auth=scene.oauth(), timeout=10) as mcp:
            assert mcp.call_tool("echo").text == "hi"
            scene.expire()
            assert mcp.call_tool("echo").text == "hi"
        assert len(scene.shown) == 1
        assert {x.bearer is not None for x in scene.mcp.requests("/messages")} == {True}


def test_a_stream_may_be_all_that_wants_a_sign_in() -> None:
    """The POST is refused for its method, by a router in front of what asks for a token."""
    with SseServer() as server, Scene(upstream=server.mcp_url) as scene:
        protected = scene.mcp.answer
        scene.mcp.answer = (  # type: ignore[method-assign]
            lambda x: Reply(405) if (x.method, x.path) == ("POST", "/sse") else protected(x)
        )
        with MCPSession(scene.url, auth=scene.oauth(), timeout=10) as mcp:
            assert mcp.call_tool("echo").text == "hi"
        assert len(scene.shown) == 1
        [first, *_] = scene.mcp.requests("/sse", "GET")
        assert first.status == 401
        assert json.loads(server.requests("/messages")[0].body)["method"] == "initialize"


# A real server


@pytest.mark.npm_server
def test_the_reference_server_is_spoken_to_over_its_older_transport(everything_sse: EverythingServer) -> None:
    with MCPSession(everything_sse.mcp_url, auth=None, timeout=30, elicit=lambda asked: {"name": "x"}) as mcp:
        assert mcp.server.protocol_version in ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
        assert "echo" in [tool.name for tool in mcp.list_tools()]
        assert mcp.call_tool("echo", {"message": "hi"}).text == "Echo: hi"
        heard: list[float] = []
        arguments = {"duration": 0.1, "steps": 2}
        mcp.call_tool("trigger-long-running-operation", arguments, on_progress=lambda told: heard.append(told.progress))
        assert heard == [1, 2]
        assert "Name: x" in str(mcp.call_tool("trigger-elicitation-request"))
        mcp.ping()
