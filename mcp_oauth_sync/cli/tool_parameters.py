"""What a tool takes, read from its input schema to be told to a person. MCP schema, ``Tool``; JSON Schema 2020-12.

Only as much of JSON Schema as names the parameters and their types. References within the schema are followed, no
others. What is not understood counts as anything: the server has the last word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ..exceptions import printable

#: In the order in which they are told.
KINDS = ("string", "integer", "number", "boolean", "array", "object", "null")
_OF_VALUES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
#: Steps into a schema, and schemas in it, that are looked at: a hostile one could be without end.
_DEEPEST, _MOST = 12, 2000
_CHOICES = 8


@attrs.frozen(kw_only=True)
class Parameter:
    """One parameter of a tool.

    Attributes:
        name: As the server wrote it.
        kinds: The JSON types that it takes; empty when it takes anything, or the schema does not say.
        required: Whether the tool cannot do without it.
        explained: Its type, choices and default in words, fit to be shown.
        description: What it is for, fit to be shown; empty when the server does not say.
    """

    name: str
    kinds: frozenset[str] = frozenset()
    required: bool = False
    explained: str = ""
    description: str = ""

    def __str__(self) -> str:
        return f"{printable(self.name, 60)} ({self.explained})"


@attrs.frozen(kw_only=True)
class Takes:
    """What a tool takes.

    Attributes:
        parameters: By name, in the server's order.
        others: Whether it takes more than these.
    """

    parameters: Mapping[str, Parameter]
    others: bool


def read_parameters(input_schema: Mapping[str, Any]) -> Takes:
    """Read what a tool takes.

    Args:
        input_schema: The tool's ``inputSchema``.
    """
    reader = _Reader(input_schema)
    properties: dict[str, Any] = {}
    required: set[str] = set()
    others, closed = False, False
    for schema, alternative in reader.parts(input_schema):
        named = schema.get("properties")
        if isinstance(named, Mapping):
            closed = True
            for name, each in named.items():
                properties.setdefault(name, each)
        needed = schema.get("required")
        if isinstance(needed, list) and not alternative:
            required.update(name for name in needed if isinstance(name, str))
        more = schema.get("additionalProperties")
        closed = closed or more is False
        others = others or more is True or isinstance(more, Mapping) or bool(schema.get("patternProperties"))
    parameters = {name: reader.parameter(name, each, name in required) for name, each in properties.items()}
    return Takes(parameters=parameters, others=others or not closed)


class _Reader:
    """Reads one schema, within limits."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root, self._left = root, _MOST

    def parts(self, schema: object, depth: int = 0, *, alternative: bool = False) -> Iterator[tuple[Any, bool]]:
        """Return a schema and those that apply at the same place, and whether each is one of several that may."""
        self._left -= 1
        if depth > _DEEPEST or self._left < 0 or not isinstance(schema, Mapping):
            return
        yield schema, alternative
        yield from self.parts(self._target(schema), depth + 1, alternative=alternative)
        for keyword in ("allOf", "anyOf", "oneOf"):
            for each in _listed(schema, keyword):
                yield from self.parts(each, depth + 1, alternative=alternative or keyword != "allOf")

    def parameter(self, name: str, schema: object, required: bool) -> Parameter:
        """Describe one parameter."""
        parts = [part for part, _ in self.parts(schema)]
        kinds = self.kinds(schema) or frozenset()
        said = [part["description"] for part in parts if isinstance(part.get("description"), str)]
        explained = [self._explained(kinds, parts)]
        if required:
            explained.append("required")
        default = next((part["default"] for part in parts if "default" in part), None)
        if isinstance(default, (str, int, float)):
            explained.append(f"default {_typed(default)}")
        return Parameter(
            name=name,
            kinds=kinds,
            required=required,
            explained=", ".join(explained),
            description=printable(said[0], 500) if said else "",
        )

    def kinds(self, schema: object, depth: int = 0) -> frozenset[str] | None:
        """Return the types that a schema lets pass; None for all."""
        self._left -= 1
        if depth > _DEEPEST or self._left < 0 or not isinstance(schema, Mapping):
            return None
        said = [_own_kinds(schema), self.kinds(self._target(schema), depth + 1)]
        said += [self.kinds(each, depth + 1) for each in _listed(schema, "allOf")]
        for keyword in ("anyOf", "oneOf"):
            branches = [self.kinds(each, depth + 1) for each in _listed(schema, keyword)]
            if branches and None not in branches:
                said.append(frozenset().union(*(branch for branch in branches if branch is not None)))
        found: frozenset[str] | None = None
        for kinds in said:
            if kinds is not None:
                found = kinds if found is None else (found & kinds) or (found | kinds)
        return found

    def _target(self, schema: Mapping[str, Any]) -> object:
        """Return what a reference within the schema leads to; None without one."""
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        found: object = self._root
        for step in reference[1:].split("/")[1:_DEEPEST]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found

    def _explained(self, kinds: frozenset[str], parts: list[Any]) -> str:
        choices = [_typed(value) for part in parts for value in _listed(part, "enum")]
        if choices:
            more = [f"{len(choices) - _CHOICES} more"] if len(choices) > _CHOICES else []
            return "one of " + ", ".join(choices[:_CHOICES] + more)
        words = {kind: kind for kind in KINDS}
        items = next((part["items"] for part in parts if "items" in part), None)
        if held := _in_words(self.kinds(items) or (), words):
            words["array"] = f"array of {held}"
        return _in_words(kinds, words) or "anything"


def _own_kinds(schema: Mapping[str, Any]) -> frozenset[str] | None:
    kinds = schema.get("type")
    named = kinds if isinstance(kinds, list) else [kinds]
    if named and all(isinstance(kind, str) and kind in KINDS for kind in named):
        # Every whole number is a number.
        return frozenset(named) | (frozenset({"integer"}) if "number" in named else frozenset())
    values = _listed(schema, "enum") + ([schema["const"]] if "const" in schema else [])
    return frozenset(_OF_VALUES.get(type(value), "null") for value in values) or None


def _in_words(kinds: frozenset[str] | tuple[()], words: Mapping[str, str]) -> str:
    told = [kind for kind in KINDS if kind in kinds and not (kind == "integer" and "number" in kinds)]
    return " or ".join(words[kind] for kind in told)


def _listed(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []


def _typed(value: object) -> str:
    """Return a value as somebody would type it, fit to be shown."""
    if isinstance(value, str):
        return printable(value, 40) or '""'
    try:
        return printable(json.dumps(value), 40)
    except (ValueError, RecursionError):
        return "..."
