"""What a server asks of the person, and the answer: every kind of field, hostile texts, and what cannot be answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import MCPError
from mcp_oauth_sync.mcp.elicitation import CAPABILITY, Elicitation, ElicitationReply, build_answer
from tests.cli.terminal import OBEYED

SERVER = "https://mcp.example.com/mcp"
PAGE = "https://mcp.example.com/ui/set_api_key"
COLORS = [{"const": "#FF0000", "title": "Red"}, {"const": "#00FF00", "title": "Green"}]


def form(properties: dict[str, Any], *required: str, **more: Any) -> Elicitation:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    params = {"message": "Please say", "requestedSchema": {**schema, **more}}
    return Elicitation.from_document(params, server_url=SERVER)


def page(url: object = PAGE, *, server_url: str = SERVER, message: str = "Please go there") -> Elicitation:
    return Elicitation.from_document({"mode": "url", "url": url, "message": message}, server_url=server_url)


def content(asked: Elicitation, reply: ElicitationReply) -> dict[str, Any]:
    answer = build_answer(asked, reply)
    assert answer["action"] == "accept"
    filled = answer["content"]
    assert json.loads(json.dumps(filled, allow_nan=False).encode()) == filled
    assert isinstance(filled, dict)
    return filled


# The three answers


@pytest.mark.parametrize("asked", [form({"name": {"type": "string"}}), page()], ids=["form", "page"])
def test_who_says_no_declines_and_who_says_nothing_cancels(asked: Elicitation) -> None:
    assert build_answer(asked, False) == {"action": "decline"}
    assert build_answer(asked, None) == {"action": "cancel"}


def test_who_agrees_to_a_page_sends_no_content() -> None:
    assert build_answer(page(), True) == build_answer(page(), {}) == {"action": "accept"}
    with pytest.raises(ValueError, match="no fields to fill in"):
        build_answer(page(), {"secret": "word"})


def test_a_reply_of_another_kind_is_the_programs_mistake() -> None:
    for reply in ("yes", 1, 0, "", ["a"]):
        with pytest.raises(TypeError, match="A reply is a mapping, True, False or None, not "):
            build_answer(page(), reply)  # type: ignore[arg-type]


def test_what_is_declared_names_both_modes() -> None:
    assert CAPABILITY == {"form": {}, "url": {}}


# The kinds of fields, as the specification shows them


KINDS: dict[str, tuple[dict[str, Any], list[Any], list[tuple[Any, str]]]] = {
    "text": (
        {"type": "string", "minLength": 3, "maxLength": 5},
        ["abc", "abcde", "\u00e9\u00e9\u00e9"],
        [
            ("ab", "be at least 3 characters long"),
            ("abcdef", "be at most 5 characters long"),
            (7, "be text"),
            (True, "be text"),
            (["abc"], "be text"),
            ("ab\ud800", "be made of whole characters"),
        ],
    ),
    "an e-mail address": (
        {"type": "string", "format": "email"},
        ["a@b.example", "a+b@localhost"],
        [(wrong, "be an e-mail address") for wrong in ("a", "@b", "a@", "a b@c", "a@b@c", "a@b\n")],
    ),
    "a URI": (
        {"type": "string", "format": "uri"},
        ["https://a.example/b?c", "urn:isbn:1", "mailto:a@b.example"],
        [(wrong, "be a URI") for wrong in ("a", "/b", "https://a b", "http://[", "")],
    ),
    "a date": (
        {"type": "string", "format": "date"},
        ["2026-01-31", "2024-02-29"],
        [(wrong, "be a date like") for wrong in ("2026-02-29", "20260131", "2026-1-1", "soon", "2026-W01-1")],
    ),
    "a date and time": (
        {"type": "string", "format": "date-time"},
        ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+02:00", "2026-01-31 23:59", "2016-12-31t23:59:60z"],
        [(wrong, "be a date and time") for wrong in ("2026-01-31", "2026-02-29T12:00Z", "2026-01-31T24:00Z", "T12:00")],
    ),
    "text of a format nobody knows": ({"type": "string", "format": "color", "pattern": "(a+)+$"}, ["b"], []),
    "text of a format that is no text": ({"type": "string", "format": ["email"]}, ["b"], []),
    "a number": (
        {"type": "number", "minimum": 0, "maximum": 99.5},
        [0, 99.5, 1e1],
        [
            (-1, "be at least 0"),
            (99.6, "be at most 99.5"),
            ("1", "be a number"),
            (True, "be a number"),
            (float("nan"), "be a finite number"),
            (float("inf"), "be a finite number"),
        ],
    ),
    "a whole number": (
        {"type": "integer", "minimum": 18},
        [18, 10**30],
        [(17, "be at least 18"), (18.5, "be a whole number"), ("18", "be a whole number"), (False, "be a whole")],
    ),
    "a boolean": (
        {"type": "boolean"},
        [True, False],
        [(1, "be true or false"), (0, "be true or false"), ("true", "be true or false")],
    ),
    "one of these": (
        {"type": "string", "enum": ["Red", "Green"]},
        ["Red", "Green"],
        [("Blue", "be one of the choices"), ("red", "be one of"), (["Red"], "be one of"), (1, "be one of")],
    ),
    "one of these with names": (
        {"type": "string", "enum": ["r", "g"], "enumNames": ["Red"]},
        ["r", "g"],
        [("Red", "be one of the choices")],
    ),
    "one of these with titles": (
        {"type": "string", "oneOf": COLORS},
        ["#FF0000"],
        [("Red", "be one of the choices"), ({"const": "#FF0000"}, "be one of")],
    ),
    "some of these": (
        {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string", "enum": ["r", "g", "b"]}},
        [["r"], ["g", "b"]],
        [
            ([], "hold at least 1 of the choices"),
            (["r", "g", "b"], "hold at most 2 of the choices"),
            (["r", "x"], "be one of the choices"),
            ("r", "be a list"),
            ([["r"]], "be one of the choices"),
        ],
    ),
    "some of these with titles": (
        {"type": "array", "items": {"anyOf": COLORS}},
        [[], ["#00FF00", "#FF0000"]],
        [(["Red"], "be one of the choices")],
    ),
    "one of these numbers": ({"type": "integer", "enum": [1, 2]}, [1, 2], [(True, "be one of"), (3, "be one of")]),
    "only this": ({"const": "yes"}, ["yes"], [("no", "be one of the choices")]),
    "text or nothing": (
        {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
        ["ab"],
        [("a", "be at least 2")],
    ),
    "a number or nothing": ({"type": ["null", "integer"]}, [5], [("5", "be a whole number")]),
    "one of these or nothing": ({"type": "string", "enum": ["a", None]}, ["a"], [("b", "be one of")]),
    "rules that are none": (
        {"type": "string", "minLength": "9", "maxLength": None, "title": 7, "description": ["x"]},
        ["anything"],
        [],
    ),
    "rules that are true": ({"type": "number", "minimum": True}, [0], []),
}
FITTING = [(name, schema, value) for name, (schema, values, _) in KINDS.items() for value in values]
MISFITS = [(name, schema, *pair) for name, (schema, _, pairs) in KINDS.items() for pair in pairs]


@pytest.mark.parametrize(("name", "schema", "value"), FITTING, ids=[f"{x[0]}-{n}" for n, x in enumerate(FITTING)])
def test_what_fits_is_sent_as_it_is(name: str, schema: dict[str, Any], value: Any) -> None:
    asked = form({"field": schema}, "field")
    assert content(asked, {"field": value}) == {"field": value}
    suggested = form({"field": {**schema, "default": value}}, "field")
    assert suggested.defaults == {"field": value}
    assert content(suggested, True) == content(suggested, {}) == {"field": value}


@pytest.mark.parametrize(
    ("name", "schema", "value", "rule"), MISFITS, ids=[f"{x[0]}-{n}" for n, x in enumerate(MISFITS)]
)
def test_what_does_not_fit_is_refused_with_the_rule(name: str, schema: dict[str, Any], value: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^The field 'field' must {rule}"):
        build_answer(form({"field": schema}), {"field": value})
    suggested = form({"field": {**schema, "default": value}}, "field")
    assert suggested.defaults == {}
    with pytest.raises(ValueError, match=r"^The field 'field' must be filled in\.$"):
        build_answer(suggested, True)


def test_a_refusal_never_repeats_what_was_filled_in() -> None:
    for schema in ({"type": "string", "maxLength": 3}, {"type": "integer"}, {"type": "boolean"}, {"enum": ["a"]}):
        with pytest.raises(ValueError, match="field") as caught:
            build_answer(form({"field": schema}), {"field": "hunter2"})
        assert "hunter2" not in str(caught.value)


def test_a_whole_number_is_sent_without_a_fraction() -> None:
    assert str(content(form({"age": {"type": "integer"}}), {"age": 30.0})) == "{'age': 30}"


def test_a_tuple_is_a_list_as_well() -> None:
    asked = form({"tags": {"type": "array", "items": {"enum": ["a", "b"]}}})
    assert content(asked, {"tags": ("b", "a")}) == {"tags": ["b", "a"]}


def test_choices_have_the_titles_that_the_server_gave_them() -> None:
    fields = form(
        {
            "plain": {"type": "string", "enum": ["r", "g"]},
            "named": {"type": "string", "enum": ["r", "g", "b"], "enumNames": ["Red", 7]},
            "titled": {"type": "string", "oneOf": COLORS},
            "many": {"type": "array", "items": {"anyOf": [*COLORS, {"const": "x"}]}},
            "maybe": {"oneOf": [COLORS[0], {"type": "null"}]},
            "none": {"type": "string"},
        }
    ).fields
    assert [field.choices for field in fields] == [
        (("r", "r"), ("g", "g")),
        (("r", "Red"), ("g", "g"), ("b", "b")),
        (("#FF0000", "Red"), ("#00FF00", "Green")),
        (("#FF0000", "Red"), ("#00FF00", "Green"), ("x", "x")),
        (("#FF0000", "Red"),),
        (),
    ]


# The form as a whole


def test_defaults_fill_what_is_left_out_in_the_order_of_the_form() -> None:
    asked = form(
        {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
            "note": {"type": "string"},
        }
    )
    assert list(content(asked, {"score": 1, "name": "Ada"}).items()) == [
        ("name", "Ada"),
        ("age", 30),
        ("score", 1),
        ("status", "active"),
        ("verified", True),
    ]


def test_none_leaves_a_field_out_and_a_required_one_missing() -> None:
    asked = form({"a": {"type": "string", "default": "x"}, "b": {"type": "string", "default": "y"}}, "b")
    assert content(asked, {"a": None}) == {"b": "y"}
    with pytest.raises(ValueError, match=r"^The field 'b' must be filled in\.$"):
        build_answer(asked, {"b": None})


def test_a_field_that_the_form_does_not_know_is_refused() -> None:
    for more in ({}, {"additionalProperties": False}, {"additionalProperties": None}):
        with pytest.raises(ValueError, match=r"^The form has no field 'nmae'\.$"):
            build_answer(form({"name": {"type": "string"}}, **more), {"nmae": "Ada"})


def test_an_open_form_takes_more_fields_of_plain_values() -> None:
    asked = form({"name": {"type": "string"}}, additionalProperties=True)
    given = {"name": "Ada", "more": 1.5, "tags": ["x"], "left": None}
    assert content(asked, given) == {"name": "Ada", "more": 1.5, "tags": ["x"]}
    for wrong in ({"a": 1}, [1], float("nan"), "\ud800", ["\udfff"]):
        with pytest.raises(ValueError, match=r"^The field 'more' must be text"):
            build_answer(asked, {"more": wrong})
    with pytest.raises(ValueError, match="has no field"):
        build_answer(asked, {"\ud800": "x"})


def test_a_form_without_fields_is_a_question_that_can_be_agreed_to() -> None:
    assert build_answer(form({}), True) == {"action": "accept", "content": {}}


MALFORMED: dict[str, object] = {
    "no parameters": None,
    "a list": [],
    "no message": {"requestedSchema": {"type": "object", "properties": {}}},
    "a message that is none": {"message": 5, "requestedSchema": {"type": "object", "properties": {}}},
    "an unknown mode": {"mode": "voice\x1b[2J", "message": "m"},
    "a mode that is no text": {"mode": ["url"], "message": "m"},
    "no schema": {"message": "m"},
    "a null schema": {"message": "m", "requestedSchema": None},
    "an id that is no text": {
        "mode": "url",
        "message": "m",
        "url": PAGE,
        "elicitationId": 7,
    },
}
SCHEMAS: dict[str, object] = {
    "no object": {"type": "array", "properties": {}},
    "no type": {"properties": {}},
    "no fields": {"type": "object"},
    "a list of fields": {"type": "object", "properties": []},
    "a required field that is not there": {"type": "object", "properties": {}, "required": ["a"]},
    "required no list": {"type": "object", "properties": {"a": {"type": "string"}}, "required": "a"},
    "required no names": {"type": "object", "properties": {"a": {"type": "string"}}, "required": [["a"]]},
    "half a character": {"type": "object", "properties": {"\ud800": {"type": "string"}}},
}
FIELDS: dict[str, object] = {
    "no schema": True,
    "nothing said": {},
    "an object": {"type": "object", "properties": {}},
    "a type that is no text": {"type": {"a": 1}},
    "a list of anything": {"type": "array", "items": {"type": "string"}},
    "a list of objects": {"type": "array", "items": {"type": "object"}},
    "a list without items": {"type": "array"},
    "a list of lists": {"type": "array", "items": {"type": "array", "items": {"enum": ["a"]}}},
    "either of two": {"type": ["string", "integer"]},
    "one of two types": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    "a reference": {"$ref": "https://evil.example/schema"},
    "choices that are objects": {"type": "string", "enum": [{}]},
    "choices that are no numbers": {"type": "number", "enum": [float("nan")]},
    "choices of half a character": {"type": "string", "enum": ["\udc00"]},
    "titles without values": {"type": "string", "oneOf": [{"title": "Red"}]},
    "titles that are texts": {"type": "string", "oneOf": ["Red"]},
}
for _why, _schema in SCHEMAS.items():
    MALFORMED[f"a schema with {_why}"] = {"message": "m", "requestedSchema": _schema}
for _why, _field in FIELDS.items():
    MALFORMED[f"a field with {_why}"] = {
        "message": "m",
        "requestedSchema": {"type": "object", "properties": {"a": _field}},
    }


@pytest.mark.parametrize("params", MALFORMED.values(), ids=list(MALFORMED))
def test_what_is_malformed_is_an_error_to_answer_with(params: object) -> None:
    with pytest.raises(MCPError) as caught:
        Elicitation.from_document(params, server_url=SERVER)
    assert caught.value.code == -32602
    assert str(caught.value).isprintable()


# Pages


def test_a_page_has_an_address_a_host_and_an_id() -> None:
    params = {"mode": "url", "url": "https://MCP.example.com:8443/x?a=b#c", "message": "m", "elicitationId": "550e"}
    asked = Elicitation.from_document(params, server_url=SERVER)
    assert (asked.mode, asked.url, asked.host) == ("url", "https://MCP.example.com:8443/x?a=b#c", "mcp.example.com")
    assert asked.elicitation_id == "550e"
    assert asked.warnings == asked.fields == ()
    assert asked.schema == asked.defaults == {}
    assert asked.raw == params


UNUSABLE = {
    "none": None,
    "a number": 5,
    "empty": "",
    "a path": "/ui",
    "http elsewhere": "http://mcp.example.com/ui",
    "another scheme": "javascript:alert(1)",
    "a file": "file:///etc/passwd",
    "a user": "https://mcp.example.com@evil.example/",
    "a user in front of a fragment": "https://mcp.example.com#@evil.example/#x",
    "a backslash": "https://evil.example\\@mcp.example.com/",
    "a line end": "https://mcp.example.com/\nHost: safe.example",
    "an escape": "https://mcp.example.com/\x1b]8;;https://evil.example\x07",
    "a space": "https://mcp.example.com/a b",
    "a turn of direction": "https://mcp.example.com/\u202egpj.exe",
    "letters outside of ASCII": "https://m\u0441p.example.com/",
    "a quote": "https://mcp.example.com/'&calc&'",
    "a substitution": "https://mcp.example.com/$(reboot)",
    "no host": "https:///ui",
    "a percent in the host": "https://mcp%2eexample.com/",
    "too long": "https://mcp.example.com/" + "a" * 8200,
    "this machine": "http://127.0.0.1:8080/",
    "this machine by name": "https://localhost/",
    "this machine in disguise": "https://2130706433/",
}


@pytest.mark.parametrize("url", UNUSABLE.values(), ids=list(UNUSABLE))
def test_an_address_that_should_not_be_opened_is_refused(url: object) -> None:
    with pytest.raises(MCPError) as caught:
        page(url)
    assert caught.value.code == -32602
    assert str(caught.value.message).isprintable()


def test_a_refusal_does_not_repeat_the_query() -> None:
    with pytest.raises(MCPError) as caught:
        page("http://mcp.example.com/ui?ticket=hunter2#hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_server_on_this_machine_may_point_at_it() -> None:
    asked = page("http://localhost:5000/ui", server_url="http://127.0.0.1:5000/mcp")
    assert asked.warnings == ("This page is not encrypted. It is on this machine.",)
    assert page("https://[::1]/ui", server_url="http://127.0.0.1:5000/mcp").warnings == ()


ELSEWHERE = "This page is on {}, not on mcp.example.com, which asks for it."
ALIKE = "The two names look alike, but are not the same."
POSES = "The name has a part of mcp.example.com in it, but does not belong to it."
DOUBTFUL = {
    "login.example.com": [],
    "example.com": [],
    "mcp.example.net": [],
    "mcp.examp1e.com": [ALIKE],
    "login.examp1e.com": [ALIKE],
    "mcp.exarnple.com": [ALIKE],
    "mcp.exam-ple.com": [ALIKE],
    "mcp.example.com.evil.net": [POSES],
    "example.com.evil.net": [POSES],
    "mcp-example-com.evil.net": [POSES],
    "login-example.com": [POSES],
    "192.0.2.7": ["The host is a number, not a name."],
    "3221226219": ["The host is a number, not a name."],
    "0xc0000207": ["The host is a number, not a name."],
    "[2001:db8::1]": ["The host is a number, not a name."],
    "xn--mp-omc.example.com": [
        "A browser may show the name of the host with other letters, such as CYRILLIC SMALL LETTER ES; it may look "
        "like another name."
    ],
    "xn--80ak6aa92e.com": [
        "A browser may show the name of the host with other letters, such as CYRILLIC SMALL LETTER A, CYRILLIC SMALL "
        "LETTER ER, CYRILLIC SMALL LETTER PALOCHKA, ...; it may look like another name."
    ],
    "xn--99999999.com": ["The name of the host is written in a punycode that stands for nothing."],
}


@pytest.mark.parametrize("host", DOUBTFUL, ids=list(DOUBTFUL))
def test_a_host_that_calls_for_care_is_told(host: str) -> None:
    asked = page(f"https://{host}/ui")
    assert asked.warnings == (ELSEWHERE.format(host.strip("[]")), *DOUBTFUL[host])
    assert all(f"Take care: {warning}" in str(asked).splitlines() for warning in asked.warnings)


def test_the_servers_own_host_calls_for_no_care_however_it_is_written() -> None:
    assert page("https://MCP.Example.COM.:443/ui").warnings == ()


def test_a_server_that_is_a_number_is_not_taken_for_another_number() -> None:
    asked = page("https://192.0.2.10/", server_url="https://192.0.2.1/mcp")
    assert asked.warnings == (
        "This page is on 192.0.2.10, not on 192.0.2.1, which asks for it.",
        "The host is a number, not a name.",
    )
    assert len(page("https://192.0.2.1.example/", server_url="https://192.0.2.1/mcp").warnings) == 1


# What is shown


def test_the_text_of_a_page_tells_who_asks_why_and_where_it_leads() -> None:
    url = "https://auth.example.com/" + "a" * 300
    assert str(page(url)) == "\n".join(
        [
            "mcp.example.com asks you to open a page:",
            "  | Please go there",
            "The whole address:",
            f"  {url}",
            "It is on the host:",
            "  auth.example.com",
            "Take care: This page is on auth.example.com, not on mcp.example.com, which asks for it.",
        ]
    )


def test_the_text_of_a_form_tells_who_asks_and_for_what() -> None:
    asked = form({"name": {"type": "string", "title": "Your name"}, "age": {"type": "integer"}}, "name")
    assert str(asked).splitlines() == [
        "mcp.example.com asks you for:",
        "  - Your name",
        "  - age (optional)",
        "  | Please say",
    ]
    many = str(form({f"f{number}": {"type": "string"} for number in range(50)}))
    assert "  - f11 (optional)\n  and 38 more\n" in many
    assert "f12" not in many


def test_the_port_of_a_server_is_told_where_it_matters() -> None:
    assert str(page("http://127.0.0.1:5000/", server_url="http://127.0.0.1:4000/mcp")).startswith("127.0.0.1:4000 asks")


HOSTILE = "\x1b[2J\x1b]0;t\x07Hi\r\nTake care: nothing\u202e\u200b\u2028\x9b1mHost: good.example " + "long " * 900


def test_nothing_hostile_reaches_a_terminal() -> None:
    field = {"type": "string", "title": HOSTILE, "description": HOSTILE, "enum": [HOSTILE]}
    schema = {"type": "object", "properties": {HOSTILE: field, "b": {"oneOf": [{"const": "c", "title": HOSTILE}]}}}
    asked = Elicitation.from_document({"message": HOSTILE, "requestedSchema": schema}, server_url=SERVER)
    for text in (str(asked), str(page(message=HOSTILE))):
        assert OBEYED.findall(text) == []
        assert all(len(line) <= 120 for line in text.splitlines())
        assert not any(line.startswith(("Take care", "Host")) for line in text.splitlines())
    shown = [asked.message, *(text for x in asked.fields for text in (x.title, x.description, x.choices[0][1]))]
    assert all(text.isprintable() for text in shown)
    assert asked.message.endswith("...")
    assert content(asked, {HOSTILE: HOSTILE}) == {HOSTILE: HOSTILE}
    with pytest.raises(ValueError, match="choices") as caught:
        build_answer(asked, {HOSTILE: "x"})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 120


def test_only_the_address_of_the_page_can_be_taken_for_a_link() -> None:
    text = str(page(message="See https://evil.example/a, HTTP://b.example or www.c.example, not awww.d"))
    assert "See https[:]//evil.example/a, HTTP[:]//b.example or www[.]c.example, not awww.d" in text.replace(
        "\n  | ", " "
    )
    assert text.count("://") == 1
    titled = str(form({"a": {"type": "string", "title": "go to https://evil.example"}}))
    assert "://" not in titled


def test_a_repr_holds_neither_message_nor_query_nor_form() -> None:
    asked = page("https://mcp.example.com/ui?ticket=hunter2", message="hunter2")
    assert "hunter2" not in repr(asked)
    assert "https://mcp.example.com/ui" in repr(asked)
    assert "hunter2" not in repr(form({"hunter2": {"type": "string"}}))


# Whatever comes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
WORDS = ["type", "title", "enum", "oneOf", "anyOf", "items", "const", "default", "minLength", "maximum", "format"]
SAID = st.sampled_from(["string", "number", "integer", "boolean", "array", "null", "email", "date-time", ["a", "b"]])
FIELD = st.dictionaries(st.sampled_from(WORDS), SAID | JSON | st.lists(st.fixed_dictionaries({"const": JSON})))


@given(field=FIELD, value=JSON)
@example(field={"type": "integer", "maximum": float("inf")}, value=10**400)
@example(field={"type": "integer", "enum": [10**400]}, value=1.0)
def test_any_field_is_read_or_refused_and_any_value_sent_or_refused(field: dict[str, Any], value: Any) -> None:
    try:
        asked = form({"a": field})
    except MCPError:
        return
    assert OBEYED.findall(str(asked)) == []
    answer = build_answer(asked, True)
    assert answer["content"] == asked.defaults
    try:
        filled = content(asked, {"a": value})
    except ValueError:
        return
    assert filled in ({"a": value}, {})


@given(params=JSON | st.fixed_dictionaries({"message": JSON, "mode": st.just("url") | JSON, "url": st.text() | JSON}))
def test_any_request_is_read_or_refused(params: Any) -> None:
    try:
        asked = Elicitation.from_document(params, server_url=SERVER)
    except MCPError:
        return
    assert OBEYED.findall(str(asked)) == []


@given(host=st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=40), path=st.text(max_size=10))
def test_any_address_is_shown_whole_with_its_host_or_refused(host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    try:
        asked = page(url)
    except MCPError:
        return
    assert [f"  {url}", f"  {host}"] == [line for line in str(asked).splitlines() if line.startswith("  ")][1:]
