"""What a field of a form lets one choose from, however its schema says it. MCP Elicitation, "Requested Schema"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from ..exceptions import MCPError, printable

Primitive = str | int | float | bool
Choice = tuple[Primitive, str]
#: JSON-RPC's "Invalid params": what a request that makes no sense is answered with.
INVALID_PARAMS = -32602


def choices(field_schema: Mapping[str, Any]) -> tuple[Choice, ...]:
    """Return each value that a field lets one choose from, and its title, fit to be shown; empty without a choice.

    Args:
        field_schema: The schema of one field.

    Raises:
        MCPError: The choices are not plain values. The code is that of invalid params.
    """
    schema = without_null(field_schema)
    if schema.get("type") == "array":
        items = schema.get("items")
        return choices({**items, "type": "string"}) if isinstance(items, Mapping) else ()
    for member in ("oneOf", "anyOf"):
        if isinstance(options := schema.get(member), list):
            return _titled((_member(option, "const"), _member(option, "title")) for option in options)
    if isinstance(values := schema.get("enum"), list):
        names = schema.get("enumNames")
        known = names if isinstance(names, list) else []
        padded = [*known, *[None] * len(values)]
        return _titled(pair for pair in zip(values, padded, strict=False) if pair[0] is not None)
    return _titled([(schema["const"], None)]) if "const" in schema else ()


def without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out that a field may be null, which older servers write: leaving the field out says the same.

    Args:
        schema: The schema of one field.
    """
    kinds = schema.get("type")
    if isinstance(kinds, list):
        kept = [kind for kind in kinds if kind != "null"]
        schema = {**schema, "type": kept[0] if len(kept) == 1 else None}
    for member in ("anyOf", "oneOf"):
        if isinstance(options := schema.get(member), list):
            real = [option for option in options if _member(option, "type") != "null"]
            rest = {key: value for key, value in schema.items() if key != member}
            if len(real) == 1 < len(options) and isinstance(real[0], Mapping) and "const" not in real[0]:
                return {**real[0], **rest}
            schema = {**rest, member: real}
    return schema


def is_same(known: Primitive, value: object) -> bool:
    """Tell whether a value is a choice; true is not 1, although Python says so."""
    return isinstance(known, bool) == isinstance(value, bool) and known == value


def is_sendable(value: object) -> TypeGuard[str]:
    """Tell whether a value is text that UTF-8 can carry; JSON can spell half a character."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def is_plain(value: object) -> TypeGuard[Primitive]:
    """Tell whether a value is one that JSON can carry and that holds no others."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) or is_sendable(value)


def malformed(why: str) -> MCPError:
    """Return the error for a form that makes no sense.

    Args:
        why: What is wrong, to follow a colon.
    """
    return MCPError(f"The form that the server sent is malformed: {why}.", code=INVALID_PARAMS)


def _titled(pairs: Iterable[tuple[object, object]]) -> tuple[Choice, ...]:
    found: list[Choice] = []
    for value, title in pairs:
        if not is_plain(value):
            raise malformed("a choice is not a plain value")
        shown = printable(title, 100) if isinstance(title, str) else ""
        found.append((value, shown or printable(value, 100)))
    return tuple(found)


def _member(option: object, name: str) -> object:
    return option.get(name) if isinstance(option, Mapping) else None
