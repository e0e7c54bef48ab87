"""The few MCP calls the command line makes: JSON and event streams, both eras, pages, and every way to fail."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import answers
from mcp_oauth_sync.mcp.calls import MCPCalls
from tests.servers import Reply, cut, delay, hang, html, json_reply, reset

from .script import EVENTS, HELLO, Answer, ScriptedMcp, error, event, listing, result


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


def names(calls: MCPCalls) -> list[str]:
    return [tool["name"] for tool in calls.list_tools()]


def as_json(*tools: str) -> Answer:
    return lambda message: json_reply(result(message, listing(*tools)))


def as_events(*pieces: bytes, **more: Any) -> Answer:
    """Answer with these bytes, then the result as an event."""

    def answer(message: dict[str, Any]) -> Reply:
        whole = [*pieces, event(result(message, listing("echo")), **more)]
        return Reply(200, EVENTS, chunks=iter(whole))

    return answer


# The two eras


def test_a_server_with_a_handshake_is_greeted_once_and_told_the_revision_agreed_on(session: requests.Session) -> None:
    agreed = {**HELLO, "protocolVersion": "2025-06-18"}
    with ScriptedMcp(initialize=lambda m: json_reply(result(m, agreed)), tools_list=as_json("echo")) as server:
        calls = MCPCalls(server.mcp_url, session)
        assert names(calls) == names(calls) == ["echo"]
        assert server.methods == ["initialize", "notifications/initialized", "tools/list", "tools/list"]
        assert server.asked("initialize").json()["params"]["protocolVersion"] == "2025-11-25"
        assert "MCP-Protocol-Version" not in server.asked("initialize").headers
        assert {x.headers["MCP-Protocol-Version"] for x in server.log[1:]} == {"2025-06-18"}
        assert {x.headers["Accept"] for x in server.log} == {"application/json, text/event-stream"}
        assert "_meta" not in server.log[-1].json()["params"]


@pytest.mark.parametrize("code", [-32601, -32022, -32020])
def test_a_server_without_a_handshake_is_spoken_to_without_one(session: requests.Session, code: int) -> None:
    def refuse(message: dict[str, Any]) -> Reply:
        return json_reply(error(message, code, "no such method"), 400)

    with ScriptedMcp(initialize=refuse, tools_list=as_json("echo"), tools_call=as_json("x")) as server:
        calls = MCPCalls(server.mcp_url, session)
        assert names(calls) == ["echo"]
        calls.call_tool("echo", {"text": "hi"})
        assert server.methods == ["initialize", "tools/list", "tools/call"]
        listed, called = server.log[1:]
        about = called.json()["params"]["_meta"]
        assert about["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        assert about["io.modelcontextprotocol/clientInfo"]["name"] == "mcp-oauth-sync"
        assert about["io.modelcontextprotocol/clientCapabilities"] == {}
        assert {x.headers["MCP-Protocol-Version"] for x in (listed, called)} == {"2026-07-28"}
        assert [x.headers["Mcp-Method"] for x in (listed, called)] == ["tools/list", "tools/call"]
        assert [x.headers["Mcp-Name"] for x in (listed, called)] == [None, "echo"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("échø", "=?base64?w6ljaMO4?="),
        ("a\r\nX-Evil: b", "=?base64?YQ0KWC1FdmlsOiBi?="),
        ("=?x?=", "=?base64?PT94Pz0=?="),
    ],
)
def test_a_tool_name_that_no_header_can_carry_is_wrapped(session: requests.Session, name: str, header: str) -> None:
    def refuse(message: dict[str, Any]) -> Reply:
        return json_reply(error(message, -32601, "no such method"))

    with ScriptedMcp(initialize=refuse, tools_call=as_json("x")) as server:
        MCPCalls(server.mcp_url, session).call_tool(name, {})
        called = server.asked("tools/call")
        assert called.headers["Mcp-Name"] == header
        assert "X-Evil" not in called.headers
        assert called.json()["params"]["name"] == name


def test_another_refusal_of_the_handshake_is_an_error_and_nothing_more_is_sent(session: requests.Session) -> None:
    def refuse(message: dict[str, Any]) -> Reply:
        return json_reply(error(message, -32602, "bad client"))

    with ScriptedMcp(initialize=refuse) as server:
        with pytest.raises(MCPError, match="bad client") as caught:
            MCPCalls(server.mcp_url, session).list_tools()
        assert caught.value.code == -32602
        assert server.methods == ["initialize"]


@pytest.mark.parametrize("version", [None, 7, "2025-11-25\r\nX-Evil: yes", "latest", ""])
def test_a_revision_that_is_no_date_reaches_no_header(session: requests.Session, version: object) -> None:
    odd = {**HELLO, "protocolVersion": version}
    with ScriptedMcp(initialize=lambda m: json_reply(result(m, odd)), tools_list=as_json("echo")) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]
        assert server.asked("tools/list").headers["MCP-Protocol-Version"] == "2025-11-25"
        assert "X-Evil" not in server.asked("tools/list").headers


def test_the_session_id_of_the_handshake_goes_along_from_then_on(session: requests.Session) -> None:
    def hello(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, HELLO), headers=[("Mcp-Session-Id", "session-1")])

    with ScriptedMcp(initialize=hello, tools_list=as_json("echo")) as server:
        MCPCalls(server.mcp_url, session).list_tools()
        assert [x.headers["Mcp-Session-Id"] for x in server.log] == [None, "session-1", "session-1"]


# Answers


def test_json_answers_share_one_connection(session: requests.Session) -> None:
    with ScriptedMcp(tools_list=as_json("echo")) as server:
        calls = MCPCalls(server.mcp_url, session)
        assert names(calls) == names(calls) == ["echo"]
        assert server.connections == 1


def test_a_gzipped_answer_is_read(session: requests.Session) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        fields = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
        return Reply(200, fields, gzip.compress(json.dumps(result(message, listing("écho"))).encode()))

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["écho"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_an_answer_is_found_among_the_events_of_a_stream(session: requests.Session, newline: str) -> None:
    before = [
        b": a comment\n\n",
        event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}, newline=newline),
        event({"jsonrpc": "2.0", "id": 9999, "result": {"tools": [{"name": "of somebody else"}]}}, newline=newline),
        event({"jsonrpc": "2.0", "id": "ask", "method": "ping"}, newline=newline),
        b"data: no json\n\nid: 7\nretry: 10\n\n",
    ]
    with ScriptedMcp(tools_list=as_events(*before, newline=newline)) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_an_event_that_arrives_byte_by_byte_is_the_same_event(session: requests.Session, newline: str) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        whole = "\ufeff".encode() + event(result(message, listing("écho\u2028x")), newline=newline)
        return Reply(200, EVENTS, chunks=(whole[i : i + 1] for i in range(len(whole))))

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["écho\u2028x"]


def test_the_answer_is_taken_before_the_stream_ends(session: requests.Session) -> None:
    """The server sends its answer and then keeps the stream open until the client has gone on."""

    def answer(message: dict[str, Any]) -> Reply:
        def events() -> Iterator[bytes]:
            yield event(result(message, listing("echo")))
            yield from server.endless(b": still here\n\n")

        return Reply(200, EVENTS, chunks=events())

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]
        assert not server.release.is_set()


def test_the_answer_is_taken_before_a_stream_without_chunks_ends(session: requests.Session) -> None:
    """As HTTP/1.0 servers and some proxies send it: short events, and only the end of the connection ends it."""

    def answer(message: dict[str, Any]) -> Reply:
        def events() -> Iterator[bytes]:
            yield event(result(message, listing("echo")))
            server.release.wait(10)

        fields = [*EVENTS, ("Content-Length", "100000"), ("Connection", "close")]
        return Reply(200, fields, chunks=events())

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]
        server.release.set()


def test_a_last_event_without_its_empty_line_counts(session: requests.Session) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        return Reply(200, EVENTS, event(result(message, listing("echo"))).rstrip())

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]


def test_an_answer_in_a_batch_is_found(session: requests.Session) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        return json_reply([{"jsonrpc": "2.0", "method": "x"}, 7, result(message, listing("echo"))])

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]


# Pages


def test_every_page_of_the_tools_is_fetched(session: requests.Session) -> None:
    pages = {None: listing("a", "b", cursor="2"), "2": listing("c", cursor="3"), "3": listing("d")}

    def answer(message: dict[str, Any]) -> Reply:
        return json_reply(result(message, pages[message["params"].get("cursor")]))

    with ScriptedMcp(tools_list=answer) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["a", "b", "c", "d"]
        assert server.methods.count("tools/list") == 3


def test_pages_that_go_round_in_a_circle_are_an_error(session: requests.Session) -> None:
    following = {None: "1", "1": "2", "2": "1"}

    def answer(message: dict[str, Any]) -> Reply:
        cursor = following[message["params"].get("cursor")]
        return json_reply(result(message, listing("a", cursor=cursor)))

    with ScriptedMcp(tools_list=answer) as server:
        with pytest.raises(MCPError, match="no end"):
            MCPCalls(server.mcp_url, session).list_tools()
        assert server.methods.count("tools/list") == 3


@pytest.mark.parametrize("value", [{}, {"tools": None}, {"tools": "x"}, {"tools": [1, None]}, {"nextCursor": 7}, []])
def test_a_list_that_is_no_list_holds_no_tools(session: requests.Session, value: object) -> None:
    with ScriptedMcp(tools_list=lambda message: json_reply(result(message, value))) as server:
        assert MCPCalls(server.mcp_url, session).list_tools() == []


# Failures


def test_an_error_is_typed_and_carries_what_the_server_added(session: requests.Session) -> None:
    def refuse(message: dict[str, Any]) -> Reply:
        return json_reply(error(message, -32042, "No \x1b[31mwriting\x1b[0m\ntoday.", data={"why": "Sunday"}))

    with ScriptedMcp(tools_call=refuse) as server:
        with pytest.raises(MCPError) as caught:
            MCPCalls(server.mcp_url, session).call_tool("write", {})
        assert caught.value.message == "The server answered: No [31mwriting [0m today."
        assert (caught.value.code, caught.value.data) == (-32042, {"why": "Sunday"})


def test_an_error_without_an_id_is_about_the_request(session: requests.Session) -> None:
    def refuse(message: dict[str, Any]) -> Reply:
        return json_reply({**error(message, -32600, "Not you"), "id": None}, 400)

    with ScriptedMcp(tools_list=refuse) as server, pytest.raises(MCPError, match="Not you") as caught:
        MCPCalls(server.mcp_url, session).list_tools()
    assert caught.value.code == -32600


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (html(502), r"did not answer initialize: HTTP 502 Bad Gateway, text/html\."),
        (html(200), r"did not answer initialize: HTTP 200 OK, text/html\."),
        (reset(), r"cannot be reached: the connection failed \(ConnectionError\)\."),
        (cut(5), r"broke off \(ProtocolError\)\."),
    ],
    ids=["HTML 502", "HTML 200", "reset", "cut short"],
)
def test_what_is_no_answer_is_an_error_that_says_what_came(session: requests.Session, fault: Any, said: str) -> None:
    with ScriptedMcp() as server:
        server.fault("/mcp", fault)
        with pytest.raises(MCPError, match=said) as caught:
            MCPCalls(server.mcp_url, session).list_tools()
        assert caught.value.code is None
        assert caught.value.hint
        assert "Blocked" not in str(caught.value)


def test_a_server_that_is_not_there_is_a_typed_error(session: requests.Session) -> None:
    with ScriptedMcp() as server:
        url = server.mcp_url
    with pytest.raises(MCPError, match=r"^http://127\.0\.0\.1:\d+/mcp cannot be reached: the connection failed"):
        MCPCalls(f"{url}?key=secret", session).list_tools()


def test_a_server_that_never_answers_is_given_up_after_the_timeout(session: requests.Session) -> None:
    with ScriptedMcp() as server:
        server.fault("/mcp", hang())
        with pytest.raises(MCPError, match="no answer within the timeout"):
            MCPCalls(server.mcp_url, session, timeout=0.1).list_tools()


def test_a_body_that_stops_in_the_middle_is_given_up_after_the_timeout(session: requests.Session) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        def pieces() -> Iterator[bytes]:
            yield b"{"
            server.release.wait(10)

        return Reply(200, [("Content-Type", "application/json")], chunks=pieces())

    with ScriptedMcp(tools_list=answer) as server:
        with pytest.raises(MCPError, match=r"no complete answer within 0\.1 seconds"):
            MCPCalls(server.mcp_url, session, timeout=0.1).list_tools()
        server.release.set()


@pytest.mark.parametrize(
    ("kind", "piece"),
    [("text/event-stream", b": still here\n\n"), ("text/event-stream", b"data: x\n"), ("application/json", b" ")],
    ids=["comments", "one event", "JSON"],
)
def test_a_stream_that_never_brings_the_answer_is_given_up_after_the_timeout(
    session: requests.Session, kind: str, piece: bytes
) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        return Reply(200, [("Content-Type", kind)], chunks=server.endless(piece))

    with ScriptedMcp(tools_list=answer) as server:
        with pytest.raises(MCPError, match=r"no complete answer within 0\.2 seconds"):
            MCPCalls(server.mcp_url, session, timeout=0.2).list_tools()
        assert not server.release.is_set()


@pytest.mark.parametrize(
    ("kind", "piece"),
    [
        ("text/event-stream", b"x" * 400),
        ("text/event-stream", b"data: xxxxxxxxxxxxx\n"),
        ("application/json", b" " * 99),
    ],
    ids=["one line", "one event", "JSON"],
)
def test_a_message_without_end_is_not_kept_in_memory(
    session: requests.Session, kind: str, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_MESSAGE", 1000)

    def answer(message: dict[str, Any]) -> Reply:
        return Reply(200, [("Content-Type", kind)], chunks=server.endless(piece))

    with ScriptedMcp(tools_list=answer) as server, pytest.raises(MCPError, match="larger than 1000 bytes"):
        MCPCalls(server.mcp_url, session).list_tools()


def test_a_notification_answered_with_a_stream_holds_nobody_up(session: requests.Session) -> None:
    def answer(message: dict[str, Any]) -> Reply:
        return Reply(200, EVENTS, chunks=server.endless(b": hello\n\n"))

    with ScriptedMcp(notifications_initialized=answer, tools_list=as_json("echo")) as server:
        assert names(MCPCalls(server.mcp_url, session)) == ["echo"]


def test_a_failed_handshake_is_tried_again_by_the_next_call(session: requests.Session) -> None:
    with ScriptedMcp(tools_list=as_json("echo")) as server:
        server.fault("/mcp", delay(0), html(503), times=1)
        calls = MCPCalls(server.mcp_url, session)
        with pytest.raises(MCPError, match="HTTP 503"):
            calls.list_tools()
        assert names(calls) == ["echo"]
