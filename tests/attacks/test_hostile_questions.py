"""A hostile MCP server that asks: too much, for what nobody should give, for pages that nobody should open."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp import bounds
from mcp_oauth_sync.mcp.elicitation import Elicitation

from ..mcp.both_eras import HandshakeServer, StatelessServer, as_json, said, stream
from ..mcp.script import error, event, result
from ..servers import Origin, Reply, json_reply
from .mcp_stage import QUESTION, session


def asked(number: object, params: Any = QUESTION) -> bytes:
    return event({"jsonrpc": "2.0", "id": number, "method": "elicitation/create", "params": params})


def test_a_person_is_not_asked_ten_thousand_questions_during_a_call() -> None:
    count: list[Elicitation] = []

    def call(message: dict[str, Any]) -> Reply:
        flood = (asked(number) for number in range(300))
        return stream(then=itertools.chain(flood, [event(result(message, said("hi")))]))

    with HandshakeServer(tools_call=call) as server, session(server, elicit=count.append, timeout=10) as mcp:  # type: ignore[func-returns-value]
        assert mcp.call_tool("echo").text == "hi"
        assert len(count) == bounds.MAX_QUESTIONS
        codes = [answer.get("error", {}).get("code") for answer in server.answers]
        assert codes == [None] * bounds.MAX_QUESTIONS + [-32600] * 200
        mcp.call_tool("echo")
        assert len(count) == 2 * bounds.MAX_QUESTIONS


def test_nobody_is_asked_anything_where_an_answer_asks_too_much_at_once() -> None:
    questions = {str(n): {"method": "elicitation/create", "params": QUESTION} for n in range(10_000)}
    count: list[Elicitation] = []
    wish = {"resultType": "input_required", "inputRequests": questions}
    with StatelessServer(tools_call=as_json(wish)) as server, session(server, elicit=count.append) as mcp:  # type: ignore[func-returns-value]
        with pytest.raises(MCPError, match="more than 100 questions"):
            mcp.call_tool("echo")
        assert count == []


def test_a_question_in_each_of_the_rounds_ends_as_well() -> None:
    questions = {str(n): {"method": "elicitation/create", "params": QUESTION} for n in range(30)}
    count: list[Elicitation] = []
    wish = {"resultType": "input_required", "inputRequests": questions}
    with StatelessServer(tools_call=as_json(wish)) as server, session(server, elicit=count.append) as mcp:  # type: ignore[func-returns-value]
        with pytest.raises(MCPError, match="more than 100 questions"):
            mcp.call_tool("echo")
        assert len(count) == 90


def test_ten_thousand_pages_are_not_visited() -> None:
    page = {"mode": "url", "message": "", "url": "http://127.0.0.1:1/"}
    pages = [{**page, "elicitationId": str(number)} for number in range(10_000)]
    count: list[Elicitation] = []

    def call(message: dict[str, Any]) -> Reply:
        return json_reply(error(message, -32042, "x", data={"elicitations": pages}))

    with HandshakeServer(tools_call=call) as server, session(server, elicit=count.append) as mcp:  # type: ignore[func-returns-value]
        with pytest.raises(MCPError, match="more than 100 questions"):
            mcp.call_tool("echo")
        assert count == []


def test_a_form_whose_default_is_as_long_as_its_choices_is_read_in_no_time() -> None:
    names = [f"n{number}" for number in range(50_000)]
    field = {"type": "array", "items": {"enum": names}, "default": names[::-1]}
    params = {"message": "", "requestedSchema": {"type": "object", "properties": {"a": field}}}
    question = Elicitation.from_document(params, server_url="http://127.0.0.1/")
    began = time.process_time()
    assert question.defaults == {"a": names[::-1]}
    assert time.process_time() - began < 5  # to search for each takes minutes


# Pages

PAGES = (
    *(
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "vbscript:x",
        "ssh://example.com",
        "//example.com",
    ),
    *(
        "http://example.com/",
        "https://user:password@example.com/",
        "https://example.com\r\nX: y/",
        "https://ex\u0430mple.com/",
    ),
    *("", " https://example.com/", "https://", "https://[", "https://example.com:99999/", "--new-window", "%action"),
    *("https://example.com/" + "x" * 10_000, 7, None, ["https://example.com/"]),
)


@pytest.mark.parametrize("url", PAGES)
def test_a_page_that_nobody_should_open_is_not_even_shown(url: object) -> None:
    params = {"mode": "url", "message": "Go", "url": url, "elicitationId": "1"}
    shown: list[Elicitation] = []

    def call(message: dict[str, Any]) -> Reply:
        return stream(asked("q", params), event(result(message, {"content": []})))

    with HandshakeServer(tools_call=call) as server, session(server, elicit=shown.append) as mcp:  # type: ignore[func-returns-value]
        mcp.call_tool("echo")
        [answer] = server.answers
        assert answer["error"]["code"] == -32602
    wish = {"resultType": "input_required", "inputRequests": {"a": {"method": "elicitation/create", "params": params}}}
    refused = pytest.raises(MCPError)
    with StatelessServer(tools_call=as_json(wish)) as other, session(other, elicit=shown.append) as mcp, refused:  # type: ignore[func-returns-value]
        mcp.call_tool("echo")
    assert shown == []


def test_a_page_is_shown_whole_with_its_warnings_and_never_fetched() -> None:
    with Origin() as elsewhere:
        url = elsewhere.url.replace("127.0.0.1", "localhost") + "/connect?key=1"
        params = {"mode": "url", "message": "Go\x1b[2J", "url": url, "elicitationId": "1"}
        shown: list[str] = []

        def call(message: dict[str, Any]) -> Reply:
            return stream(asked("q", params), event(result(message, {"content": []})))

        def ask(page: Elicitation) -> bool:
            shown.append(str(page))
            return True

        with HandshakeServer(tools_call=call) as server, session(server, elicit=ask) as mcp:
            mcp.call_tool("echo")
            assert server.answers[0]["result"] == {"action": "accept"}
        [text] = shown
        assert url in text
        assert all(line.isprintable() for line in text.split("\n"))
        assert elsewhere.connections == 0
