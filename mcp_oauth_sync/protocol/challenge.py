"""Reading ``WWW-Authenticate``. RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

_SEPARATOR = re.compile(r"[\s,]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_EQUALS = re.compile(r"\s*=\s*")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_PLAIN = re.compile(r'[^\s,"]*')
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9\-._~+/]+=*\s*(?=,|$)")
#: Longest header looked at.
_MAX_HEADER = 16 * 1024


@attrs.frozen(kw_only=True)
class Challenge:
    """What a resource server asks for.

    Attributes:
        scheme: The scheme in lower case; empty when no usable challenge came.
        error: RFC 6750 error code, or None.
        error_description: The server's words, not yet made printable, or None.
        scope: Scopes needed for this request, as on the wire, or None.
        resource_metadata: Where the protected resource metadata is, or None.
    """

    scheme: str = ""
    error: str | None = None
    error_description: str | None = None
    scope: str | None = None
    resource_metadata: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes asked for, empty when none were named."""
        return tuple((self.scope or "").split())

    @property
    def insufficient_scope(self) -> bool:
        """Whether the token is good but its scopes do not suffice. RFC 6750 section 3.1."""
        return self.error == "insufficient_scope"


def parse_challenges(headers: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Take header lines apart into (scheme in lower case, parameters), in order.

    Quoted commas, several challenges in a line, several lines, missing commas, token68 credentials and stray
    text are survived; the first of two equal parameters counts. A quote that never ends takes the rest of its
    line with it. Every character is looked at a fixed number of times. RFC 9110 section 11.6.1.

    Args:
        headers: The values of all ``WWW-Authenticate`` lines.
    """
    for header in headers:
        text, position = header[:_MAX_HEADER], 0
        current: tuple[str, dict[str, str]] | None = None
        while (position := _end(_SEPARATOR, text, position)) < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                position += 1
                continue
            position = token.end()
            if equals := _EQUALS.match(text, position):
                value, position = _read_value(text, equals.end())
                if current is not None and value is not None:
                    current[1].setdefault(token.group().lower(), value)
            elif position == len(text) or text[position] == "," or text[position].isspace():
                if current is not None:
                    yield current
                current, position = (token.group().lower(), {}), _end(_TOKEN68, text, position)
        if current is not None:
            yield current


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return found.end() if found else position


def _read_value(text: str, position: int) -> tuple[str | None, int]:
    if quoted := _QUOTED.match(text, position):
        return re.sub(r"\\(.)", r"\1", quoted.group(1), flags=re.DOTALL), quoted.end()
    if text.startswith('"', position):
        return None, len(text)
    end = _end(_PLAIN, text, position)
    return text[position:end] or None, end


def select_challenge(headers: Iterable[str]) -> Challenge:
    """Return the challenge to answer: Bearer or DPoP, preferably one that names its metadata.

    Args:
        headers: The values of all ``WWW-Authenticate`` lines; none gives an empty challenge.
    """
    usable = [
        Challenge(
            scheme=scheme,
            error=parameters.get("error"),
            error_description=parameters.get("error_description"),
            scope=parameters.get("scope") or None,
            resource_metadata=parameters.get("resource_metadata") or None,
        )
        for scheme, parameters in parse_challenges(headers)
        if scheme in ("bearer", "dpop")
    ]
    usable.sort(key=lambda found: (found.resource_metadata is None, found.scheme != "bearer"))
    return usable[0] if usable else Challenge()
