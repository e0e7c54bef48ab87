"""The formats of text in a form, read leniently: the server has the last word. MCP Elicitation, "Requested Schema"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR = "([01][0-9]|2[0-3])"
_DATE_TIME = re.compile(
    rf"([0-9-]+)[Tt ]{_HOUR}:[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?([Zz]|[+-]{_HOUR}:[0-5][0-9])?"
)


def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and not re.search(r"\s", text)
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    found = _DATE_TIME.fullmatch(text)
    return found is not None and _is_date(found[1])


#: How each format that the specification names is told, and what to call it.
FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "email": (_is_email, "an e-mail address"),
    "uri": (_is_uri, "a URI"),
    "date": (_is_date, "a date like 2026-01-31"),
    "date-time": (_is_date_time, "a date and time like 2026-01-31T12:00:00Z"),
}
