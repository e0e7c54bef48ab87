"""The arguments of ``call``: words that the tool's schema explains, and JSON objects; what is wrong is told by name."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .terminal import OBEYED, Done, Terminal, run, run_here
from .test_call import ATTACK, Shop

PROPERTIES = {
    "text": {"type": "string"},
    "n": {"type": "integer"},
    "x": {"type": "number"},
    "yes": {"type": "boolean"},
    "none": {"type": "null"},
    "list": {"type": "array", "items": {"type": "integer"}},
    "thing": {"type": "object"},
    "any": {},
    "maybe": {"type": ["integer", "null"]},
    "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    "color": {"$ref": "#/$defs/Color"},
    "level": {"enum": [1, 2, None]},
    "true": True,
}
SCHEMA = {"type": "object", "properties": PROPERTIES, "$defs": {"Color": {"enum": ["red", "green"]}}}
SECRET = "a-value-that-is-not-told"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as made:
        made.tools = [{"name": "order", "inputSchema": SCHEMA}]
        yield made


def given(shop: Shop, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert run_here(capsys, "call", "x", "order", "--url", shop.mcp_url, *words).status == 0
    return shop.given


def refused(shop: Shop, capsys: pytest.CaptureFixture[str], *words: str) -> Done:
    done = run_here(capsys, "call", "x", "order", "--url", shop.mcp_url, *words)
    assert (done.status, done.out) == (2, "")
    assert [exchange for exchange in shop.log if b"tools/call" in exchange.body] == []
    assert SECRET not in done.err
    assert OBEYED.findall(done.err) == []
    return done


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text=", ""),
        ("text=5", "5"),
        ("text=null", "null"),
        ("text={", "{"),
        ("text=a=b:=c", "a=b:=c"),
        ("text= two\nlines ", " two\nlines "),
        ("n=5", 5),
        ("n=-07", -7),
        ("n=1e2", 100),
        ("n=99999999999999999999", 99999999999999999999),
        ("x=5", 5),
        ("x=.5", 0.5),
        ("x=-1.5e3", -1500.0),
        ("yes=true", True),
        ("none=null", None),
        ("list=[1, 2]", [1, 2]),
        ('thing={"a": [null]}', {"a": [None]}),
        ("any=5", "5"),
        ("maybe=5", 5),
        ("maybe=null", None),
        ("either=5", "5"),
        ("color=red", "red"),
        ("level=2", 2),
        ("level=null", None),
        ("true=5", "5"),
        ("text:=5", 5),
        ("n:=[]", []),
        ('any:={"a": 1}', {"a": 1}),
    ],
)
def test_a_value_is_read_as_the_tool_takes_it(
    shop: Shop, capsys: pytest.CaptureFixture[str], word: str, value: Any
) -> None:
    [found] = given(shop, capsys, word).values()
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("word", "takes"),
    [
        (f"n={SECRET}", "n (integer)"),
        ("n=1.5", "n (integer)"),
        ("n=true", "n (integer)"),
        ("n=", "n (integer)"),
        ("n=1_000", "n (integer)"),
        (f"n={'9' * 5000}", "n (integer)"),
        ("x=nan", "x (number)"),
        ("x=1e999", "x (number)"),
        ("yes=yes", "yes (boolean)"),
        ("yes=1", "yes (boolean)"),
        ("none=0", "none (null)"),
        ("list=1,2", "list (array of integer)"),
        ('list={"a": 1}', "list (array of integer)"),
        ("thing=[NaN]", "thing (object)"),
        ("maybe=true", "maybe (integer or null)"),
        ("level=x", "level (one of 1, 2, null)"),
    ],
)
def test_a_value_of_another_kind_is_wrong_usage(
    shop: Shop, capsys: pytest.CaptureFixture[str], word: str, takes: str
) -> None:
    name = word.partition("=")[0]
    assert refused(shop, capsys, word).err == (
        f"error: What is given for {name!r} is not what the tool takes.\n"
        f"hint: It takes {takes}. NAME:=JSON gives any JSON.\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["color"], "Argument 1 is neither name=value nor name:=JSON."),
        (["n=1", f"={SECRET}"], "Argument 2 is neither name=value nor name:=JSON."),
        (["[1]"], "Argument 1 is neither"),
        (["n=1", f"n={SECRET}"], "The parameter 'n' is given twice."),
        (["n=1", "n:=2"], "The parameter 'n' is given twice."),
        (["n:=NaN"], "What is given for 'n' is no JSON: NaN is no number of JSON."),
        ([f"n:={SECRET}"], "What is given for 'n' is no JSON: it goes wrong at line 1, column 1."),
        (['n:={"a": 1, "a": 2}'], "What is given for 'n' is no JSON: the name 'a' stands twice in one object."),
        ([f"{{{SECRET}"], "The argument holds no JSON: it goes wrong at line 1, column 2."),
        (['{"a": 1, "a": 2}'], "The argument holds no JSON: the name 'a' stands twice in one object."),
        (['{"a": {"b": 1, "b": 2}}'], "the name 'b' stands twice"),
        (['{"a": ' + "[" * 100_000], "The argument holds no JSON: it is nested too deeply."),
        (["{}", "n=1"], "A JSON object, - or @FILE stands alone."),
        (["-", "-"], "A JSON object, - or @FILE stands alone."),
        (["@nowhere"], "The file nowhere cannot be read: No such file or directory."),
        (["n=\udcff"], "Argument 1 holds bytes that are no text."),
        (["-"], "Standard input holds JSON, but no object."),
    ],
    ids=range(17),
)
def test_what_is_no_argument_is_wrong_usage_and_reaches_no_server(
    shop: Shop, words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[]")))
    done = refused(shop, capsys, *words)
    assert said in done.err.splitlines()[0]
    assert "Traceback" not in done.err
    if not words[0].startswith("n:="):
        assert shop.log == []


def test_an_unknown_parameter_is_wrong_usage_with_the_nearest_one(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    done = refused(shop, capsys, f"colour={SECRET}")
    assert done.err.splitlines()[0] == "error: The tool takes no parameter 'colour'. Did you mean 'color'?"
    assert done.err.splitlines()[1].startswith("hint: It takes text (string), n (integer), x (number), yes (boolean)")
    assert done.err.splitlines()[1].endswith("level (one of 1, 2, null), and 1 more.")
    assert refused(shop, capsys, "q:=1").err.startswith("error: The tool takes no parameter 'q'.\nhint: ")


def test_a_parameter_that_is_needed_and_not_given_is_wrong_usage(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.tools[0]["inputSchema"] = {**SCHEMA, "required": ["n", "text"]}
    assert refused(shop, capsys, "n=1").err.startswith("error: The tool needs the parameter 'text'.\nhint: It takes ")


@pytest.mark.parametrize(
    ("schema", "taken"),
    [
        ({"type": "object"}, True),
        ({"type": "object", "properties": {}}, False),
        ({"type": "object", "additionalProperties": False}, False),
        ({"type": "object", "properties": {}, "additionalProperties": {"type": "integer"}}, True),
        ({"type": "object", "properties": {}, "patternProperties": {"^x-": {}}}, True),
        ({"allOf": [{"properties": {"q": {}}}]}, True),
        ({"allOf": [{"properties": {"r": {}}}]}, False),
    ],
)
def test_a_tool_may_take_parameters_that_it_does_not_name(
    shop: Shop, capsys: pytest.CaptureFixture[str], schema: dict[str, Any], taken: bool
) -> None:
    shop.tools[0]["inputSchema"] = schema
    if taken:
        assert given(shop, capsys, "q=1") == {"q": "1"}
    else:
        refused(shop, capsys, "q=1")


def test_hostile_words_of_a_schema_cannot_write_to_the_terminal(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {"enum": [ATTACK, {ATTACK: 1}], "default": ATTACK}
    shop.tools[0]["inputSchema"] = {"type": "object", "properties": {f"n{ATTACK}": hostile, "m": {"type": "integer"}}}
    assert "one of [2J" in refused(shop, capsys, "o=1").err
    refused(shop, capsys, f"n{ATTACK}=1", "m=x")
    refused(shop, capsys, f"o{ATTACK}=1")


def test_one_json_object_is_all_arguments_and_needs_no_schema(
    shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "arguments.json"
    file.write_bytes(b'\xef\xbb\xbf{"n": "as it is"}\n')
    for word in ('{"n": "as it is"}', f"@{file}"):
        shop.clear()
        assert given(shop, capsys, word) == {"n": "as it is"}
        assert "tools/list" not in shop.methods
    assert run("call", "x", "order", "-", "--url", shop.mcp_url, given='{"from": "é"}').status == 0
    assert shop.log[-1].json()["params"]["arguments"] == {"from": "é"}


def test_no_words_give_nothing_and_flags_may_stand_between_words(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert given(shop, capsys) == {}
    shop.clear()
    done = run_here(capsys, "call", "--url", shop.mcp_url, "x", "order", "n=1", "--json", "text=a", "--timeout", "9")
    assert (done.status, done.out[:1]) == (0, "{")
    assert shop.given == {"n": 1, "text": "a"}


def test_standard_input_that_is_no_text_is_wrong_usage(shop: Shop) -> None:
    for bad in (b"\xff", b"", b"{"):
        done = run("call", "x", "order", "-", "--url", shop.mcp_url, given=bad)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("error: Standard input ")
    assert shop.log == []


def test_no_standard_input_at_all_is_wrong_usage(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert refused(shop, capsys, "-").err == "error: There is no standard input.\n"


def test_an_object_typed_at_a_terminal_is_asked_for(shop: Shop) -> None:
    with Terminal("call", "x", "order", "-", "--url", shop.mcp_url, out=True) as terminal:
        terminal.read_until("Type a JSON object, then Ctrl-D on a line of its own.\n")
        terminal.press('{"n": 3}\r\x04')
        assert terminal.end() == 0
    assert terminal.output == b"done\n"
    assert shop.given == {"n": 3}
