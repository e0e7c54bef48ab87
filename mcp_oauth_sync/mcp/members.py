"""Reading members of what an MCP server sent: one checked getter per type, and what all records have.

A member that the schema requires is there and has its type, or :class:`MCPError` names it without its value. An
optional member of a wrong type counts as absent, as ``null`` does: servers are sloppy where nothing hangs on it.
A boolean is no number, and neither is what JSON cannot write (``NaN``, ``Infinity``).
"""

from __future__ import annotations

import base64
import math
import reprlib
from collections.abc import Mapping
from typing import TypeVar

import attrs

from ..exceptions import MCPError
from ..models.document import Document

_T = TypeVar("_T")

_short = reprlib.Repr()
_short.maxstring, _short.maxother, _short.maxtuple, _short.maxdict = 80, 120, 4, 8
#: Shows any value in a few characters, however large or deep it is.
brief = _short.repr


@attrs.frozen(kw_only=True, repr=False)
class Record:
    """What every record has.

    Attributes:
        raw: All that the server sent, untouched, with the members this library does not know.
    """

    raw: Document = attrs.field(factory=dict, repr=False)

    @property
    def meta(self) -> Document:
        """What came as ``_meta``; empty when nothing did."""
        return mapping(self.raw, "_meta") or {}

    def __repr__(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in attrs.fields(type(self)) if field.repr}
        said = [f"{name}={brief(value)}" for name, value in shown.items() if value not in (None, (), {})]
        return f"{type(self).__name__}({', '.join(said)})"


def text(document: Document, member: str) -> str | None:
    """Return a string member, which may be empty, or None."""
    value = document.get(member)
    return value if isinstance(value, str) else None


def number(document: Document, member: str) -> float | None:
    """Return a numeric member as it came, whole or not, or None."""
    value = document.get(member)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # more digits than a float can count
        return None


def integer(document: Document, member: str) -> int | None:
    """Return a whole number, also one written as ``10.0``, or None."""
    value = number(document, member)
    return int(value) if value is not None and value == int(value) else None


def mapping(document: Document, member: str) -> Document | None:
    """Return an object, the very one received, or None."""
    value = document.get(member)
    return value if isinstance(value, Mapping) else None


def objects(document: Document, member: str) -> tuple[Document, ...] | None:
    """Return an array of objects as a tuple, or None."""
    value = document.get(member)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, Mapping) for item in value):
        return None
    return tuple(value)


def documents(document: Document, member: str) -> list[Document]:
    """Return what an array holds; what is no object becomes an empty one, which nothing can be made of."""
    held = document.get(member)
    return [each if isinstance(each, Mapping) else {} for each in held] if isinstance(held, list) else []


def texts(document: Document, member: str) -> tuple[str, ...] | None:
    """Return an array of strings as a tuple, or None."""
    value = document.get(member)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


def binary(document: Document, member: str, *, of: str) -> bytes | None:
    """Return the bytes of a base64 member, or None when there is none. Line breaks in it are passed over.

    Raises:
        MCPError: It is no base64.
    """
    encoded = text(document, member)
    if encoded is None:
        return None
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except ValueError:
        raise malformed(member, of=of, why="is not base64") from None


def required_text(document: Document, member: str, *, of: str) -> str:
    """Return a string member that has to be there. ``of`` says in what, for the message."""
    return _required(text(document, member), document, member, of=of, kind="a string")


def required_number(document: Document, member: str, *, of: str) -> float:
    """Return a numeric member that has to be there."""
    return _required(number(document, member), document, member, of=of, kind="a number")


def required_mapping(document: Document, member: str, *, of: str) -> Document:
    """Return an object that has to be there."""
    return _required(mapping(document, member), document, member, of=of, kind="an object")


def required_objects(document: Document, member: str, *, of: str) -> tuple[Document, ...]:
    """Return an array of objects that has to be there."""
    return _required(objects(document, member), document, member, of=of, kind="an array of objects")


def required_texts(document: Document, member: str, *, of: str) -> tuple[str, ...]:
    """Return an array of strings that has to be there."""
    return _required(texts(document, member), document, member, of=of, kind="an array of strings")


def _required(value: _T | None, document: Document, member: str, *, of: str, kind: str) -> _T:
    if value is not None:
        return value
    raise malformed(member, of=of, why="is missing" if document.get(member) is None else f"is not {kind}")


def malformed(member: str, *, of: str, why: str) -> MCPError:
    """Return the error for a member that is not as it has to be."""
    return MCPError(f"The server sent {of} whose {member!r} {why}.")
