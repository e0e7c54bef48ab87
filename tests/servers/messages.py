"""What passes over the wire: one logged exchange, one reply, and short ways to make replies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

Headers = Iterable[tuple[str, str]]


class _Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()
"""In a dict of overrides: this member is left out of the document."""


def merged(document: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the overrides laid over it; members set to ABSENT are gone."""
    return {name: value for name, value in {**document, **overrides}.items() if value is not ABSENT}


class Reset(Exception):
    """Raised while answering: the connection ends with a RST."""


@dataclass(repr=False)
class Exchange:
    """One request as it arrived, and the status it got (0 = no answer was sent)."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    form: dict[str, list[str]]
    status: int = 0
    connection: int = 0
    at: float = field(default_factory=time.monotonic)
    target: str = ""
    faults: tuple[str, ...] = ()

    @classmethod
    def read(cls, method: str, target: str, headers: Message, body: bytes, connection: int) -> Exchange:
        """Build from the parts of a request; the form is read only from a form body."""
        parts = urlsplit(target)
        is_form = headers.get_content_type() == "application/x-www-form-urlencoded"
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True) if is_form else {}
        query = parse_qs(parts.query, keep_blank_values=True)
        return cls(method, parts.path, query, headers, body, form, connection=connection, target=target)

    def __repr__(self) -> str:
        return f"<{self.method} {self.path} {self.status or 'unanswered'}>"

    def json(self) -> Any:
        """Return the body read as JSON; raises ValueError when it is not."""
        return json.loads(self.body)

    def param(self, name: str) -> str | None:
        """Return the first value of a query or form parameter; an empty one counts as left out."""
        values = self.form.get(name) or self.query.get(name) or []
        return values[0] if values and values[0] else None

    @property
    def credentials(self) -> tuple[str, str | None]:
        """The scheme of the Authorization header, in lower case, and its token if there is one."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower(), token.strip() or None

    @property
    def bearer(self) -> str | None:
        """The Bearer token of the Authorization header, if there is one."""
        scheme, token = self.credentials
        return token if scheme == "bearer" else None


@dataclass
class Reply:
    """An answer. With `chunks` the body is sent chunked, piece by piece, as the iterator yields."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    chunks: Iterator[bytes] | None = None

    def __post_init__(self) -> None:
        self.headers = list(self.headers)

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def json_reply(obj: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """Answer with JSON."""
    return Reply(status, [("Content-Type", "application/json"), *headers], json.dumps(obj).encode())


def html_reply(page: str, status: int = 200, headers: Headers = ()) -> Reply:
    """Answer with an HTML page."""
    return Reply(status, [("Content-Type", "text/html; charset=utf-8"), *headers], page.encode())


def redirect_reply(url: str, status: int = 302, headers: Headers = ()) -> Reply:
    """Answer with a redirect."""
    return Reply(status, [("Location", url), *headers])
