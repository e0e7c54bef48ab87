"""A hostile MCP server that says too much: requests, progress, logs, pages; time, memory and the log stay bounded."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import bounds, http_sse, listening, operations, streamable
from mcp_oauth_sync.mcp.tool_headers import read_annotations
from mcp_oauth_sync.mcp.wire import IDLE, Wire

from ..mcp.both_eras import HandshakeServer, StatelessServer, as_json, said, stream
from ..mcp.script import event, listing, result
from ..mcp.sse_server import SseServer
from ..servers import Exchange, Reply, delay, json_reply
from .mcp_stage import PLACES, QUESTION, breaking, hurried, session

both_eras = pytest.mark.parametrize("kind", [HandshakeServer, StatelessServer], ids=["handshake", "stateless"])


def notice(method: str, **params: Any) -> bytes:
    return event({"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params})


def asked(number: object, method: str = "elicitation/create", params: Any = QUESTION) -> bytes:
    return event({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


# Time


@pytest.mark.parametrize("method", ["ping", "sampling/createMessage", "elicitation/create"])
def test_requests_of_a_server_do_not_stop_the_clock(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    hurried(monkeypatch)

    def call(message: dict[str, Any]) -> Reply:
        return stream(then=(asked(number, method) for number in itertools.count()))

    with HandshakeServer(tools_call=call) as server, session(server, timeout=0.5) as mcp:
        began = time.monotonic()
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("echo")
        assert time.monotonic() - began < 5


def test_the_time_that_a_listener_takes_does_not_count() -> None:
    def call(message: dict[str, Any]) -> Reply:
        return stream(notice("message", level="info", data="x"), event(result(message, said("hi"))), b": wait\n\n")

    for kind in (StatelessServer, HandshakeServer):
        with kind(tools_call=call) as server, session(server, timeout=0.2, on_log=lambda line: time.sleep(0.3)) as mcp:
            assert mcp.call_tool("echo").text == "hi"


def test_requests_on_the_other_stream_do_not_stop_the_clock_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    with HandshakeServer() as server:
        server.on_get = lambda exchange: stream(then=server.forever(beat=asked(1, "ping")))
        server.script["tools_call"] = lambda message: stream(then=server.forever())
        slow = breaking(server, PLACES["an answer of ours"], delay(0.1))
        with slow, session(server, timeout=0.5, on_log=str) as mcp:
            began = time.monotonic()
            with pytest.raises(MCPTimeoutError):
                mcp.call_tool("echo")
            assert time.monotonic() - began < 5
        server.release.set()


def test_a_server_cannot_make_anybody_wait_longer_than_python_can(monkeypatch: pytest.MonkeyPatch) -> None:
    waited, over = list[float](), threading.Event()

    def sleep(wire: Wire, seconds: float) -> None:
        waited.append(seconds)
        wire._closed.wait(0 if len(waited) < 5 else 10)
        over.set()

    monkeypatch.setattr(Wire, "sleep", sleep)
    pauses = itertools.chain([b"9" * 30, b"0"], itertools.repeat(b"1"))
    with HandshakeServer() as server:
        server.on_get = lambda exchange: stream(b"retry: %b\ndata: {}\n\n" % next(pauses))
        with session(server, on_log=str) as mcp:
            list(mcp.list_tools())
            assert over.wait(10)
            while len(waited) < 5:
                time.sleep(0.01)
    assert waited[:5] == [IDLE, *[streamable.LEAST_PAUSE] * 4]


# Memory


def peak(call: Callable[[], object]) -> int:
    """Return the most memory that something takes, in KiB."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] >> 10
    finally:
        tracemalloc.stop()


def test_a_schema_that_is_deep_and_wide_takes_no_more_than_itself() -> None:
    schema: dict[str, Any] = {"properties": {str(number): {} for number in range(20_000)}}
    for _ in range(99):
        schema = {"properties": {"a": schema}}
    assert peak(lambda: read_annotations(schema)) < 8_000  # a hundred names for each would be 17,000


FLOODS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "progress": lambda m: notice("progress", progressToken=m["id"], progress=1, message="x" * 500),
    "progress of others": lambda m: notice("progress", progressToken="other", progress=1, message="x" * 500),
    "progress that makes no sense": lambda m: notice("progress", progressToken=m["id"], progress="x" * 500),
    "logs": lambda m: notice("message", level="info", data="x" * 500),
    "other tools": lambda m: notice("tools/list_changed"),
    "what is no message": lambda m: b"data: 7\n\ndata: []\n\ndata: {}\n\nid: 1\n\n",
    "ids": lambda m: b"id: " + b"x" * 500 + b"\n\n",
    "answers to nothing": lambda m: event({"jsonrpc": "2.0", "id": 10**9, "result": {"x": "y" * 500}}),
}


@both_eras
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_takes_no_memory(kind: Callable[[], Any], name: str) -> None:
    def call(message: dict[str, Any]) -> Reply:
        count = message["params"]["arguments"]["count"]
        return stream(then=itertools.chain([FLOODS[name](message)] * count, [event(result(message, said("hi")))]))

    logging.getLogger("mcp_oauth_sync").setLevel(logging.WARNING)  # the tests keep every line
    with kind(tools_call=call) as server, session(server, on_log=str, timeout=30) as mcp:
        few, many = (
            peak(lambda count=count: mcp.call_tool("echo", {"count": count}, on_progress=str))  # type: ignore[misc]
            for count in (300, 3000)
        )
        assert many < few + 500


def test_what_a_session_warns_of_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "mcp_oauth_sync")
    monkeypatch.setattr(operations, "MAX_PAGES", 3)
    numbers = itertools.count()

    def pages(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, {"tools": [{"name": 7}] * 200, "nextCursor": str(next(numbers))}))

    endless = pytest.raises(MCPError, match="no end")
    with StatelessServer(tools_list=pages) as server, session(server, timeout=10) as mcp, endless:
        list(mcp.list_tools())
    assert len(caplog.records) == bounds.MAX_WARNINGS + 1


def test_a_list_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MAX_PAGES", 20)
    numbers = itertools.count()
    with StatelessServer() as server, session(server, timeout=10) as mcp:
        server.script["tools_list"] = lambda m: json_reply(result(m, listing("echo", cursor=str(next(numbers)))))
        with pytest.raises(MCPError, match="has no end"):
            list(mcp.list_tools())
        assert server.methods.count("tools/list") == 20
        server.script["tools_list"] = as_json(listing("echo", cursor="again"))
        with pytest.raises(MCPError, match="has no end"):
            list(mcp.list_tools())
        assert server.methods.count("tools/list") == 22


def test_a_hundred_thousand_tools_are_listed() -> None:
    tools = as_json(listing(*map(str, range(100_000))))
    with StatelessServer(tools_list=tools) as server, session(server, timeout=30) as mcp:
        assert sum(1 for _ in mcp.list_tools()) == 100_000


# Who does not listen


def test_what_waits_for_a_busy_call_over_the_older_transport_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sse, "_WAITING_SMALL", 10)
    monkeypatch.setattr(http_sse, "_WAITING_LARGE", 2)
    busy, go = threading.Event(), threading.Event()
    heard, numbers = list[str](), list[int]()

    def on_log(line: Any) -> None:
        heard.append(line.data[:9])
        busy.set()
        go.wait(10)

    def call(message: dict[str, Any]) -> Reply:
        numbers.append(message["id"])
        server.say(notice("message", level="info", data="first"))
        return Reply(202)

    with SseServer(tools_call=call) as server, session(server, timeout=20, on_log=on_log) as mcp:
        server.route("POST", "/sse", lambda exchange: Reply(405))
        list(mcp.list_tools())
        caller = threading.Thread(target=lambda: heard.append(mcp.call_tool("echo").text))
        caller.start()
        assert busy.wait(10)
        server.say(*[notice("message", level="info", data=f"small {number}") for number in range(50)])
        server.say(notice("message", level="info", data="large" * 50_000))
        answers = [result({"id": number}, said(text)) for number in (*numbers, 10**9) for text in ("hi", "no")]
        server.say(*map(event, answers))
        channel = mcp._agreement.terms().channel
        assert isinstance(channel, http_sse.HttpSse)
        for _ in range(500):  # until all that was said before the answer has been given out
            time.sleep(0.01 if channel._waiting else 0)
        assert not channel._waiting
        go.set()
        caller.join(10)
    assert heard[0] == "first"
    assert heard[-1] == "hi"
    assert heard[1:-1] == [f"small {number}" for number in range(10)]


def test_what_waits_for_who_does_not_listen_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_WAITING", 5)
    go, done = threading.Event(), threading.Event()

    def says(exchange: Exchange) -> Reply:
        def flood() -> Iterator[bytes]:
            go.wait(10)
            yield from [notice("tools/list_changed")] * 50
            yield from server.forever(notice("message", level="info", data="done"))

        return stream(b": hello\n\n", then=flood())

    with HandshakeServer(ping=as_json({})) as server:
        server.on_get = says
        with session(server, timeout=10, on_log=lambda line: done.set()) as mcp:
            changes = mcp.listen(tools=True)
            go.set()
            assert done.wait(10)
        assert len(list(changes)) == 5
