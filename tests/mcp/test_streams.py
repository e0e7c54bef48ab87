"""Answers that come as streams: cut anywhere, broken off, taken up again, left open, packed; and their connections."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import event_parser, streamable, wire
from mcp_oauth_sync.mcp.wire import BrokenOff
from tests.servers import Exchange, Reply, json_reply
from tests.servers.messages import Reset

from .both_eras import STATELESS, HandshakeServer, StatelessServer, as_events, as_json, refuse, said, stream
from .script import EVENTS, ScriptedMcp, event, listing, result

Both = Callable[[], ScriptedMcp]
both_eras = pytest.mark.parametrize("kind", [HandshakeServer, StatelessServer], ids=["handshake", "stateless"])


def session(server: ScriptedMcp, **options: Any) -> MCPSession:
    return MCPSession(server.mcp_url, auth=None, **{"timeout": 10, **options})


def told(number: str, message: dict[str, Any] | None = None, *, retry: int | None = 1) -> bytes:
    """Return an event with an id, empty where there is no message."""
    lines = [f"id: {number}", *([f"retry: {retry}"] if retry is not None else [])]
    return b"\n".join(line.encode() for line in lines) + b"\n" + (event(message) if message else b"data: \n\n")


def broken() -> Iterator[bytes]:
    """End a stream in the middle."""
    yield from ()
    raise Reset


class Resumable(HandshakeServer):
    """Answers tools/call with the first of some parts of a stream, and who asks for the rest with the others.

    Args:
        parts: What each connection brings; given the message, a list of pieces. Each then ends.
        abrupt: Whether connections are reset, not ended well.
    """

    def __init__(self, *parts: Callable[[dict[str, Any]], list[bytes]], abrupt: bool = False) -> None:
        super().__init__(tools_call=self._call)
        self.parts, self.abrupt = iter(parts), abrupt
        self.message: dict[str, Any] = {}
        self.seen: list[str | None] = []
        """The Last-Event-ID of each connection but the first."""
        self.on_get = self._rest

    def _call(self, message: dict[str, Any]) -> Reply:
        self.message = message
        return self._next()

    def _rest(self, exchange: Exchange) -> Reply:
        self.seen.append(exchange.headers["Last-Event-ID"])
        assert exchange.headers["Accept"] == "text/event-stream"
        return self._next()

    def _next(self) -> Reply:
        part = next(self.parts, None)
        if part is None:
            return Reply(405)
        return stream(*part(self.message), then=broken() if self.abrupt else ())


def answered(number: str = "9") -> Callable[[dict[str, Any]], list[bytes]]:
    return lambda message: [told(number, result(message, said("done")))]


# Taking up a stream again


@pytest.mark.parametrize("abrupt", [False, True], ids=["ended", "reset"])
def test_a_stream_that_ended_before_its_answer_is_taken_up_again(abrupt: bool) -> None:
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 0, "progress": 1}}
    with Resumable(lambda m: [told("1"), told("2", progress)], answered(), abrupt=abrupt) as server:
        with session(server) as mcp:
            assert mcp.call_tool("echo").text == "done"
        assert server.seen == ["2"]
        assert server.count("tools/call") == 1


def test_a_first_event_without_data_is_enough_to_go_on_from() -> None:
    with Resumable(lambda m: [told("first")], answered()) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "done"
        assert server.seen == ["first"]


def test_a_stream_may_break_again_and_again_as_long_as_it_brings_something() -> None:
    breaks = [lambda m, n=n: [told(str(n))] for n in range(20)]
    with Resumable(*breaks, answered()) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "done"
        assert server.seen == [str(number) for number in range(20)]
        assert server.count("tools/call") == 1


def test_a_stream_that_brings_nothing_new_is_given_up() -> None:
    with Resumable(*[lambda m: [told("same")]] * 50) as server, session(server) as mcp:
        with pytest.raises(BrokenOff, match="ended before it answered tools/call"):
            mcp.call_tool("echo")
        assert server.seen == ["same"] * streamable.MAX_RESUMES
        assert server.count("tools/call") == 1


def test_a_stream_that_brings_no_ids_the_second_time_goes_on_from_the_last_known() -> None:
    silent = [lambda m: [b": nothing yet\n\n"]] * 2
    with Resumable(lambda m: [told("7")], *silent, answered()) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "done"
        assert server.seen == ["7"] * 3


@pytest.mark.parametrize("status", [400, 401, 404, 405, 500])
def test_a_server_that_does_not_let_a_stream_be_taken_up_is_not_called_twice(status: int) -> None:
    with Resumable(lambda m: [told("1")]) as server, session(server) as mcp:
        server.on_get = lambda exchange: Reply(status)
        with pytest.raises(BrokenOff, match="ended before it answered"):
            mcp.call_tool("echo")
        assert server.count("tools/call") == 1
        assert server.count("initialize") == 1


def test_a_session_that_is_gone_when_a_stream_is_taken_up_does_not_repeat_the_call() -> None:
    with Resumable(lambda m: [told("1")]) as server, session(server) as mcp:
        list(mcp.list_tools())
        server.on_get = lambda exchange: server.alive.clear() or Reply(404)  # type: ignore[func-returns-value]
        with pytest.raises(BrokenOff):
            mcp.call_tool("echo")
        assert server.count("tools/call") == 1
        assert len(list(mcp.list_tools())) == 1


def test_an_answer_of_another_kind_when_a_stream_is_taken_up_is_none() -> None:
    with Resumable(lambda m: [told("1")]) as server, session(server) as mcp:
        server.on_get = lambda exchange: json_reply({"jsonrpc": "2.0", "id": 4, "result": said("wrong")})
        with pytest.raises(BrokenOff):
            mcp.call_tool("echo")
        assert server.count("GET") == 1


def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait between two connections, and return how long it would have been."""
    waited: list[float] = []
    monkeypatch.setattr(wire.Wire, "sleep", lambda self, seconds: waited.append(seconds))
    return waited


def test_the_server_says_how_long_to_wait_and_what_it_said_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = waits(monkeypatch)
    parts = [
        lambda m: [told("1", retry=None)],
        lambda m: [told("2", retry=2500)],
        lambda m: [told("3", retry=None)],
        lambda m: [told("4", retry=0)],
    ]
    with Resumable(*parts, answered()) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "done"
    assert waited == [streamable.PAUSE, 2.5, 2.5, 0]


def test_a_server_cannot_make_anybody_wait_longer_than_the_call_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = waits(monkeypatch)
    with Resumable(lambda m: [told("1", retry=10**18)], answered()) as server, session(server) as mcp:
        mcp.call_tool("echo")
    [seconds] = waited
    assert 9 < seconds <= 10


def test_a_call_is_given_up_in_time_while_it_waits_to_go_on() -> None:
    with Resumable(lambda m: [told("1", retry=10**6)], answered()) as server, session(server) as mcp:
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("echo", timeout=0.2)
        assert server.methods[-1] == "notifications/cancelled"
        assert server.seen == []


def test_the_id_of_an_event_goes_back_as_it_came() -> None:
    with Resumable(lambda m: ["id: Ä☃:1\nretry: 1\ndata\n\n".encode()], answered()) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "done"
        [seen] = server.seen
        assert seen is not None
        assert seen.encode("latin-1").decode() == "Ä☃:1"


def test_an_id_that_was_taken_back_cannot_be_gone_on_from() -> None:
    with Resumable(lambda m: [told("1"), told("")], answered()) as server, session(server) as mcp:
        with pytest.raises(BrokenOff):
            mcp.call_tool("echo")
        assert server.seen == []


# Breaks that end a call


@both_eras
@pytest.mark.parametrize("abrupt", [False, True], ids=["ended", "reset"])
def test_a_call_whose_stream_breaks_is_not_made_twice_but_a_list_is(kind: Both, abrupt: bool) -> None:
    with kind() as server, session(server) as mcp:
        whole = as_events(listing("echo"))
        replies = iter([lambda m: stream(b": wait\n\n", then=broken() if abrupt else ()), whole])
        server.script["tools_list"] = lambda message: next(replies)(message)
        server.script["tools_call"] = lambda message: stream(b": wait\n\n", then=broken() if abrupt else ())
        assert [tool.name for tool in mcp.list_tools()] == ["echo"]
        with pytest.raises(BrokenOff) as raised:
            mcp.call_tool("echo")
        assert raised.value.hint == "Try again."
        assert server.methods.count("tools/call") == 1
        assert server.methods.count("tools/list") == 2


def test_the_stream_of_a_stateless_server_is_never_taken_up_again() -> None:
    with StatelessServer(tools_call=lambda m: stream(told("1"))) as server, session(server) as mcp:
        with pytest.raises(BrokenOff):
            mcp.call_tool("echo")
        assert server.methods == ["server/discover", "tools/call"]


@both_eras
def test_an_answer_that_breaks_off_is_told_from_one_that_came_whole(kind: Both) -> None:
    def cut(message: dict[str, Any]) -> Reply:
        body = json_reply(result(message, said("hi"))).body
        return Reply(200, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))], body[:-9])

    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: Reply(
            **{**vars(cut(m)), "headers": [*cut(m).headers, ("Connection", "close")]}
        )
        with pytest.raises(BrokenOff, match="broke off"):
            mcp.call_tool("echo")
        assert server.methods.count("tools/call") == 1


# What comes with an answer


@both_eras
def test_an_answer_may_name_its_call_by_a_string(kind: Both) -> None:
    with kind() as server, session(server) as mcp:
        for send in (json_reply, lambda document: stream(event(document))):
            server.script["tools_call"] = lambda m, send=send: send({**result(m, said("hi")), "id": str(m["id"])})
            assert mcp.call_tool("echo").text == "hi"


@pytest.mark.parametrize("number", [True, "1e1", None, 99, "x"])
def test_an_answer_to_something_else_is_none(number: Any) -> None:
    with StatelessServer() as server, session(server, version=STATELESS) as mcp:  # the call is the first request
        server.script["tools_call"] = lambda m: json_reply({**result(m, said("hi")), "id": number})
        with pytest.raises(MCPError, match="did not answer"):
            mcp.call_tool("echo")


@both_eras
def test_an_answer_may_come_in_a_batch(kind: Both) -> None:
    log = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: json_reply([log, 7, None, result(m, said("hi"))])
        assert mcp.call_tool("echo").text == "hi"
        server.script["tools_call"] = lambda m: stream(event([log, result(m, said("hi"))]))
        assert mcp.call_tool("echo").text == "hi"


@both_eras
def test_what_follows_an_answer_does_not_count(kind: Both) -> None:
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(event(result(m, said("hi"))), event(result(m, said("no"))))
        assert mcp.call_tool("echo").text == "hi"
        assert mcp.call_tool("echo").text == "hi"


@both_eras
def test_what_makes_no_sense_on_a_stream_is_passed_over(kind: Both) -> None:
    nonsense = [
        b"data: {\n\n",
        b'data: [1, "x"]\n\n',
        b"event: ping\ndata: 17\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
    ]
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(*nonsense, event(result(m, said("hi"))))
        assert mcp.call_tool("echo").text == "hi"


@pytest.mark.parametrize("size", [1, 2, 7])
def test_events_may_be_cut_anywhere(size: int) -> None:
    def bits(message: dict[str, Any]) -> Reply:
        whole = b": hello\r\n\r\n" + event(result(message, said("Grüße ☃ 😀")), newline="\r\n")
        return stream(*(whole[at : at + size] for at in range(0, len(whole), size)))

    with StatelessServer(tools_call=bits) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "Grüße ☃ 😀"


def test_a_last_event_without_its_empty_line_counts() -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(event(result(m, said("hi"))).rstrip(b"\n"))
        assert mcp.call_tool("echo").text == "hi"


def test_a_request_of_the_server_is_answered_while_its_stream_stays_open() -> None:
    asks = [
        event({"jsonrpc": "2.0", "id": "p", "method": "ping"}),
        event(
            {
                "jsonrpc": "2.0",
                "id": 7,
                "method": "elicitation/create",
                "params": {"message": "Go?", "requestedSchema": {"type": "object", "properties": {}}},
            }
        ),
    ]
    with HandshakeServer() as server:

        def call(message: dict[str, Any]) -> Reply:
            def rest() -> Iterator[bytes]:
                while len(server.answers) < 2:
                    yield from itertools.islice(server.forever(beat=b": wait\n\n"), 1)
                yield event(result(message, said("done")))

            return stream(*asks, then=rest())

        server.script["tools_call"] = call
        with session(server, elicit=lambda asked: {}) as mcp:
            assert mcp.call_tool("echo").text == "done"
        assert [(x["id"], x["result"]) for x in server.answers] == [("p", {}), (7, {"action": "accept", "content": {}})]
        calling, *answering = [x.connection for x in server.log if x.method == "POST"][-3:]
        assert calling not in answering


# Sizes and packings


@both_eras
@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_an_answer_that_is_packed_though_nobody_asked_for_it_is_unpacked(kind: Both, packed: Any) -> None:
    name = "gzip" if packed is gzip.compress else "deflate"
    with kind() as server, session(server) as mcp:
        for kind_of, make in (("application/json", lambda d: json_reply(d).body), ("text/event-stream", event)):
            server.script["tools_call"] = lambda m, k=kind_of, make=make: Reply(
                200, [("Content-Type", k), ("Content-Encoding", name)], packed(make(result(m, said("hi"))))
            )
            assert mcp.call_tool("echo").text == "hi"
        assert {x.headers["Accept-Encoding"] for x in server.log} == {"identity"}


def test_an_answer_larger_than_is_good_for_anybody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY", 100_000)
    monkeypatch.setattr(wire, "MAX_ERROR", 1000)
    with StatelessServer() as server, session(server) as mcp:
        server.script["tools_call"] = as_json(said("x" * 99_000))
        assert len(mcp.call_tool("echo").text) == 99_000
        server.script["tools_call"] = as_json(said("x" * 100_000))
        with pytest.raises(MCPError, match="larger than 100000 bytes"):
            mcp.call_tool("echo")
        bomb = gzip.compress(b" " * 50_000_000)
        packed = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
        server.script["tools_call"] = lambda m: Reply(200, packed, bomb)
        with pytest.raises(MCPError, match="larger than 100000 bytes"):
            mcp.call_tool("echo")
        server.script["tools_call"] = refuse(400, -32602, "x" * 2000)
        with pytest.raises(MCPError, match="larger than 1000 bytes") as raised:
            mcp.call_tool("echo")
        assert raised.value.status == 400


def test_an_event_larger_than_is_good_for_anybody_is_refused() -> None:
    with StatelessServer() as server, session(server) as mcp:
        piece = b"x" * (1 << 20)
        server.script["tools_call"] = lambda m: stream(b"data: ", then=(piece for _ in range(40)))
        with pytest.raises(MCPError, match=f"larger than {event_parser.MAX_EVENT} bytes"):
            mcp.call_tool("echo")


# Connections


@both_eras
@pytest.mark.parametrize("answer", [as_json(said("hi")), as_events(said("hi"), b": first\n\n")], ids=["json", "events"])
def test_twenty_calls_use_one_connection(kind: Both, answer: Any) -> None:
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = answer
        for _ in range(20):
            mcp.call_tool("echo")
        assert server.connections == 1


@both_eras
def test_a_stream_that_stays_open_after_its_answer_holds_nobody_up(kind: Both) -> None:
    with kind() as server, session(server) as mcp:
        assert hasattr(server, "forever")
        server.script["tools_call"] = lambda m: stream(
            then=server.forever(event(result(m, said("hi"))), beat=b": \n\n")
        )
        assert mcp.call_tool("echo").text == "hi"
        server.script["tools_call"] = lambda m: stream(then=server.forever(event(result(m, said("hi")))))
        assert mcp.call_tool("echo").text == "hi"
        server.release.set()


def test_the_last_answer_of_a_connection_is_read_as_any_other() -> None:
    closing = [("Connection", "close")]
    with StatelessServer() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(event(result(m, said("hi"))), headers=closing)
        assert mcp.call_tool("echo").text == "hi"
        server.script["tools_call"] = lambda m: Reply(200, [*EVENTS, *closing], event(result(m, said("hi"))))
        assert mcp.call_tool("echo").text == "hi"
