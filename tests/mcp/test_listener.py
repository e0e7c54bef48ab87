"""What a server with a handshake says outside of calls is heard, in a thread of its own, where anybody wants to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import handshake, streamable, wire
from tests.scene import Scene
from tests.servers import Exchange, Reply, hang, json_reply

from .both_eras import HandshakeServer, StatelessServer, said, stream
from .script import event, result

QUESTION = {"message": "Go?", "requestedSchema": {"type": "object", "properties": {}}}
SOON = 5.0


def asks(number: int = 1) -> bytes:
    return event({"jsonrpc": "2.0", "id": number, "method": "elicitation/create", "params": QUESTION})


def logs(text: str) -> bytes:
    params = {"level": "info", "data": text}
    return event({"jsonrpc": "2.0", "method": "notifications/message", "params": params})


def session(server: HandshakeServer, **options: Any) -> MCPSession:
    return MCPSession(server.mcp_url, auth=None, **{"timeout": 10, "version": server.version, **options})


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("mcp-oauth-sync"))


def wait_for(happened: Callable[[], object]) -> None:
    for _ in range(1000):
        if happened():
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"it did not happen: {threads()}")


def held(server: HandshakeServer, *pieces: bytes) -> Callable[[Exchange], Reply]:
    """Answer a GET with a stream that stays open."""
    return lambda exchange: stream(b": here\n\n", then=server.forever(*pieces))


# Whether anybody listens


def test_nobody_listens_where_nobody_wants_to_hear() -> None:
    with HandshakeServer() as server, session(server) as mcp:
        mcp.call_tool("echo")
        assert "GET" not in server.methods
        assert threads() == []
    with StatelessServer() as stateless, MCPSession(stateless.mcp_url, auth=None, on_log=print) as mcp:
        mcp.call_tool("echo")
        assert "GET" not in stateless.methods
        assert threads() == []


@pytest.mark.parametrize(
    "options", [{"elicit": lambda asked: {}}, {"on_log": lambda message: None}], ids=["elicit", "log"]
)
def test_a_server_is_listened_to_before_the_first_call(options: dict[str, Any]) -> None:
    with HandshakeServer() as server:
        server.on_get = held(server)
        with session(server, **options) as mcp:
            mcp.call_tool("echo")
            assert server.methods.index("GET") < server.methods.index("tools/call")
            [listening] = server.requests(method="GET")
            assert listening.headers["Accept"] == "text/event-stream"
            assert listening.headers["Mcp-Session-Id"] == "session-1"
            assert listening.headers["MCP-Protocol-Version"] == "2025-11-25"
            assert "Last-Event-ID" not in listening.headers
            assert "mcp-oauth-sync listener" in threads()
        wait_for(lambda: not threads())


def test_no_call_is_made_before_the_server_hears_that_somebody_listens() -> None:
    with HandshakeServer() as server:
        answered: list[str] = []

        def slow(exchange: Exchange) -> Reply:
            server.release.wait(0.1)
            answered.append("GET")
            return held(server)(exchange)

        def call(message: dict[str, Any]) -> Reply:
            answered.append("tools/call")
            return json_reply(result(message, said("hi")))

        server.on_get = slow
        server.script["tools_call"] = call
        with session(server, on_log=print) as mcp:
            mcp.call_tool("echo")
        assert answered == ["GET", "tools/call"]


@pytest.mark.parametrize(
    "reply",
    [Reply(405), Reply(404), Reply(401), Reply(500), json_reply({}), Reply(202)],
    ids=lambda reply: f"{reply.status} {reply.header('Content-Type') or ''}",
)
def test_a_server_that_offers_no_stream_is_asked_once(reply: Reply) -> None:
    with HandshakeServer() as server, session(server, on_log=print) as mcp:
        server.on_get = lambda exchange: reply
        assert mcp.call_tool("echo").text == "hi"
        wait_for(lambda: "mcp-oauth-sync listener" not in threads())
        assert server.count("GET") == 1


def test_a_server_that_does_not_answer_whether_it_offers_one_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "_ATTENTION", 0.05)
    with HandshakeServer() as server:
        server.fault("/mcp", hang(), method="GET")
        with session(server, on_log=print) as mcp:
            assert mcp.call_tool("echo").text == "hi"
        wait_for(lambda: not threads())


# What is heard


def test_what_is_asked_outside_of_calls_is_answered() -> None:
    with HandshakeServer() as server:
        server.on_get = held(server, asks(7), event({"jsonrpc": "2.0", "id": 8, "method": "ping"}))
        asked: list[str] = []
        with session(server, elicit=lambda question: asked.append(question.message) or {}) as mcp:
            list(mcp.list_tools())
            wait_for(lambda: len(server.answers) == 2)
        assert [answer["id"] for answer in server.answers] == [7, 8]
        assert server.answers[0]["result"] == {"action": "accept", "content": {}}
        assert asked == ["Go?"]


def test_what_is_logged_outside_of_calls_is_heard() -> None:
    with HandshakeServer() as server:
        server.on_get = held(server, logs("one"), b"data: {\n\n", logs("two"))
        heard: list[str] = []
        with session(server, on_log=lambda message: heard.append(message.data)) as mcp:
            list(mcp.list_tools())
            wait_for(lambda: heard == ["one", "two"])


def test_what_changed_is_heard_and_the_session_goes_on() -> None:
    changed = event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    with HandshakeServer() as server, session(server, elicit=lambda asked: None) as mcp:
        server.on_get = held(server, changed, asks())
        list(mcp.list_tools())
        wait_for(lambda: server.answers)
        assert server.answers[0]["result"] == {"action": "cancel"}
        assert mcp.call_tool("echo").text == "hi"


# Listening again


def test_a_stream_that_ends_is_opened_again_and_goes_on_from_its_last_event() -> None:
    parts = iter([b"id: a\nretry: 1\ndata: \n\n", b"id: b\n" + logs("one"), logs("two")])
    with HandshakeServer() as server:

        def listening(exchange: Exchange) -> Reply:
            part = next(parts, None)
            return stream(part) if part else held(server)(exchange)

        server.on_get = listening
        heard: list[str] = []
        with session(server, on_log=lambda message: heard.append(message.data)) as mcp:
            list(mcp.list_tools())
            wait_for(lambda: server.count("GET") == 4)
            assert heard == ["one", "two"]
            seen = [exchange.headers["Last-Event-ID"] for exchange in server.requests(method="GET")]
            assert seen == [None, "a", "b", "b"]


def pauses(monkeypatch: pytest.MonkeyPatch, most: int, go: threading.Event) -> list[float]:
    """From a signal on, do not pause, note how long it would have been, and close the wire at last."""
    waited: list[float] = []

    def sleep(self: wire.Wire, seconds: float) -> None:
        assert go.wait(SOON)
        waited.append(seconds)
        if len(waited) == most:
            self._closed.set()

    monkeypatch.setattr(wire.Wire, "sleep", sleep)
    return waited


def test_a_server_that_says_nothing_again_and_again_is_listened_to_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    waited = pauses(monkeypatch, 200, go)
    with HandshakeServer() as server:
        server.on_get = lambda exchange: stream(b": nothing\n\n")
        mcp = session(server, on_log=print)
        list(mcp.list_tools())
        go.set()
        wait_for(lambda: len(waited) == 200)
        assert waited[:6] == [2, 4, 8, 16, 32, 60]
        assert set(waited[6:]) == {streamable.MOST_PAUSE}
        wait_for(lambda: "mcp-oauth-sync listener" not in threads())
        mcp.close()


def test_the_server_says_how_long_to_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    waited = pauses(monkeypatch, 10, go)
    with HandshakeServer() as server:
        server.on_get = lambda exchange: stream(b"retry: 250\n\n")
        mcp = session(server, on_log=print)
        list(mcp.list_tools())
        go.set()
        wait_for(lambda: len(waited) == 10)
        assert waited == [0.25] * 10
        mcp.close()


def test_a_server_that_says_something_is_listened_to_soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    waited = pauses(monkeypatch, 5, go)
    with HandshakeServer() as server:
        server.on_get = lambda exchange: stream(logs("x"))
        mcp = session(server, on_log=lambda message: None)
        list(mcp.list_tools())
        go.set()
        wait_for(lambda: len(waited) == 5)
        assert waited == [streamable.PAUSE] * 5
        mcp.close()


def test_a_server_that_is_gone_is_listened_to_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    waited = pauses(monkeypatch, 1000, go)
    server = HandshakeServer()
    with server:
        server.on_get = held(server)
        mcp = session(server, on_log=print)
        list(mcp.list_tools())
    go.set()
    wait_for(lambda: "mcp-oauth-sync listener" not in threads())
    mcp.close()
    assert len(waited) == 1 + streamable.MAX_RESUMES


def test_a_new_session_is_listened_to_as_well() -> None:
    with HandshakeServer() as server:
        server.on_get = held(server)
        with session(server, on_log=print) as mcp:
            list(mcp.list_tools())
            server.alive.clear()
            list(mcp.list_tools())
            listening = [exchange.headers["Mcp-Session-Id"] for exchange in server.requests(method="GET")]
            assert listening == ["session-1", "session-2"]
        wait_for(lambda: not threads())


# The end


def test_closing_ends_listening_on_the_session_of_a_caller_as_well() -> None:
    with HandshakeServer() as server, requests.Session() as own:
        server.on_get = held(server)
        with session(server, session=own, on_log=print) as mcp:
            list(mcp.list_tools())
        wait_for(lambda: not threads())


def test_nobody_is_asked_to_sign_in_to_listen() -> None:
    with HandshakeServer() as server, Scene(upstream=server.mcp_url) as scene:
        protected = scene.mcp.answer
        refused: list[str] = []

        def picky(exchange: Exchange) -> Reply:
            if exchange.method != "GET" or exchange.path != "/mcp":
                return protected(exchange)
            refused.append(exchange.method)
            return Reply(401, [("WWW-Authenticate", f'Bearer resource_metadata="{scene.mcp.prm_url}"')])

        scene.mcp.answer = picky  # type: ignore[method-assign]
        with MCPSession(scene.url, auth=scene.oauth(), timeout=10, on_log=print, version="2025-11-25") as mcp:
            assert mcp.call_tool("echo").text == "hi"
            assert refused == ["GET"]
            assert len(scene.shown) == 1


# The person's time


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Iterator[HandshakeServer]:
    """A server whose tool asks outside of the call, and answers when it has the answer."""
    with HandshakeServer() as server:
        questions = threading.Event()

        def listening(exchange: Exchange) -> Reply:
            def pieces() -> Iterator[bytes]:
                for _ in server.forever(beat=b": \n\n"):
                    if questions.is_set():
                        break
                yield asks()
                yield from server.forever()

            return stream(b": here\n\n", then=pieces())

        def call(message: dict[str, Any]) -> Reply:
            def pieces() -> Iterator[bytes]:
                questions.set()
                for _ in server.forever(beat=b"x"):
                    if server.answers:
                        yield event(result(message, said(server.answers[0]["result"]["action"])))
                        return

            return stream(b": here\n\n", then=pieces())

        server.on_get = listening
        server.script["tools_call"] = call
        yield server


def test_a_person_who_is_asked_outside_of_a_call_may_take_longer_than_it(asking: HandshakeServer) -> None:
    slow = threading.Event()
    with session(asking, elicit=lambda question: slow.wait(2.5) or {}) as mcp:
        list(mcp.list_tools())
        assert mcp.call_tool("echo", timeout=2).text == "accept"
        assert "notifications/cancelled" not in asking.methods


def test_a_call_that_nobody_is_asked_about_ends_in_time_while_somebody_listens(asking: HandshakeServer) -> None:
    with session(asking, elicit=lambda question: {}) as mcp:
        list(mcp.list_tools())
        asking.script["prompts_get"] = lambda m: stream(b": here\n\n", then=asking.forever())
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            mcp.get_prompt("p", timeout=0.2)
        asking.script["prompts_get"] = lambda m: stream(b": here\n\n", then=asking.forever(beat=b": \n\n"))
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            mcp.get_prompt("p", timeout=0.2)
        assert asking.count("notifications/cancelled") == 2
        assert mcp._wire._watch is not None
        assert len(mcp._wire._watch._waits) == 1  # what is listened to


def test_a_person_who_is_asked_outside_of_calls_may_be_asked_until_the_session_closes(asking: HandshakeServer) -> None:
    asked, answer = threading.Event(), threading.Event()

    def ask(question: object) -> dict[str, Any]:
        asked.set()
        answer.wait(SOON)
        return {}

    mcp = session(asking, elicit=ask)
    list(mcp.list_tools())
    failures: list[BaseException] = []

    def call() -> None:
        try:
            mcp.call_tool("echo")
        except MCPError as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    assert asked.wait(SOON)
    mcp.close()
    thread.join(SOON)
    assert "was closed" in str(failures[0])
    answer.set()
    wait_for(lambda: not threads())
