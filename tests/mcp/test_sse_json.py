"""The JSON in an event stream that was read whole, as people of the async original know it, and better."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from typing import Any

import pytest
import requests

from mcp_oauth_sync import parse_sse_json, parse_sse_response
from mcp_oauth_sync.exceptions import MCPError
from tests.servers import Reply

from .script import ScriptedMcp, event

ANSWER = {
    "jsonrpc": "2.0",
    "id": 2,
    "result": {"tools": [{"name": "search", "description": "Caf\u00e9 \u20ac \u00c5"}]},
}
FAILURE = {"jsonrpc": "2.0", "id": 2, "error": {"code": -32601, "message": "no"}}
NOTE = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}
ASKS = {"jsonrpc": "2.0", "id": 7, "method": "ping"}


def one_line(*messages: object) -> str:
    return "".join(f"event: message\ndata: {json.dumps(message, ensure_ascii=False)}\n\n" for message in messages)


# What the original promises


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["event: message", 'data: {"jsonrpc":"2.0","result":{"status":"ok"}}', ""],
            {"jsonrpc": "2.0", "result": {"status": "ok"}},
        ),
        (['data: {"a":{"b":{"c":"d"}}}'], {"a": {"b": {"c": "d"}}}),
        (["event: message", 'data: {"a":', 'data: [{"b":1}', "data: ]}", ""], {"a": [{"b": 1}]}),
        (['data: {"a":"one w', 'data: ord"}'], {"a": "one word"}),
        (['data: {"a":1', "data: 2}"], {"a": 12}),
    ],
)
def test_the_json_of_the_data_lines_is_returned(lines: list[str], expected: dict[str, Any]) -> None:
    assert parse_sse_json(lines) == expected
    assert parse_sse_response("\n".join(lines)) == expected


@pytest.mark.parametrize("lines", [[], ["event: message", "id: 123", ""], [": comment"], ["data: "], ["data"]])
def test_lines_without_data_are_said_to_be_that(lines: list[str]) -> None:
    for error in (MCPError, ValueError):
        with pytest.raises(error, match=r"^No data lines in SSE response\."):
            parse_sse_json(lines)
        with pytest.raises(error, match=r"^No data lines in SSE response\."):
            parse_sse_response("\n".join(lines))


@pytest.mark.parametrize(
    "data",
    [
        "{invalid json}",
        '{"a":1',
        "[" * 100_000,
        "[NaN, 17]",
        "null",
        '"text"',
        "[71, 72]",
        '{"a":1} secret',
        "9" * 5000,
    ],
)
def test_data_that_is_no_json_object_is_an_error_that_does_not_show_it(data: str) -> None:
    for error in (MCPError, json.JSONDecodeError):
        with pytest.raises(error, match=r"^The data in the SSE response is no JSON object\.") as raised:
            parse_sse_response(f"data: {data}\n\n")
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(vars(raised.value))
        assert data not in shown


def test_the_error_can_be_copied_and_sent_to_another_process() -> None:
    with pytest.raises(MCPError) as raised:
        parse_sse_json([])
    for again in (copy.copy(raised.value), pickle.loads(pickle.dumps(raised.value))):
        assert type(again) is type(raised.value)
        assert str(again) == str(raised.value)
        assert again.hint == raised.value.hint
        assert repr(again) == "_NotJSON('No data lines in SSE response.')"
        assert again.code is None


# And more


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([NOTE, ANSWER], ANSWER),
        ([NOTE, NOTE, FAILURE], FAILURE),
        ([ANSWER, NOTE], ANSWER),
        ([FAILURE, NOTE], FAILURE),
        ([ASKS, ANSWER, ASKS], ANSWER),
        ([FAILURE, ANSWER], ANSWER),
        ([NOTE, ASKS], ASKS),
        ([[NOTE, ANSWER], NOTE], ANSWER),
        ([ANSWER, 12, None, [], ["x"]], ANSWER),
    ],
)
def test_of_several_messages_the_answer_is_returned(messages: list[object], expected: object) -> None:
    text = one_line(*messages)
    assert parse_sse_response(text) == expected
    assert parse_sse_json(text.splitlines()) == expected
    assert parse_sse_json(text.split("\n")) == expected
    assert parse_sse_json(iter(text.splitlines(keepends=True))) == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_json_over_many_lines_is_put_together(newline: str) -> None:
    text = (event(NOTE, newline=newline) + event(ANSWER, newline=newline)).decode()
    assert parse_sse_response(text) == ANSWER
    assert parse_sse_response(text.encode()) == ANSWER
    assert parse_sse_json(text.splitlines()) == ANSWER
    assert parse_sse_json(text.split("\n")) == ANSWER
    assert parse_sse_json(text.encode().splitlines()) == ANSWER


@pytest.mark.parametrize("space", ["", " ", "  "])
def test_the_space_after_the_colon_may_be_missing(space: str) -> None:
    assert parse_sse_json([f"data:{space}{json.dumps(ANSWER)}"]) == ANSWER


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r", "\r\n", "\n\n\n", "\n: bye"])
def test_the_last_empty_line_may_be_missing(end: str) -> None:
    assert parse_sse_response(one_line(NOTE, ANSWER).rstrip() + end) == ANSWER


def test_every_empty_line_may_be_missing() -> None:
    lines = [line for line in one_line(NOTE, ANSWER, NOTE).splitlines() if line]
    assert parse_sse_json(lines) == ANSWER
    pretty = [line for line in (event(NOTE) + event(ANSWER)).decode().splitlines() if line]
    assert parse_sse_json(pretty) == ANSWER


def test_an_answer_that_is_cut_off_does_not_hide_the_message_before_it() -> None:
    assert parse_sse_response(one_line(NOTE) + 'data: {"jsonrpc":"2.0","resu') == NOTE


def test_a_text_will_do_for_lines() -> None:
    assert parse_sse_json(one_line(NOTE, ANSWER)) == ANSWER
    assert parse_sse_json(one_line(NOTE, ANSWER).encode()) == ANSWER


def test_a_mark_at_the_start_is_no_part_of_it() -> None:
    assert parse_sse_response("\ufeff" + one_line(ANSWER)) == ANSWER
    assert parse_sse_response(b"\xef\xbb\xbf" + one_line(ANSWER).encode()) == ANSWER


def test_separators_that_end_no_line_stay_in_the_text() -> None:
    said = {"result": "a\u2028b\x85c\u2029"}
    assert parse_sse_response(one_line(said)) == said
    assert parse_sse_json(one_line(said).split("\n")) == said
    assert parse_sse_json(one_line(said).encode().splitlines()) == said


def test_an_event_that_is_too_large_is_refused() -> None:
    with pytest.raises(MCPError, match="larger than 16777216 bytes"):
        parse_sse_response(b"data: " + b"x" * (2**24 + 1))


@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=utf-8"])
def test_a_real_answer_is_read_in_every_way_that_requests_offers(kind: str) -> None:
    """Where no charset is named, requests takes the text for Latin-1."""
    with ScriptedMcp() as server, requests.Session() as session:
        session.trust_env = False
        server.script["tools_list"] = lambda _: Reply(200, [("Content-Type", kind)], one_line(NOTE, ANSWER).encode())

        def asked(**settings: Any) -> requests.Response:
            return session.post(server.mcp_url, json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, **settings)

        assert parse_sse_response(asked().content) == ANSWER
        assert parse_sse_response(asked().text) == ANSWER
        assert parse_sse_json(asked().text.split("\n")) == ANSWER
        assert parse_sse_json(asked(stream=True).iter_lines()) == ANSWER
        assert parse_sse_json(line for line in asked(stream=True).iter_lines() if line) == ANSWER


def test_text_that_only_looks_odd_is_left_alone() -> None:
    for said in ("na\u00efve", "\u00c3", "\u20ac\u00c3\u00a9", "plain", "\u00e9\u00e9"):
        assert parse_sse_response(one_line({"result": said})) == {"result": said}
    assert parse_sse_response('data: {"result": "\ud800"}') == {"result": "?"}
    assert parse_sse_response(one_line({"result": "\u00c3\u00a9"}).encode()) == {"result": "\u00c3\u00a9"}
