"""Reading members out of JSON documents that somebody else wrote.

One checked getter per type. Unknown members are never looked at; ``null`` counts as absent. What is there
but has another type raises :class:`MalformedDocument`, which the caller turns into the error of its field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

Document = Mapping[str, Any]


class MalformedDocument(ValueError):
    """A member of a document has a type it must not have; the message names the member."""


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
