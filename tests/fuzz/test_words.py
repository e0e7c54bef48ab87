"""Words from people and servers: arguments of tools, messages of JSON-RPC, and text that is to be shown."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.cli.call_arguments import Given, Misuse, parse_json
from mcp_oauth_sync.cli.tool_parameters import read_parameters
from mcp_oauth_sync.exceptions import MCPError, printable
from mcp_oauth_sync.mcp.jsonrpc import (
    answers,
    can_be_said,
    is_request,
    method_of,
    params_of,
    read_messages,
    read_result,
)

from .inputs import JSON, TEXTS, bodies, damaged, quick, usual

MARK = "a-value-that-is-not-told"
KINDS = ["string", "integer", "number", "boolean", "null", "array", "object"]
NAMES = st.sampled_from(["n", "name", "a.b", "Ä", "x y"])
FINITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=6,
)
PLAIN_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def taking(*kinds: str) -> Any:
    return read_parameters({"type": "object", "properties": {"n": {"type": list(kinds)} if kinds else {}}})


@quick
@given(PLAIN_TEXTS)
def test_a_text_arrives_as_it_stands(value: str) -> None:
    given_words = Given.read([f"n={value}"])
    for takes in (taking(), taking("string"), taking("string", "integer", "null")):
        assert given_words.arguments(takes) == {"n": value}


@quick
@given(FINITE, st.lists(st.sampled_from(KINDS), unique=True))
def test_any_json_arrives_as_it_stands(value: Any, kinds: list[str]) -> None:
    text = json.dumps(value)
    assert Given.read([f"n:={text}"]).arguments(taking(*kinds)) == {"n": json.loads(text)}
    document = json.dumps({"n": value}, ensure_ascii=False)
    if document.isascii():
        assert Given.read([document]).document == {"n": json.loads(text)}


@quick
@given(FINITE)
def test_a_value_without_quotes_is_what_the_tool_takes(value: Any) -> None:
    kind = {type(None): "null", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    if not isinstance(value, str):
        found = Given.read([f"n={json.dumps(value)}"]).arguments(taking(kind[type(value)]))["n"]
        assert (type(found), found) == (type(value), value)


WORDS = st.lists(
    st.builds("{}{}{}".format, NAMES | TEXTS, st.sampled_from(["=", ":=", "", "==", ":", ":=="]), TEXTS | st.just(MARK))
    | st.builds(lambda name, value: f"{name}:={value}", NAMES, JSON.map(json.dumps) | st.just('{"a":1,"a":2}'))
    | st.sampled_from(["{", "{}", '{"n": NaN}', "[" * 3000, "n:=" + "[" * 3000, "n=" + "9" * 5000, "n=1e999", "n=-.e"]),
    max_size=4,
).filter(lambda words: not words or not words[0].startswith(("@", "-")))


@quick
@given(WORDS, st.lists(st.sampled_from(KINDS), unique=True, max_size=3))
def test_any_words_are_arguments_or_a_misuse_that_repeats_no_value(words: list[str], kinds: list[str]) -> None:
    try:
        read = Given.read(words)
        found = read.document if read.document is not None else read.arguments(taking(*kinds))
    except Misuse as refused:
        assert MARK not in refused.message
        assert refused.message.isprintable()
        return
    assert isinstance(found, dict)
    json.dumps(found)


@quick
@given(bodies(JSON).map(lambda body: body.decode("utf-8", "surrogateescape")))
def test_any_text_is_the_json_of_the_standard_or_refused(text: str) -> None:
    try:
        found = parse_json(text)
    except ValueError as refused:
        assert str(refused).isprintable()
        return
    assert json.dumps(found) == json.dumps(json.loads(text))


MESSAGE = {"jsonrpc": "2.0", "id": 7, "result": {"tools": []}}
FAILED = {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "no", "data": {}}}
ASKED = {"jsonrpc": "2.0", "id": "q", "method": "ping", "params": {}}
MESSAGES = damaged(MESSAGE, *FAILED, *ASKED) | damaged(FAILED, *MESSAGE, *ASKED) | damaged(ASKED, *FAILED)


@quick
@given(bodies(MESSAGES | st.lists(MESSAGES, max_size=3) | JSON).map(lambda body: body.decode("utf-8", "replace")))
def test_any_message_is_judged_and_any_answer_is_a_result_or_an_error(text: str) -> None:
    for message in read_messages(text):
        assert isinstance(method_of(message), str)
        assert isinstance(params_of(message), dict)
        assert can_be_said(message) in (True, False)
        if is_request(message):
            assert not answers(message, 7)
        try:
            assert isinstance(read_result(message), dict)
        except MCPError as failure:
            assert failure.message.isprintable()
            assert failure.code is None or isinstance(failure.code, int)


SHOWN = st.text(max_size=60) | JSON | st.lists(TEXTS, max_size=9).map("".join)


@quick
@given(SHOWN, st.integers(3, 80))
def test_what_is_shown_is_one_short_line_of_visible_characters_and_shown_again_the_same(
    text: object, limit: int
) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert not [c for c in shown if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]
    assert printable(shown, limit) == shown
    assert shown == shown.strip()


@usual
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_what_could_be_seen_is_shown_as_it_is(text: str) -> None:
    assert printable(text, 60) == text
