"""Messages of a hostile MCP server: whose answer they are, how deep, how many, and what their texts would do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import MCPError, printable
from mcp_oauth_sync.mcp import jsonrpc, refusal

from ..mcp.both_eras import HandshakeServer, StatelessServer, said, stream
from ..mcp.script import event, result
from ..servers import Reply
from .mcp_stage import answer_with, asking, harmless, session

DEPTHS = (150, 600, 990, 1400, 9900, 100_000)
_OPEN, _CLOSE = {"arrays": "[", "objects": '{"a":'}, {"arrays": "]", "objects": "1}"}
HOSTILE = "\x1b]0;x\x07\u202e\u2066evil\r\nSet-Cookie: a=b\x00\u2028" + "A" * 100_000
both_eras = pytest.mark.parametrize("kind", [HandshakeServer, StatelessServer], ids=["handshake", "stateless"])

_ASKS = '{"id": ID, "result": {"resultType": "input_required", "inputRequests": {"a": HERE}}}'
_QUESTION = '{"method": "elicitation/create", "params": {"message": "", "mode": "HERE"}}'
#: Messages with a place for something that goes deep.
DEEP = {
    "the id": '{"id": DEEP, "result": {}}',
    "the method": '[{"method": DEEP, "id": 7}, {"id": ID, "result": {"content": []}}]',
    "the token of progress": '[{"method": "notifications/progress", "params": {"progressToken": DEEP, "progress": 1}}]',
    "what is logged": '[{"method": "notifications/message", "params": {"level": "x", "data": DEEP}}]',
    "the words of an error": '{"id": ID, "error": {"code": 1, "message": DEEP}}',
    "the code of an error": '{"id": ID, "error": {"code": DEEP, "message": "x"}}',
    "what an error adds": '{"id": ID, "error": {"code": -32021, "message": "x", "data": DEEP}}',
    "what is supported": '{"id": ID, "error": {"code": -32022, "message": "x", "data": {"supported": [DEEP]}}}',
    "the kind of a result": '{"id": ID, "result": {"resultType": DEEP}}',
    "a state": '{"id": ID, "result": {"resultType": "input_required", "requestState": DEEP}}',
    "a question": _ASKS.replace("HERE", "DEEP"),
    "the method of a question": _ASKS.replace("HERE", '{"method": DEEP}'),
    "the mode of a question": _ASKS.replace("HERE", _QUESTION.replace('"HERE"', "DEEP")),
    "what a tool gives": '{"id": ID, "result": {"content": [], "structuredContent": DEEP}}',
    "the type of a content": '{"id": ID, "result": {"content": [{"type": DEEP}]}}',
}


@both_eras
@pytest.mark.parametrize("name", DEEP)
def test_what_is_nested_deep_is_a_result_or_an_error_of_ours(subtests: Any, kind: Callable[[], Any], name: str) -> None:
    with kind() as server, session(server, elicit=lambda asked: False, on_log=str) as mcp:
        for depth, (shape, opening) in itertools.product(DEPTHS, _OPEN.items()):
            body = DEEP[name].replace("DEEP", opening * depth + _CLOSE[shape] * depth)
            server.script["tools_call"] = answer_with(body)
            with subtests.test(f"{depth} {shape}"), harmless(server):
                given = mcp.call_tool("echo", on_progress=str)
                repr(given)
                str(given.text)


def test_what_is_nested_deeper_than_python_can_show_is_no_id_and_named_by_its_kind() -> None:
    """JSON is read deeper than it can be shown, by some versions of Python."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert printable(deep) == "list"
    assert not jsonrpc.is_id(deep, 1)
    assert not jsonrpc.answers({"id": deep, "result": {}}, 1)
    assert jsonrpc.method_of({"method": deep}) == ""
    assert not jsonrpc.can_be_said(deep)
    error = MCPError("x", code=-32021, data=deep)
    assert not refusal.wants_asking(error)
    assert "list" in str(refusal.nothing_in_common("https://x.example.com", theirs=[deep], ours=["1"]))


#: What follows the name of a member, and is no JSON or a number that no computer counts with.
NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0.0",
    "9" * 400,
    "9" * 4300,
    "9" * 5000,
    "1" + "0" * 10**6,
    "0.1e-9999",
)


@both_eras
def test_no_number_is_too_much(subtests: Any, kind: Callable[[], Any]) -> None:
    bodies = [body for name, body in DEEP.items() if "logged" not in name]
    with kind() as server, session(server, elicit=lambda asked: {}, on_log=str) as mcp:
        for number, body in itertools.product(NUMBERS, bodies):
            server.script["tools_call"] = answer_with(body.replace("DEEP", number))
            with subtests.test(f"{number[:20]} in {body}"), harmless(server):
                mcp.call_tool("echo", on_progress=str)


def test_the_last_of_two_members_of_a_name_counts() -> None:
    body = '{"id": 99, "id": ID, "result": 7, "result": {"content": [], "isError": false, "isError": true}}'
    with StatelessServer(tools_call=answer_with(body)) as server, session(server) as mcp:
        assert mcp.call_tool("echo").is_error


WRONG_IDS = (
    "true",
    "false",
    "null",
    "[]",
    "[ID]",
    '{"id": ID}',
    "-1",
    "0",
    "1e99",
    '"ID "',
    '" ID"',
    '"0ID"',
    '""',
    "99",
)


@both_eras
@pytest.mark.parametrize("number", WRONG_IDS)
def test_an_answer_to_something_else_is_no_answer(kind: Callable[[], Any], number: str) -> None:
    body = '{"id": NUMBER, "result": {"content": []}}'.replace("NUMBER", number)
    unanswered = pytest.raises(MCPError, match="did not answer")
    with kind(tools_call=answer_with(body)) as server, session(server) as mcp, unanswered:
        mcp.call_tool("echo")


def test_an_answer_is_given_to_the_call_that_it_names_and_to_no_other() -> None:
    """Two calls at once, each of which is told the answer of the other one first."""
    numbers: dict[str, int] = {}
    both = threading.Barrier(2, timeout=10)

    def call(message: dict[str, Any]) -> Reply:
        text = message["params"]["arguments"]["text"]
        numbers[text] = message["id"]
        both.wait()
        [other] = [number for mine, number in numbers.items() if mine != text]
        wrong = {"jsonrpc": "2.0", "id": other, "result": said("for the other")}
        return stream(event(wrong), event(result(message, said(text))), event(result(message, said("again"))))

    for kind in (StatelessServer, HandshakeServer):
        with kind(tools_call=call) as server, session(server, timeout=10) as mcp:
            list(mcp.list_tools())
            found: dict[str, str] = {}
            ask = lambda text: found.update({text: mcp.call_tool("echo", {"text": text}).text})  # noqa: E731, B023
            threads = [threading.Thread(target=ask, args=(text,)) for text in "ab"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
            assert found == {"a": "a", "b": "b"}
            numbers.clear()


def test_a_request_with_an_id_of_ours_is_no_answer() -> None:
    def call(message: dict[str, Any]) -> Reply:
        asked = {"jsonrpc": "2.0", "id": message["id"], "method": "sampling/createMessage", "result": said("no")}
        return stream(event(asked), event(result(message, said("yes"))))

    with HandshakeServer(tools_call=call) as server, session(server) as mcp:
        assert mcp.call_tool("echo").text == "yes"
        [answer] = server.answers
        assert answer["error"]["code"] == -32601


@pytest.mark.parametrize(
    "method", ["sampling/createMessage", "roots/list", "tools/call", "elicitation/create", HOSTILE]
)
def test_what_was_not_offered_is_refused(method: str) -> None:
    with HandshakeServer(tools_call=asking(method)) as server, session(server) as mcp:
        mcp.call_tool("echo")
        [answer] = server.answers
        assert answer == {
            "jsonrpc": "2.0",
            "id": "q",
            "error": {"code": -32601, "message": "Not offered by this client"},
        }


def test_a_call_that_the_server_calls_cancelled_still_has_its_answer() -> None:
    def call(message: dict[str, Any]) -> Reply:
        gone = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": message["id"]}}
        return stream(event(gone), event(result(message, said("hi"))))

    for kind in (StatelessServer, HandshakeServer):
        with kind(tools_call=call) as server, session(server) as mcp:
            assert mcp.call_tool("echo").text == "hi"
