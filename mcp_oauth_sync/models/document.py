"""Reading members out of JSON documents that somebody else wrote.

One checked getter per type. Unknown members are never looked at; ``null`` counts as absent. What is there
but has another type raises :class:`MalformedDocument`, which the caller turns into the error of its field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

Document = Mapping[str, Any]


class MalformedDocument(ValueError):
    """A member of a document has a type it must not have; the message names the member."""


class NewerSchema(MalformedDocument):
    """What is stored was written by a newer version of this library."""


def stored_document(stored: str) -> Document:
    """Return what was stored as JSON.

    Raises:
        MalformedDocument: It is no JSON object.
    """
    try:
        document = json.loads(stored)
    except (ValueError, RecursionError):
        raise MalformedDocument("it is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedDocument("it is not a JSON object")
    return document


def require_schema(document: Document, newest: int) -> None:
    """Check the version of a stored form.

    Args:
        document: What was stored.
        newest: The newest version that can be read.

    Raises:
        NewerSchema: It is a newer one.
        MalformedDocument: It is none.
    """
    schema = number(document, "schema")
    if schema is None or schema != int(schema) or schema < 1:
        raise MalformedDocument("'schema' is not a version")
    if schema > newest:
        raise NewerSchema(f"schema {int(schema)} is newer than {newest}")


def text(document: Document, member: str) -> str | None:
    """Return a string member, or None when absent or empty."""
    value = document.get(member)
    if value is None or value == "":
        return None
    if not _is_text(value):
        raise MalformedDocument(f"{member!r} is not a string")
    return value


def _is_text(value: object) -> TypeGuard[str]:
    # JSON can spell half a character (a lone surrogate), which no form and no header can carry.
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def required_text(document: Document, member: str) -> str:
    """Return a string member that has to be there."""
    value = text(document, member)
    if value is None:
        raise MalformedDocument(f"{member!r} is missing")
    return value


def texts(document: Document, member: str) -> tuple[str, ...] | None:
    """Return an array of strings as a tuple, or None when absent."""
    value = document.get(member)
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(_is_text(item) for item in value):
        raise MalformedDocument(f"{member!r} is not an array of strings")
    return tuple(value)


def section(document: Document, member: str) -> Document | None:
    """Return an object member, or None when absent."""
    value = document.get(member)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise MalformedDocument(f"{member!r} is not an object")
    return value


def flag(document: Document, member: str) -> bool:
    """Return a boolean member; anything but ``true`` is False."""
    return document.get(member) is True


def number(document: Document, member: str) -> float | None:
    """Return a numeric member, or None when absent; a string of digits counts as a number."""
    value = document.get(member)
    if value is None or value == "":
        return None
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise MalformedDocument(f"{member!r} is not a number") from None
    if isinstance(value, bool) or result != result or abs(result) > 1e15:
        raise MalformedDocument(f"{member!r} is not a number")
    return result
