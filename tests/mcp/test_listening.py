"""Hearing of changes: until the server ends it, the session is closed, or the connection breaks."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp import BrokenOff, Notification, channel
from tests.servers import Exchange, Reply, html_reply, json_reply

from .script import EVENTS, HELLO, META, ScriptedMcp, StatelessMcp, answering, event, listing, refusing, result, talk
from .script import said as notification

TOOLS, UPDATED = "notifications/tools/list_changed", "notifications/resources/updated"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Telling:
    """A stream that says what the test lets it say; `None` ends it, an exception breaks it."""

    def __init__(self) -> None:
        self.lines: queue.Queue[bytes | Exception | None] = queue.Queue()

    def tell(self, *documents: dict[str, Any]) -> None:
        for document in documents:
            self.lines.put(event(document))

    def end(self) -> None:
        self.lines.put(None)

    def reply(self) -> Reply:
        return Reply(200, EVENTS, chunks=self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        while (line := self.lines.get(timeout=20)) is not None:
            if isinstance(line, Exception):
                raise line
            yield line


class Subscriptions(StatelessMcp):
    """Acknowledges what is wanted, or what it is told to, and then tells what the test lets it tell."""

    def __init__(self, agreed: dict[str, Any] | None = None, **script: Any) -> None:
        super().__init__(subscriptions_listen=self.listen, **script)
        self.agreed = agreed
        self.streams: list[Telling] = []
        self.number: Any = None

    @property
    def stream(self) -> Telling:
        """The stream that was opened last."""
        return self.streams[-1]

    def about(self, method: str, **params: Any) -> dict[str, Any]:
        """Return a notification of the subscription."""
        return notification(method, _meta={f"{META}subscriptionId": self.number}, **params)

    def done(self) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": self.number, "result": {"resultType": "complete"}}

    def listen(self, message: dict[str, Any]) -> Reply:
        self.number = message["id"]
        wanted = message["params"]["notifications"] if self.agreed is None else self.agreed
        self.streams.append(Telling())
        self.stream.tell(self.about(ACKNOWLEDGED, notifications=wanted))
        return self.stream.reply()

    def stop(self) -> None:
        for stream in self.streams:
            stream.end()
        super().stop()


def heard(changes: Iterator[Notification]) -> list[tuple[str, str | None]]:
    return [(change.method, change.uri) for change in changes]


# Subscriptions


def test_what_is_wanted_is_said_and_what_changes_is_heard_until_the_server_is_done() -> None:
    with Subscriptions() as server:
        mcp = talk(server)
        changes = mcp.listen(tools=True, prompts=True, resources=True, uris=["x:1", "x:2"])
        assert server.params("subscriptions/listen") == [
            {
                "notifications": {
                    "toolsListChanged": True,
                    "promptsListChanged": True,
                    "resourcesListChanged": True,
                    "resourceSubscriptions": ["x:1", "x:2"],
                }
            }
        ]
        server.stream.tell(server.about(TOOLS))
        first = next(changes)
        assert (first.method, first.uri, first.raw["jsonrpc"]) == (TOOLS, None, "2.0")
        server.stream.tell(
            server.about("notifications/prompts/list_changed"),
            server.about("notifications/resources/list_changed"),
            server.about(UPDATED, uri="x:1/part"),
            server.done(),
        )
        assert heard(changes) == [
            ("notifications/prompts/list_changed", None),
            ("notifications/resources/list_changed", None),
            (UPDATED, "x:1/part"),
        ]
        assert list(changes) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"tools": True}, {"toolsListChanged": True}),
        ({"uris": ["x:1"]}, {"resourceSubscriptions": ["x:1"]}),
        ({"uris": "x:1"}, {"resourceSubscriptions": ["x:1"]}),
        ({"uris": iter(["x:1"]), "prompts": True}, {"promptsListChanged": True, "resourceSubscriptions": ["x:1"]}),
    ],
    ids=["tools", "a list", "a text", "an iterator"],
)
def test_only_what_is_wanted_is_said(wanted: dict[str, Any], said: dict[str, Any]) -> None:
    with Subscriptions() as server, talk(server) as mcp:
        mcp.listen(**wanted)
        assert server.params("subscriptions/listen") == [{"notifications": said}]


@pytest.mark.parametrize("era", [ScriptedMcp, StatelessMcp])
@pytest.mark.parametrize("wanted", [{}, {"tools": False, "uris": []}])
def test_to_want_nothing_is_an_error(era: type[ScriptedMcp], wanted: dict[str, Any]) -> None:
    with era() as server:
        with pytest.raises(ValueError, match="what to listen to"):
            talk(server).listen(**wanted)
        assert server.log == []


def test_what_was_not_asked_for_and_what_is_about_others_is_passed_over() -> None:
    with Subscriptions() as server, talk(server) as mcp:
        changes = mcp.listen(uris=["x:1"])
        server.stream.tell(
            server.about(TOOLS),
            server.about(ACKNOWLEDGED, notifications={}),
            notification(UPDATED, _meta={f"{META}subscriptionId": 999}, uri="x:3"),
            notification("notifications/cancelled", requestId=999),
            {"jsonrpc": "2.0", "id": 999, "result": {}},
            {"jsonrpc": "2.0", "id": "q", "method": "ping"},
            {"jsonrpc": "2.0", "method": UPDATED, "params": ["x"]},
            notification(UPDATED, uri="x:1"),  # says nothing of a subscription
            notification(UPDATED, _meta={f"{META}subscriptionId": str(server.number)}, uri="x:2"),
            server.done(),
        )
        assert heard(changes) == [(UPDATED, None), (UPDATED, "x:1"), (UPDATED, "x:2")]
        assert server.replies == []


def test_what_the_server_does_not_tell_is_said_in_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with Subscriptions({"toolsListChanged": True}) as server, talk(server) as mcp:
        changes = mcp.listen(tools=True, prompts=True, uris=["x:1"])
        server.stream.tell(server.about(TOOLS), server.done())
        assert heard(changes) == [(TOOLS, None)]
    [warned] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned.endswith(f"does not tell of: notifications/prompts/list_changed, {UPDATED}")


@pytest.mark.parametrize("agreed", [{}, {"toolsListChanged": False}, {"promptsListChanged": True}])
def test_a_server_that_tells_nothing_of_it_is_an_error(agreed: dict[str, Any]) -> None:
    with Subscriptions(agreed) as server, talk(server) as mcp:
        with pytest.raises(MCPError, match="tells of nothing") as caught:
            mcp.listen(tools=True)
        assert not mcp._wire._open
        del caught


def test_a_server_that_knows_no_subscriptions_is_an_error() -> None:
    with StatelessMcp(subscriptions_listen=refusing(-32601, status=404)) as server:
        with pytest.raises(MCPError) as caught:
            talk(server).listen(tools=True)
        assert caught.value.code == -32601
        assert server.methods.count("subscriptions/listen") == 1


def test_a_server_that_ends_it_at_once_told_nothing() -> None:
    with StatelessMcp(subscriptions_listen=answering({"resultType": "complete"})) as server:
        assert list(talk(server).listen(tools=True)) == []


def test_a_server_that_cancels_the_subscription_ends_it() -> None:
    with Subscriptions() as server, talk(server) as mcp:
        changes = mcp.listen(tools=True)
        server.stream.tell(server.about(TOOLS), notification("notifications/cancelled", requestId=server.number))
        assert heard(changes) == [(TOOLS, None)]


def test_a_server_that_ends_it_with_an_error_is_an_error() -> None:
    with Subscriptions() as server, talk(server) as mcp:
        changes = mcp.listen(tools=True)
        server.stream.tell({"jsonrpc": "2.0", "id": server.number, "error": {"code": -32603, "message": "Oh"}})
        with pytest.raises(MCPError, match="Oh") as caught:
            next(changes)
        assert not isinstance(caught.value, BrokenOff)


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_connection_that_ends_without_a_word_is_broken_off_and_can_be_listened_to_again(how: str) -> None:
    with Subscriptions() as server, talk(server) as mcp:
        changes = mcp.listen(tools=True)
        server.stream.tell(server.about(TOOLS))
        assert next(changes).method == TOOLS
        server.stream.lines.put(None if how == "closed" else ConnectionResetError())
        with pytest.raises(BrokenOff):
            next(changes)
        again = mcp.listen(tools=True)
        server.stream.tell(server.about(TOOLS), server.done())
        assert heard(again) == [(TOOLS, None)]
        assert server.methods == ["server/discover", "subscriptions/listen", "subscriptions/listen"]
    server.errors.clear()


def test_silence_and_comments_are_waited_through() -> None:
    with Subscriptions() as server, talk(server, timeout=0.2) as mcp:
        changes = mcp.listen(tools=True)
        for _ in range(5):
            threading.Event().wait(0.1)
            server.stream.lines.put(b":\r\n\r\n")
        server.stream.tell(server.about(TOOLS), server.done())
        assert heard(changes) == [(TOOLS, None)]


def test_a_server_that_does_not_say_that_it_listens_is_given_up() -> None:
    def never(message: dict[str, Any]) -> Reply:
        return Reply(200, EVENTS, chunks=server.endless(b":\n\n"))

    with StatelessMcp(subscriptions_listen=never) as server:
        with pytest.raises(MCPTimeoutError, match=r"0\.1 seconds"):
            talk(server, timeout=0.1).listen(tools=True)
        server.release.set()


def close_soon(mcp: MCPSession) -> threading.Thread:
    closer = threading.Timer(0.1, mcp.close)
    closer.start()
    return closer


def test_closing_the_session_from_another_thread_ends_it() -> None:
    with Subscriptions() as server:
        mcp = talk(server)
        changes = mcp.listen(tools=True)
        closer = close_soon(mcp)
        assert list(changes) == []
        closer.join()


def test_leaving_the_loop_closes_the_connection_which_is_what_cancels() -> None:
    with Subscriptions() as server, talk(server) as mcp:
        changes = mcp.listen(tools=True)
        server.stream.tell(server.about(TOOLS))
        assert next(changes).method == TOOLS
        changes.close()  # type: ignore[attr-defined]
        assert not mcp._wire._open
        unused = mcp.listen(tools=True)
        del unused
        assert not mcp._wire._open
        assert "notifications/cancelled" not in server.methods


def test_calls_go_on_meanwhile_and_what_changed_is_asked_for_again() -> None:
    with Subscriptions(tools_list=answering({**listing("a"), "ttlMs": 60000})) as server, talk(server) as mcp:
        changes = mcp.listen(tools=True)
        for _ in range(3):
            assert [tool.name for tool in mcp.list_tools()] == ["a"]
        assert server.methods.count("tools/list") == 1
        server.stream.tell(server.about(TOOLS))
        assert next(changes).method == TOOLS
        assert [tool.name for tool in mcp.list_tools()] == ["a"]
        assert server.methods.count("tools/list") == 2


def test_two_may_listen_at_once_to_different_things() -> None:
    with Subscriptions() as server, talk(server) as mcp:
        one = mcp.listen(tools=True)
        first_stream, first_number = server.stream, server.number
        two = mcp.listen(uris=["x:1"])
        server.stream.tell(server.about(UPDATED, uri="x:1"), server.done())
        first_stream.tell(
            notification(TOOLS, _meta={f"{META}subscriptionId": first_number}),
            {"jsonrpc": "2.0", "id": first_number, "result": {}},
        )
        assert (heard(one), heard(two)) == ([(TOOLS, None)], [(UPDATED, "x:1")])
        assert first_number != server.number


# Sessions of a handshake


class Speaking(ScriptedMcp):
    """Has sessions, and a stream for what it says of its own accord."""

    def __init__(self, **script: Any) -> None:
        answers = {"ping": answering({}), "resources_subscribe": answering({}), "resources_unsubscribe": answering({})}
        super().__init__(**{"initialize": self.hello, **answers, **script})
        self.stream = Telling()
        self.sessions = 0
        self.opened = threading.Event()
        self.route("GET", "/mcp", self.open)
        self.route("DELETE", "/mcp", lambda exchange: Reply(204))

    def hello(self, message: dict[str, Any]) -> Reply:
        self.sessions += 1
        return json_reply(result(message, HELLO), headers=[("Mcp-Session-Id", f"session-{self.sessions}")])

    def open(self, exchange: Exchange) -> Reply:
        if self.opened.is_set():
            return html_reply("one is enough", 409)
        self.opened.set()
        return self.stream.reply()

    def stop(self) -> None:
        self.stream.end()
        super().stop()


def test_resources_are_subscribed_to_and_heard_on_the_stream_of_the_session() -> None:
    with Speaking() as server, talk(server) as mcp:
        changes = mcp.listen(tools=True, uris=["x:1", "x:2"])
        assert server.params("resources/subscribe") == [{"uri": "x:1"}, {"uri": "x:2"}]
        server.stream.tell(
            notification(UPDATED, uri="x:1"),
            notification("notifications/prompts/list_changed"),
            {"jsonrpc": "2.0", "id": "q", "method": "ping"},
            notification(TOOLS),
        )
        assert (next(changes).uri, next(changes).method) == ("x:1", TOOLS)
        [opened] = server.requests(method="GET")
        assert opened.headers["Accept"] == "text/event-stream"
        assert opened.headers["Mcp-Session-Id"] == "session-1"
        assert [reply["id"] for reply in server.replies] == ["q"]
        changes.close()  # type: ignore[attr-defined]
        assert server.params("resources/unsubscribe") == [{"uri": "x:1"}, {"uri": "x:2"}]
        assert not mcp._wire._open


def test_closing_the_session_ends_that_too() -> None:
    with Speaking() as server:
        mcp = talk(server)
        changes = mcp.listen(tools=True, uris=["x:1"])
        closer = close_soon(mcp)
        assert list(changes) == []
        closer.join()
        assert "resources/unsubscribe" not in server.methods


def test_where_the_session_listens_already_both_hear() -> None:
    with Speaking() as server:
        mcp = talk(server, on_log=print)
        changes = mcp.listen(tools=True, uris=["x:1"])
        other = mcp.listen(tools=True)
        server.stream.tell(notification(TOOLS), notification(UPDATED, uri="x:1"))
        assert (next(changes).method, next(changes).uri) == (TOOLS, "x:1")
        assert next(other).method == TOOLS
        assert len(server.requests(method="GET")) == 1
        closer = close_soon(mcp)
        assert (list(changes), list(other)) == ([], [])
        closer.join()


def test_who_has_stopped_listening_is_forgotten() -> None:
    with Speaking() as server, talk(server, on_log=print) as mcp:
        changes = mcp.listen(tools=True)
        unused = mcp.listen(tools=True)
        assert len(mcp._ears) == 2
        del unused
        server.stream.tell(notification(TOOLS))
        next(changes)
        changes.close()  # type: ignore[attr-defined]
        del changes
        assert mcp._ears == []


def test_a_server_without_such_a_stream_is_an_error() -> None:
    with ScriptedMcp(ping=answering({})) as server, pytest.raises(MCPError, match="says nothing of its own accord"):
        next(talk(server).listen(tools=True))


def test_a_server_that_watches_no_resources_is_an_error() -> None:
    with Speaking(resources_subscribe=refusing(-32601)) as server, talk(server) as mcp, pytest.raises(MCPError):
        mcp.listen(uris=["x:1"])


def test_a_server_that_knows_handshakes_only_by_now_is_understood(nothing_remembered: dict[str, str]) -> None:
    with Speaking(subscriptions_listen=refusing(-32601, status=404)) as server, talk(server) as mcp:
        nothing_remembered[server.mcp_url] = "2026-07-28"
        server.script["server_discover"] = refusing(-32601, status=404)
        changes = mcp.listen(tools=True)
        server.stream.tell(notification(TOOLS))
        assert next(changes).method == TOOLS
        assert server.methods[0] == "subscriptions/listen"
        changes.close()  # type: ignore[attr-defined]


def test_a_lost_session_is_begun_anew_first() -> None:
    with Speaking() as server, talk(server) as mcp:
        mcp.ping()

        def pings(message: dict[str, Any]) -> Reply:
            lost = server.log[-1].headers["Mcp-Session-Id"] == "session-1"
            return json_reply({}, 404) if lost else json_reply(result(message, {}))

        server.script["ping"] = pings
        changes = mcp.listen(tools=True)
        server.stream.tell(notification(TOOLS))
        assert next(changes).method == TOOLS
        assert server.requests(method="GET")[0].headers["Mcp-Session-Id"] == "session-2"
        changes.close()  # type: ignore[attr-defined]


def test_silence_for_longer_than_the_limit_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "IDLE", 0.001)
    heard, said = channel.Heard(), {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}

    def speak() -> None:
        for each in (said, None):
            heard.put(each)

    later = threading.Timer(0.1, speak)
    later.start()
    assert list(channel.all_in(heard)) == [said]
    later.join()
