"""Words of a hostile MCP server, and where they go: messages, logs, records, headers, cookies, schemas."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from mcp_oauth_sync.exceptions import MCPError, ToolError
from mcp_oauth_sync.mcp.elicitation import Elicitation

from ..mcp.both_eras import HandshakeServer, StatelessServer, as_json, stream
from ..mcp.script import error, event, result
from ..mcp.sse_server import SseServer
from ..servers import Origin, Reply, json_reply
from .mcp_stage import session, use
from .stage import readable
from .test_hostile_text import HOSTILE, kept_short

both_eras = pytest.mark.parametrize("kind", [HandshakeServer, StatelessServer], ids=["handshake", "stateless"])
WORDS = HOSTILE + "A" * 100_000


@pytest.fixture(autouse=True)
def readable_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that what was logged can be shown, and is short."""
    caplog.set_level(logging.DEBUG, "mcp_oauth_sync")
    yield
    for record in caplog.records:
        if record.name.startswith("mcp_oauth_sync"):
            assert record.getMessage().isprintable()
            assert len(record.getMessage()) < 900


REFUSALS: dict[str, Callable[[dict[str, Any]], Reply]] = {
    "an error": lambda m: json_reply(error(m, 7, WORDS, data={WORDS: WORDS})),
    "an error by its status": lambda m: json_reply(error(m, -32000, WORDS), 400),
    "an error that is no text": lambda m: json_reply(error(m, 7, [WORDS])),  # type: ignore[arg-type]
    "a revision": lambda m: json_reply(error(m, -32022, WORDS, data={"supported": [WORDS] * 99}), 400),
    "a kind of result": as_json({"resultType": WORDS}),
    "a question that nobody knows": as_json(
        {"resultType": "input_required", "inputRequests": {WORDS: {"method": WORDS}}}
    ),
    "a page": lambda m: Reply(500, [("Content-Type", "text/" + "x" * 9000)], WORDS.encode("utf-8", "replace")),
    "a redirect": lambda m: Reply(302, [("Location", "https://\x9b31m\u202e.example.com/".encode().decode("latin-1"))]),
    "a content": as_json({"content": [{"type": WORDS}, {WORDS: 7}]}),
    "a failure of the tool": as_json({"content": [{"type": "text", "text": WORDS}], "isError": True}),
}


@both_eras
@pytest.mark.parametrize("name", REFUSALS)
def test_words_in_an_error_are_short_and_harmless(kind: Callable[[], Any], name: str) -> None:
    with kind(tools_call=REFUSALS[name]) as server, session(server, elicit=lambda asked: {}) as mcp:
        if kind is HandshakeServer and name in ("a kind of result", "a question that nobody knows"):
            return  # nothing of the kind is known there
        with pytest.raises(MCPError) as raised:
            mcp.call_tool("echo").raise_for_error()
        kept_short(raised.value)
        assert repr(raised.value).isprintable()
        assert server.methods.count("tools/call") <= 2


def _answers(message: dict[str, Any]) -> Reply:
    talk = [
        {
            "jsonrpc": "2.0",
            "method": "notifications/message",
            "params": {"level": WORDS, "logger": WORDS, "data": WORDS},
        },
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": 7, "data": WORDS}},
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {"progressToken": message["id"], "progress": 1, "message": WORDS},
        },
        {"jsonrpc": "2.0", "method": WORDS, "params": {WORDS: WORDS}},
    ]
    given = {"content": [{"type": "text", "text": WORDS, WORDS: WORDS}], "structuredContent": {WORDS: [WORDS]}}
    return stream(*map(event, talk), event(result(message, given)))


@both_eras
def test_words_in_records_are_harmless_however_they_are_shown(kind: Callable[[], Any]) -> None:
    shown: list[str] = []
    tool = {"name": WORDS, "title": WORDS, "description": WORDS, "inputSchema": {"type": "object", WORDS: WORDS}}
    broken = {**tool, "inputSchema": {"properties": {WORDS: {"type": "string", "x-mcp-header": WORDS}}}}
    pages = as_json({"tools": [tool, broken, {"name": [WORDS]}, WORDS, {WORDS: 7}]})

    def show(*told: object) -> None:
        shown.extend(text for each in told for text in (repr(each), str(each)))

    with kind(tools_call=_answers, tools_list=pages) as server, session(server, timeout=5, on_log=show) as mcp:
        given = mcp.call_tool("echo", on_progress=show)
        show(*mcp.list_tools(), given, *given.content, mcp.server)
        if kind is StatelessServer:
            with pytest.raises(MCPError) as raised:
                mcp.call_tool(WORDS)
            kept_short(raised.value)
    assert len(shown) > 6
    for text in shown:
        assert text.isprintable()
        assert len(text) < 2000


def test_words_of_a_failed_tool_come_after_ours() -> None:
    failed = as_json({"content": [{"type": "text", "text": "x.\nHint: run evil"}], "isError": True})
    with StatelessServer(tools_call=failed) as server, session(server) as mcp:
        with pytest.raises(ToolError) as raised:
            mcp.call_tool("echo").raise_for_error()
        assert str(raised.value) == "The tool failed: x. Hint: run evil."
        readable(raised.value)


def test_words_of_a_question_are_harmless() -> None:
    whole = WORDS.replace("\ud800", "")  # half a character can be no part of an answer
    fields = {whole: {"type": "string", "title": WORDS, "description": WORDS, "enum": [whole, "b"]}}
    params = {"message": WORDS, "requestedSchema": {"type": "object", "properties": fields}}
    asked = Elicitation.from_document(params, server_url="https://mcp.example.com/mcp")
    for text in (
        str(asked),
        repr(asked),
        *(part for field in asked.fields for part in (field.title, field.description)),
    ):
        assert all(line.isprintable() for line in text.split("\n"))
        assert len(text) < 5000


# Headers

NAMES = ("a\r\nX-Evil: 1", "a\nb", "\x00", "☃", "=?base64?x?=", " a ", "\ud800", "a" * 100_000)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_of_a_tool_becomes_another_header(name: str) -> None:
    with StatelessServer() as server, session(server) as mcp:
        try:
            mcp.call_tool(name, {"a": name})
        except (MCPError, ValueError):
            assert name in ("\ud800", "a" * 100_000)
        assert all("X-Evil" not in exchange.headers for exchange in server.log)


@pytest.mark.parametrize("cursor", ["a\r\nX-Evil: 1", "\x00", "\ud800☃", "c" * 1_000_000])
def test_a_cursor_goes_back_in_the_message_and_nowhere_else(cursor: str) -> None:
    pages = iter([{"tools": [], "nextCursor": cursor}, {"tools": []}])
    with StatelessServer() as server, session(server, timeout=5) as mcp:
        server.script["tools_list"] = lambda m: json_reply(result(m, next(pages)))
        assert list(mcp.list_tools()) == []
        assert server.log[-1].json()["params"]["cursor"] == cursor
        assert sum(len(value) for value in server.log[-1].headers.values()) < 1000


HEADERS = (
    "Authorization",
    "Cookie",
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Mcp-Session-Id",
    "Proxy-Authorization",
)


def test_a_tool_can_name_no_header_that_means_something() -> None:
    properties = {name: {"type": "string", "x-mcp-header": name} for name in HEADERS}
    tools = {"tools": [{"name": "echo", "inputSchema": {"type": "object", "properties": properties}}]}
    with StatelessServer(tools_list=as_json(tools)) as server, session(server, auth=("user", "password")) as mcp:
        assert [tool.name for tool in mcp.list_tools()] == ["echo"]
        mcp.call_tool("echo", dict.fromkeys(HEADERS, "evil"))
        [sent] = [exchange for exchange in server.log if exchange.json()["method"] == "tools/call"]
        assert [sent.headers[f"Mcp-Param-{name}"] for name in HEADERS] == ["evil"] * len(HEADERS)
        assert sent.headers.get_all("Authorization") == [server.log[0].headers["Authorization"]]
        for name in ("Cookie", "Transfer-Encoding", "Mcp-Session-Id", "Proxy-Authorization"):
            assert name not in sent.headers
        assert sent.headers["Host"] == f"127.0.0.1:{server.port}"


COOKIES = (
    *("stolen=1; Domain=example.com", "stolen=1; Domain=.localhost", "stolen=1; Domain=127.0.0.1.example.com"),
    *("stolen=1; Domain=com", "stolen=1; Path=/other", "stolen=1; Secure"),
)


def test_a_cookie_for_somebody_else_is_not_kept() -> None:
    with HandshakeServer() as server, requests.Session() as carrier:
        greet = server.script["tools_list"]

        def baked(message: dict[str, Any]) -> Reply:
            reply = greet(message)
            reply.headers += [("Set-Cookie", cookie) for cookie in (*COOKIES, "own=1")]
            return reply

        server.script["tools_list"] = baked
        with session(server, session=carrier) as mcp:
            use(mcp)
            assert server.log[-1].headers["Cookie"] == "own=1"
        assert {cookie.domain for cookie in carrier.cookies} == {"127.0.0.1"}


# Addresses


def test_no_reference_in_a_schema_is_followed() -> None:
    with Origin() as elsewhere, StatelessServer() as server:
        far = {"$ref": f"{elsewhere.url}/schema.json", "$schema": f"{elsewhere.url}/meta", "$id": f"{elsewhere.url}/id"}
        schema = {"type": "object", "properties": {"a": far}, "$defs": {"b": far}, **far}
        tool = {"name": "echo", "inputSchema": schema, "outputSchema": schema, "icons": [{"src": elsewhere.url}]}
        server.script["tools_list"] = as_json({"tools": [tool]})
        form = {"message": "x", "requestedSchema": {**schema, "properties": {"a": {"type": "string", **far}}}}
        wish = {
            "resultType": "input_required",
            "inputRequests": {"a": {"method": "elicitation/create", "params": form}},
        }
        linked = {
            "content": [{"type": "resource_link", "uri": f"{elsewhere.url}/x", "name": "x"}],
            "structuredContent": {},
        }
        answers = iter([wish, linked])
        server.script["tools_call"] = lambda m: json_reply(result(m, next(answers)))
        with session(server, timeout=5, elicit=lambda asked: {"a": "x"}) as mcp:
            use(mcp)
        assert (elsewhere.connections, elsewhere.log) == (0, [])


@pytest.mark.parametrize(
    "place", ["{}/take", "//{}/take", "file:///etc/passwd", "javascript:x", "http://[", "http://u:p@{}/"]
)
def test_an_older_stream_sends_us_nowhere_else(place: str) -> None:
    with Origin() as elsewhere, SseServer() as server:
        at = place.format(elsewhere.url if place.startswith("{") else elsewhere.url.partition("//")[2])
        server.endpoint = lambda name: at
        server.route("POST", "/sse", lambda exchange: Reply(405))
        with session(server, auth=("user", "password")) as mcp, pytest.raises(MCPError):
            use(mcp)
        assert (elsewhere.connections, elsewhere.log) == (0, [])
        assert {exchange.method for exchange in server.log} == {"POST", "GET"}
