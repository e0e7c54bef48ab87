"""What a tool takes is read from schemas of any making, hostile ones too, in a moment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.cli.tool_parameters import KINDS, read_parameters

from .terminal import OBEYED


def explained(schema: Any, **more: Any) -> str:
    parameter = read_parameters({"type": "object", "properties": {"p": schema}, **more}).parameters["p"]
    return parameter.explained


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string"}, "string"),
        ({"type": "number"}, "number"),
        ({"type": ["null", "integer"]}, "integer or null"),
        ({"type": ["number", "integer"]}, "number"),
        ({"type": "array"}, "array"),
        ({"type": "array", "items": {"type": "number"}}, "array of number"),
        ({"type": "array", "items": {}}, "array"),
        ({}, "anything"),
        (True, "anything"),
        ({"type": "color"}, "anything"),
        ({"type": []}, "anything"),
        ({"const": 5}, "integer"),
        ({"enum": ["a", ""]}, 'one of a, ""'),
        ({"enum": list(range(20))}, "one of 0, 1, 2, 3, 4, 5, 6, 7, 12 more"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "integer or null"),
        ({"anyOf": [{}, {"type": "null"}]}, "anything"),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, "string or integer"),
        ({"allOf": [{"type": ["integer", "string"]}, {"type": "integer"}]}, "integer"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "string or integer"),
        ({"type": "string", "anyOf": [{"minLength": 3}, {"type": "string"}]}, "string"),
        ({"$ref": "#/$defs/Size~1~0", "default": 2}, "integer, default 2"),
        ({"$ref": "#/$defs/nowhere"}, "anything"),
        ({"$ref": "https://example.com/schema"}, "anything"),
        ({"$ref": "#/$defs/Round"}, "anything"),
        ({"$ref": "#"}, "object"),
        ({"type": "boolean", "default": False}, "boolean, default false"),
        ({"type": "object", "default": {"a": 1}}, "object"),
    ],
)
def test_a_type_is_told_in_words(schema: Any, told: str) -> None:
    assert explained(schema, **{"$defs": {"Size/~": {"type": "integer"}, "Round": {"$ref": "#/$defs/Round"}}}) == told


def test_what_is_required_is_so_in_every_case_only() -> None:
    takes = read_parameters(
        {
            "properties": {"a": {}, "b": {}, "c": {}, "d": {}},
            "required": ["a", 5, "unknown"],
            "allOf": [{"required": ["b"]}, {"$ref": "#/$defs/More"}],
            "anyOf": [{"required": ["d"]}, {"properties": {"e": {"type": "null"}}}],
            "$defs": {"More": {"required": ["c"]}},
        }
    )
    assert [name for name, parameter in takes.parameters.items() if parameter.required] == ["a", "b", "c"]
    assert takes.parameters["e"].kinds == {"null"}


WORDS = ["type", "properties", "required", "anyOf", "oneOf", "allOf", "$ref", "$defs", "items", "enum", "const"]
WORDS += ["default", "description", "additionalProperties", "patternProperties", "a"]
LEAVES = st.none() | st.booleans() | st.floats() | st.sampled_from([*KINDS, "#", "#/$defs/a", "#/properties/a"])
SCHEMAS = st.recursive(
    LEAVES | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(WORDS), SCHEMAS, max_size=8))
def test_any_schema_is_read_and_told_safely(schema: dict[str, Any]) -> None:
    for parameter in read_parameters(schema).parameters.values():
        assert OBEYED.findall(f"{parameter} {parameter.description}") == []
        assert parameter.kinds <= set(KINDS)


def test_a_schema_that_multiplies_is_given_up() -> None:
    """Each level refers to the next one a hundred times; others have no end."""
    levels = {f"l{n}": {"anyOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 100} for n in range(50)}
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"anyOf": [deep], "items": deep, "allOf": [deep]}
    bottomless: list[Any] = []
    for _ in range(100_000):
        bottomless = [bottomless]
    assert explained({"enum": [bottomless, 1]}) == "one of ..., 1"
    properties = {f"p{n}": {"$ref": "#/$defs/l0"} for n in range(100)}
    takes = read_parameters({"properties": {**properties, "deep": deep}, "$defs": levels})
    assert {parameter.explained for parameter in takes.parameters.values()} == {"anything"}
