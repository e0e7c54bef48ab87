"""Headers that repeat a part of the message: how a value is written, and which arguments of a tool are repeated.

MCP Streamable HTTP 2026-07-28, "Request Metadata".
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs

from ..exceptions import printable

#: What a tool's schema says of a parameter that is repeated in a header.
KEYWORD = "x-mcp-header"
#: What the names of these headers begin with.
PREFIX = "Mcp-Param-"
#: Most steps from the root of a schema to such a parameter. No caller nests arguments as deep.
MAX_DEPTH = 100

# Visible ASCII, with spaces between. A tab is a control character, and so goes the safe way.
_PLAIN = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
_BEGIN, _END = "=?base64?", "?="
# RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What JavaScript counts exactly.
_LARGEST = 2**53 - 1
_PRIMITIVE = frozenset({"string", "integer", "boolean"})
# Where JSON Schema has schemas, in 2020-12 and before. What another keyword holds (default, enum) is data.
_NAMED = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})
_NESTED = frozenset(
    {
        *("additionalItems", "contains", "items", "prefixItems", "unevaluatedItems"),
        *("additionalProperties", "propertyNames", "unevaluatedProperties"),
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "contentSchema"),
    }
)

# The way from the root: what it is to the properties around, and a name; None where something else lies on it. A
# way shares its beginning with others: each with names of its own would fill the memory.
_Way: TypeAlias = "tuple[_Way, str] | tuple[()] | None"


class InvalidToolHeaders(ValueError):
    """A tool's annotations break a rule: the tool is left out. The message says which, safe to show."""


@attrs.frozen(kw_only=True)
class Annotation:
    """One argument of a tool that is repeated in a header.

    Attributes:
        name: Name of the header after ``Mcp-Param-``.
        path: Names that lead to the argument, from the outside in.
    """

    name: str
    path: tuple[str, ...]


def encode_header(text: str) -> str:
    """Write text so that a header carries it unchanged: as it is, or in base64 between markers.

    Args:
        text: A name, a URI or an argument. Nothing stays nothing.

    Raises:
        ValueError: It holds half of a surrogate pair, which UTF-8 cannot write.

    MCP Streamable HTTP 2026-07-28, "Value Encoding".
    """
    if _PLAIN.fullmatch(text) and not (text.startswith(_BEGIN) and text.endswith(_END)):
        return str.__str__(text)  # a member of an enumeration is sent by its value
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half of a surrogate pair, which no header can carry") from None
    return f"{_BEGIN}{base64.b64encode(octets).decode()}{_END}"


def read_annotations(input_schema: Mapping[str, object]) -> tuple[Annotation, ...]:
    """Find the parameters of a tool that are repeated in headers. No ``$ref`` is followed.

    A list of types counts as primitive when each of them is, or is ``null``, and not all are ``null``.

    Args:
        input_schema: The tool's ``inputSchema``.

    Raises:
        InvalidToolHeaders: An annotation breaks a rule: no token, twice the same name, no primitive type, or a place
            to which no chain of ``properties`` leads.

    MCP Streamable HTTP 2026-07-28, "Schema Extension".
    """
    found: dict[str, Annotation] = {}
    for way, schema in _schemas(input_schema):
        if KEYWORD not in schema:
            continue
        if not way:
            raise InvalidToolHeaders(f"{KEYWORD} stands where no chain of properties leads")
        path = _path(way)
        name = _checked(schema, path)
        other = found.setdefault(name.lower(), Annotation(name=name, path=path))
        if other.path != path:
            raise InvalidToolHeaders(f"{_where(other.path)} and {_where(path)} have the same {KEYWORD}")
    return tuple(found.values())


def build_param_headers(annotations: Iterable[Annotation], arguments: Mapping[str, object]) -> dict[str, str]:
    """Write the headers of one call. An argument that is absent, null or of another kind has none.

    A float without a fraction counts as an integer, as in JSON Schema.

    Args:
        annotations: What :func:`read_annotations` found.
        arguments: The arguments of the call.

    Raises:
        ValueError: An integer is larger than 2**53 - 1 either way, or a text is no Unicode. The message names the
            parameter, not the value.

    MCP Streamable HTTP 2026-07-28, "Client Behavior".
    """
    headers: dict[str, str] = {}
    for annotation in annotations:
        try:
            text = _text(_value(arguments, annotation.path))
            if text is not None:
                headers[PREFIX + annotation.name] = encode_header(text)
        except ValueError as failure:
            raise ValueError(f"The {_where(annotation.path)} cannot be sent: {failure}.") from None
    return headers


def _schemas(root: Mapping[str, object]) -> Iterator[tuple[_Way, Mapping[str, object]]]:
    """Return every schema in a schema and the way to it. A queue, not recursion: it may be of any depth."""
    waiting: deque[tuple[_Way, object]] = deque([((), root)])
    while waiting:
        way, schema = waiting.popleft()
        if isinstance(schema, Mapping):
            yield way, schema
            for keyword, value in schema.items():
                if keyword in _NAMED and isinstance(value, Mapping):
                    passable = way is not None and keyword == "properties"
                    waiting.extend(((way, name) if passable else None, each) for name, each in value.items())
                elif keyword in _NESTED:
                    waiting.extend((None, each) for each in (value if isinstance(value, list) else [value]))


def _path(way: _Way) -> tuple[str, ...]:
    """Return the names from the root down, or the last of them where they are too many."""
    names: list[str] = []
    while way and len(names) <= MAX_DEPTH:
        way, name = way
        names.append(name)
    return tuple(reversed(names))


def _checked(schema: Mapping[str, object], path: tuple[str, ...]) -> str:
    """Return the name that an annotation gives."""
    name = schema[KEYWORD]
    if len(path) > MAX_DEPTH:
        raise InvalidToolHeaders(f"{KEYWORD} stands deeper than {MAX_DEPTH} properties")
    if not isinstance(name, str):
        raise InvalidToolHeaders(f"{KEYWORD} of {_where(path)} is no text")
    if not _TOKEN.fullmatch(name):
        said = f"is no token: {printable(name, 40)!r}" if name else "is empty"
        raise InvalidToolHeaders(f"{KEYWORD} of {_where(path)} {said}")
    kinds = schema.get("type")
    names = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    if not names or not all(isinstance(kind, str) and kind in _PRIMITIVE for kind in names):
        raise InvalidToolHeaders(f"{_where(path)} has an {KEYWORD} and is no string, integer or boolean")
    return name


def _where(path: tuple[str, ...]) -> str:
    return f"parameter {printable('.'.join(path), 80)!r}"


def _value(arguments: object, path: tuple[str, ...]) -> object:
    """Return the argument a path leads to; None when there is none."""
    for name in path:
        if not isinstance(arguments, Mapping):
            return None
        arguments = arguments.get(name)
    return arguments


def _text(value: object) -> str | None:
    """Return an argument as text; None for what has no header."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        return None
    if abs(value) > _LARGEST:
        raise ValueError("the number is too large for a header")
    return int.__repr__(value)  # a member of an enumeration is sent by its value
