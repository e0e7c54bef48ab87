"""What may be shown of a secret: plain JSON in which no secret lies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .secret import Secret

#: So many characters of a secret in a row are not shown.
WINDOW = 8


def plain_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a copy of what may be shown of a secret; None gives none.

    Raises:
        ValueError: It is not plain JSON, or a :class:`Secret` is in it.
    """
    given = dict(metadata or {})
    try:
        plain: dict[str, Any] = json.loads(json.dumps(given, allow_nan=False, ensure_ascii=False))
        same, secret = plain == given, _holds_secret(given)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("metadata has to be plain JSON: texts, numbers, true, false, null, lists and dicts") from None
    if secret:
        raise ValueError("a secret was given as metadata, which is what may be shown")
    if not same:
        raise ValueError("metadata would not come back from JSON as it is: only lists, and dicts with keys of text")
    return plain


def _holds_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_secret(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return any(_holds_secret(part) for part in value)
    return isinstance(value, Secret)


def bare(value: Any, secrets: Sequence[str]) -> Any:
    """Return a copy of plain JSON without the texts that hold a piece of a secret; they become None.

    Args:
        value: What is to be shown.
        secrets: What must not be.
    """
    if isinstance(value, dict):
        return {name: bare(part, secrets) for name, part in value.items() if bare(name, secrets) is not None}
    if isinstance(value, list):
        return [bare(part, secrets) for part in value]
    if not isinstance(value, str):
        return value
    pieces = (secret[at : at + WINDOW] for secret in secrets for at in range(len(secret) - WINDOW + 1))
    return None if any(piece in value for piece in pieces) else str(value)
