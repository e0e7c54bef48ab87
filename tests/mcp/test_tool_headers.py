"""Headers that repeat a part of the message: how values are written, which annotations are valid, what a call sends."""

from __future__ import annotations

import base64
import enum
import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.mcp.tool_headers import (
    MAX_DEPTH,
    Annotation,
    InvalidToolHeaders,
    build_param_headers,
    encode_header,
    read_annotations,
)
from tests.servers import Origin, json_reply

STRING = {"type": "string"}


def annotated(name: object = "Region", **more: object) -> dict[str, object]:
    return {"type": "string", "x-mcp-header": name, **more}


def schema(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


def decoded(header: str) -> str:
    """Read a header as the specification wants servers to."""
    if header.startswith("=?base64?") and header.endswith("?=") and len(header) >= len("=?base64??="):
        return base64.b64decode(header[len("=?base64?") : -len("?=")], validate=True).decode()
    return header


# How a value is written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        # The specification's examples, those of the proposal behind it, and those of the official suite.
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        (" us-west1", "=?base64?IHVzLXdlc3Qx?="),
        ("us-west1 ", "=?base64?dXMtd2VzdDEg?="),
        (" us-west1 ", "=?base64?IHVzLXdlc3QxIA==?="),
        ("us west 1", "us west 1"),
        ("日本語", "=?base64?5pel5pys6Kqe?="),
        ("line1\r\nline2", "=?base64?bGluZTENCmxpbmUy?="),
        ("\tindented", "=?base64?CWluZGVudGVk?="),
        ("", ""),
        ("test-method", "test-method"),
        ("get_weather", "get_weather"),
        ("my-hyphenated-tool", "my-hyphenated-tool"),
        ("file:///path/to/file%20name.txt", "file:///path/to/file%20name.txt"),
        ("https://example.com/resource?id=123", "https://example.com/resource?id=123"),
        # Others.
        ("a\tb", "=?base64?YQli?="),
        ("a\x7fb", "=?base64?YX9i?="),
        ("a\x00b", "=?base64?YQBi?="),
        ("é", "=?base64?w6k=?="),
        ("us-west1\n", "=?base64?dXMtd2VzdDEK?="),
        (" ", "=?base64?IA==?="),
        ("\N{NO-BREAK SPACE}a", "=?base64?wqBh?="),
        ("=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?="),
        ("=?base64??=", "=?base64?PT9iYXNlNjQ/Pz0=?="),
        ("=?BASE64?literal?=", "=?BASE64?literal?="),
        ("=?base64?literal", "=?base64?literal"),
        ("literal?=", "literal?="),
        ("=?utf-8?q?literal?=", "=?utf-8?q?literal?="),
        ("x=?base64?literal?=", "x=?base64?literal?="),
    ],
)
def test_a_value_is_written_as_the_specification_says(text: str, written: str) -> None:
    assert encode_header(text) == written


@given(st.one_of(st.text(), st.text(alphabet="=?base64 \t\r\nA"), st.builds("=?base64?{}?=".format, st.text())))
def test_every_value_comes_back_as_it_was_and_is_a_header_that_requests_takes(text: str) -> None:
    written = encode_header(text)
    assert decoded(written) == text
    assert written.isascii()
    assert written.isprintable()
    assert requests.Request("GET", "https://mcp.example.com", headers={"X": written}).prepare().headers["X"] == written


@given(st.text(max_size=3), st.sampled_from(["\ud800", "\udfff", "\udc80"]), st.text(max_size=3))
def test_half_a_surrogate_pair_is_refused_and_not_replaced(before: str, half: str, after: str) -> None:
    with pytest.raises(ValueError, match="half of a surrogate pair") as refused:
        encode_header(before + half + after)
    assert not isinstance(refused.value, UnicodeError)  # which would hold the text


def test_a_member_of_an_enumeration_is_sent_by_its_value() -> None:
    class Region(str, enum.Enum):
        WEST = "us-west1"

    class Level(enum.IntEnum):
        HIGH = 3

    assert type(encode_header(Region.WEST)) is str
    annotations = read_annotations(schema(r=annotated("R"), n=annotated("N", type="integer")))
    sent = build_param_headers(annotations, {"r": Region.WEST, "n": Level.HIGH})
    assert sent == {"Mcp-Param-R": "us-west1", "Mcp-Param-N": "3"}
    assert json.dumps({"r": Region.WEST, "n": Level.HIGH}) == '{"r": "us-west1", "n": 3}'


# Which annotations are valid


def test_the_annotations_of_a_schema_are_found_in_order_with_the_way_to_them() -> None:
    found = read_annotations(
        schema(
            region=annotated("Region"),
            query=STRING,
            where={"type": "object", "properties": {"tenant": annotated("Tenant-Id", type="integer")}},
            dry=annotated("Dry", type="boolean"),
        )
    )
    assert found == (
        Annotation(name="Region", path=("region",)),
        Annotation(name="Dry", path=("dry",)),
        Annotation(name="Tenant-Id", path=("where", "tenant")),
    )


def test_a_tool_without_annotations_has_none() -> None:
    assert read_annotations({"type": "object"}) == ()
    assert read_annotations(schema(a=STRING, b=True, c={})) == ()


@pytest.mark.parametrize("name", ["Method", "X", "!#$%&'*+-.^_`|~09AZaz", "a"])
def test_every_token_is_a_name(name: str) -> None:
    assert read_annotations(schema(a=annotated(name))) == (Annotation(name=name, path=("a",)),)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is empty"),
        ("My Region", "no token"),
        ("Region:Primary", "no token"),
        ("Région", "no token"),
        ("Region\t1", "no token"),
        ("Region\r\nEvil: 1", "no token"),
        ("Region\n", "no token"),
        ("\x00", "no token"),
        ("a/b", "no token"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER R}egion", "no token"),
        (None, "no text"),
        (1, "no text"),
        (True, "no text"),
        (["Region"], "no text"),
        ({"name": "Region"}, "no text"),
    ],
)
def test_a_name_that_is_no_token_makes_the_tool_invalid(name: object, reason: str) -> None:
    with pytest.raises(InvalidToolHeaders, match=f"^x-mcp-header of parameter 'value' .*{reason}"):
        read_annotations(schema(value=annotated(name)))


@pytest.mark.parametrize(("one", "other"), [("Region", "Region"), ("MyField", "myfield"), ("REGION", "region")])
def test_two_annotations_of_one_name_make_the_tool_invalid(one: str, other: str) -> None:
    with pytest.raises(InvalidToolHeaders, match="parameter 'field1' and parameter 'field2' have the same"):
        read_annotations(schema(field1=annotated(one), field2=annotated(other)))
    with pytest.raises(InvalidToolHeaders, match="have the same"):
        read_annotations(schema(field1=annotated(one), deep=schema(field2=annotated(other))))


@pytest.mark.parametrize(
    "kind",
    [
        *("string", "integer", "boolean"),
        *(["string"], ["string", "null"], ["null", "integer"], ["string", "integer", "boolean"]),
    ],
)
def test_a_parameter_of_a_primitive_type_may_be_annotated_and_null_beside_it(kind: object) -> None:
    assert read_annotations(schema(a=annotated("A", type=kind))) == (Annotation(name="A", path=("a",)),)


@pytest.mark.parametrize(
    "kind",
    [
        *("number", "object", "array", "null", "String", "any", "", None, True, 1, {}, {"type": "string"}),
        *([], ["null"], ["null", "null"], ["string", "number"], ["string", "object"], ["array", "null"]),
        *(["string", None], ["string", ["string"]], ["string", {}]),
    ],
)
def test_a_parameter_of_any_other_type_may_not(kind: object) -> None:
    with pytest.raises(InvalidToolHeaders, match="parameter 'a' has an x-mcp-header and is no string"):
        read_annotations(schema(a=annotated("A", type=kind)))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"$ref": "#/$defs/region"},
        {"enum": ["a", "b"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"const": "a"},
    ],
)
def test_a_parameter_that_does_not_say_its_type_may_not(more: dict[str, object]) -> None:
    with pytest.raises(InvalidToolHeaders, match="is no string, integer or boolean"):
        read_annotations({**schema(a={"x-mcp-header": "A", **more}), "$defs": {"region": STRING}})


PLACES: dict[str, dict[str, Any]] = {
    **{
        keyword: {keyword: annotated()}
        for keyword in (
            *("items", "additionalItems", "contains", "unevaluatedItems", "additionalProperties", "propertyNames"),
            *("unevaluatedProperties", "not", "if", "then", "else", "contentSchema"),
        )
    },
    **{keyword: {keyword: [STRING, annotated()]} for keyword in ("prefixItems", "items", "allOf", "anyOf", "oneOf")},
    **{
        keyword: {keyword: {"a": annotated()}}
        for keyword in ("$defs", "definitions", "patternProperties", "dependentSchemas", "dependencies")
    },
    "items as a list": {"items": [STRING, annotated()]},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    "around",
    [
        lambda inner: inner,
        lambda inner: schema(a=STRING, b=inner),
        lambda inner: {"allOf": [{"properties": {"deep": inner}}]},
    ],
    ids=["at the root", "in a property", "below another keyword"],
)
def test_an_annotation_where_no_chain_of_properties_leads_makes_the_tool_invalid(place: Any, around: Any) -> None:
    with pytest.raises(InvalidToolHeaders, match="x-mcp-header stands where no chain of properties leads"):
        read_annotations(around(place))


def test_an_annotation_of_all_the_arguments_makes_the_tool_invalid() -> None:
    with pytest.raises(InvalidToolHeaders, match="no chain of properties"):
        read_annotations({**schema(a=STRING), **annotated()})


@pytest.mark.parametrize("keyword", ["items", "additionalProperties", "not", "then"])
def test_the_chain_does_not_begin_anew_behind_another_keyword(keyword: str) -> None:
    with pytest.raises(InvalidToolHeaders, match="no chain of properties"):
        read_annotations(schema(a={keyword: schema(b=annotated())}))
    with pytest.raises(InvalidToolHeaders, match="no chain of properties"):
        read_annotations({keyword: schema(b=schema(c=annotated()))})


@pytest.mark.parametrize(
    "name",
    ["x-mcp-header", "items", "properties", "$defs", "allOf", "default", "enum", "$ref", "type", "not", ""],
)
def test_a_property_that_is_called_like_a_keyword_is_a_property(name: str) -> None:
    assert read_annotations(schema(**{name: STRING})) == ()
    assert read_annotations(schema(**{name: annotated("A")})) == (Annotation(name="A", path=(name,)),)
    deep = schema(**{name: schema(**{name: annotated("A")})})
    assert read_annotations(deep) == (Annotation(name="A", path=(name, name)),)


@pytest.mark.parametrize(
    "data",
    [
        *({"default": annotated(1)}, {"const": annotated(1)}, {"enum": [annotated(1)]}, {"examples": [annotated(1)]}),
        *({"example": annotated(1)}, {"x-other": annotated(1)}, {"$comment": "x-mcp-header"}),
        *({"required": ["x-mcp-header"]}, {"dependentRequired": {"x-mcp-header": ["a"]}}),
        *({"dependencies": {"a": ["x-mcp-header"]}}, {"$ref": "#/x-other"}, {"description": "x-mcp-header"}),
    ],
    ids=str,
)
def test_data_in_a_schema_is_no_annotation(data: dict[str, object]) -> None:
    assert read_annotations({**schema(a={**STRING, **data}), **data}) == ()


@pytest.mark.parametrize(
    "odd",
    [
        *({"properties": ["x-mcp-header"]}, {"properties": None}, {"properties": {"a": "x-mcp-header"}}),
        *({"properties": {"a": [annotated()]}}, {"allOf": "x-mcp-header"}, {"$defs": [annotated()]}, {"items": True}),
    ],
    ids=str,
)
def test_what_is_no_schema_at_all_is_passed_over(odd: dict[str, object]) -> None:
    assert read_annotations(odd) == ()


def deep(levels: int, innermost: Mapping[str, object], *, keyword: str = "properties") -> Mapping[str, object]:
    for _ in range(levels):
        innermost = {keyword: {"a": innermost}} if keyword == "properties" else {keyword: innermost}
    return innermost


def test_a_schema_may_be_of_any_depth() -> None:
    assert read_annotations(deep(50_000, STRING)) == ()
    assert read_annotations(deep(50_000, STRING, keyword="items")) == ()
    with pytest.raises(InvalidToolHeaders, match="no chain"):
        read_annotations(deep(50_000, annotated(), keyword="items"))


def test_an_annotation_may_stand_a_hundred_properties_deep_and_no_deeper() -> None:
    assert [len(each.path) for each in read_annotations(deep(MAX_DEPTH, annotated()))] == [MAX_DEPTH]
    for levels in (MAX_DEPTH + 1, MAX_DEPTH + 2, 50_000):
        with pytest.raises(InvalidToolHeaders, match="deeper than 100 properties"):
            read_annotations(deep(levels, annotated()))


def test_a_reason_is_short_and_safe_to_show() -> None:
    hostile = "\x1b[31m\u202e" + "x" * 100_000 + "\ud800"
    for broken in (
        schema(**{hostile: annotated(hostile)}),
        schema(**{hostile: annotated("A", type="array")}),
        schema(**{hostile: annotated("A"), hostile + "2": annotated("a")}),
    ):
        with pytest.raises(InvalidToolHeaders) as refused:
            read_annotations(broken)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 250


# What a call sends

#: The tool of the official suite, and what the suite calls it with.
SUITE = schema(
    region=annotated("Region"),
    priority=annotated("Priority", type="integer"),
    verbose=annotated("Verbose", type="boolean"),
    debug=annotated("Debug", type="boolean"),
    empty_val=annotated("EmptyVal"),
    method_val=annotated("Method"),
    float_val={"type": "number"},
    non_ascii_val=annotated("NonAscii"),
    whitespace_val=annotated("Whitespace"),
    leading_space_val=annotated("LeadingSpace"),
    trailing_space_val=annotated("TrailingSpace"),
    internal_space_val=annotated("InternalSpace"),
    control_char_val=annotated("ControlChar"),
    crlf_val=annotated("CrLf"),
    tab_val=annotated("Tab"),
    query=STRING,
)


def test_the_call_of_the_official_suite_is_sent_with_these_headers() -> None:
    arguments = {
        "region": "us-west1",
        "priority": 42,
        "verbose": False,
        "debug": True,
        "empty_val": "",
        "method_val": "test-method",
        "float_val": 3.14159,
        "non_ascii_val": "Hello, 世界",
        "whitespace_val": " padded ",
        "leading_space_val": " us-west1",
        "trailing_space_val": "us-west1 ",
        "internal_space_val": "us west 1",
        "control_char_val": "line1\nline2",
        "crlf_val": "line1\r\nline2",
        "tab_val": "\tindented",
        "query": "SELECT * FROM users",
    }
    assert build_param_headers(read_annotations(SUITE), arguments) == {
        "Mcp-Param-Region": "us-west1",
        "Mcp-Param-Priority": "42",
        "Mcp-Param-Verbose": "false",
        "Mcp-Param-Debug": "true",
        "Mcp-Param-EmptyVal": "",
        "Mcp-Param-Method": "test-method",
        "Mcp-Param-NonAscii": "=?base64?SGVsbG8sIOS4lueVjA==?=",
        "Mcp-Param-Whitespace": "=?base64?IHBhZGRlZCA=?=",
        "Mcp-Param-LeadingSpace": "=?base64?IHVzLXdlc3Qx?=",
        "Mcp-Param-TrailingSpace": "=?base64?dXMtd2VzdDEg?=",
        "Mcp-Param-InternalSpace": "us west 1",
        "Mcp-Param-ControlChar": "=?base64?bGluZTEKbGluZTI=?=",
        "Mcp-Param-CrLf": "=?base64?bGluZTENCmxpbmUy?=",
        "Mcp-Param-Tab": "=?base64?CWluZGVudGVk?=",
    }


def test_an_argument_that_is_null_or_absent_has_no_header() -> None:
    annotations = read_annotations(SUITE)
    arguments = {"region": "us-east1", "priority": 1, "verbose": None, "query": "SELECT 1"}
    assert build_param_headers(annotations, arguments) == {"Mcp-Param-Region": "us-east1", "Mcp-Param-Priority": "1"}
    assert build_param_headers(annotations, {}) == {}
    assert build_param_headers((), arguments) == {}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((0, "0"), (-7, "-7"), (2**53 - 1, "9007199254740991"), (-(2**53) + 1, "-9007199254740991")),
        *((42.0, "42"), (-0.0, "0"), (1e15, "1000000000000000"), (True, "true"), (False, "false")),
    ],
)
def test_numbers_and_truths_are_written_plainly(value: object, written: str) -> None:
    assert build_param_headers((Annotation(name="N", path=("n",)),), {"n": value}) == {"Mcp-Param-N": written}


@pytest.mark.parametrize("value", [2**53, -(2**53), 1e300, -1e16, 10**5000], ids=["a", "b", "c", "d", "e"])
def test_a_number_that_not_everyone_reads_alike_is_refused_by_the_name_of_its_parameter(value: float) -> None:
    with pytest.raises(
        ValueError, match=r"^The parameter 'where\.n' cannot be sent: the number is too large"
    ) as refused:
        build_param_headers((Annotation(name="N", path=("where", "n")),), {"where": {"n": value}})
    assert "9007199254740992" not in str(refused.value)


def test_a_text_that_is_no_unicode_is_refused_by_the_name_of_its_parameter() -> None:
    with pytest.raises(ValueError, match=r"^The parameter 'a' cannot be sent: .* half of a surrogate pair") as refused:
        build_param_headers(read_annotations(schema(a=annotated())), {"a": "canary\ud800"})
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "value", [3.5, float("inf"), float("nan"), ["a"], {"b": "c"}, b"a", pytest.param(object(), id="object")], ids=repr
)
def test_an_argument_of_another_kind_has_no_header(value: object) -> None:
    assert build_param_headers((Annotation(name="A", path=("a",)),), {"a": value}) == {}


@pytest.mark.parametrize(
    "arguments",
    [{}, {"b": "x"}, {"a": None}, {"a": "b"}, {"a": ["b"]}, {"a": {}}, {"a": {"b": None}}, {"a.b": "x"}],
    ids=str,
)
def test_only_the_exact_way_leads_to_an_argument(arguments: dict[str, object]) -> None:
    annotations = read_annotations(schema(a=schema(b=annotated())))
    assert build_param_headers(annotations, {"a": {"b": "x"}}) == {"Mcp-Param-Region": "x"}
    assert build_param_headers(annotations, arguments) == {}


def test_the_headers_arrive_at_a_server_as_they_were_meant() -> None:
    texts = {"empty": "", "plain": "us west 1", "far": "世界 ", "marked": "=?base64?x?="}
    annotations = read_annotations(schema(**{name: annotated(name) for name in texts}))
    with Origin() as server, requests.Session() as session:
        server.route("POST", "/mcp", lambda exchange: json_reply({}))
        session.trust_env = False
        headers = build_param_headers(annotations, texts)
        assert session.post(f"{server.url}/mcp", headers=headers, timeout=30).status_code == 200
        received = server.log[-1].headers
    assert {name: decoded(received[f"mcp-param-{name}"]) for name in texts} == texts
