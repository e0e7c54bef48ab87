"""Reading ``WWW-Authenticate``. RFC 9110 s11.6.1, RFC 6750 section 3, RFC 9728 section 5.1, RFC 9449 section 7.1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

from .dpop import ALGORITHM, NONCE_WANTED, PROOF_REFUSED

BEARER, DPOP = "bearer", "dpop"

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
        dpop_offered: Tokens bound to a key are taken, with proofs that we can make (RFC 9449 section 7.1).
        dpop_only: No others are.
    """

    scheme: str = ""
    error: str | None = None
    error_description: str | None = None
    scope: str | None = None
    resource_metadata: str | None = None
    dpop_offered: bool = False
    dpop_only: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes asked for, empty when none were named."""
        return tuple((self.scope or "").split())

    @property
    def insufficient_scope(self) -> bool:
        """Whether the token is good but its scopes do not suffice. RFC 6750 section 3.1."""
        return self.error == "insufficient_scope"

    @property
    def proof_refused(self) -> bool:
        """Whether it is about the proof, of which the token is innocent. RFC 9449 sections 9 and 12.2."""
        return self.scheme == DPOP and self.error in (NONCE_WANTED, PROOF_REFUSED)


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


def select_challenge(headers: Iterable[str], *, sent: str | None = None) -> Challenge:
    """Return the challenge to answer: Bearer or DPoP, preferably one that names its metadata.

    Args:
        headers: The values of all ``WWW-Authenticate`` lines; none gives an empty challenge.
        sent: The ``Authorization`` value that was refused: what is said about its own scheme comes first. None when
            none was sent.
    """
    usable = [
        Challenge(
            scheme=scheme,
            error=parameters.get("error"),
            error_description=parameters.get("error_description"),
            scope=parameters.get("scope") or None,
            resource_metadata=parameters.get("resource_metadata") or None,
            dpop_offered=scheme == DPOP and ALGORITHM in parameters.get("algs", ALGORITHM).split(),
        )
        for scheme, parameters in parse_challenges(headers)
        if scheme in (BEARER, DPOP)
    ]
    if not usable:
        return Challenge()
    if sent is not None and sent.lower().startswith(f"{DPOP} "):
        usable.sort(key=lambda found: (found.scheme != DPOP, found.resource_metadata is None))
    else:
        usable.sort(key=lambda found: (found.resource_metadata is None, found.scheme != BEARER))
    return attrs.evolve(
        usable[0],
        resource_metadata=next((found.resource_metadata for found in usable if found.resource_metadata), None),
        dpop_offered=any(found.dpop_offered for found in usable),
        dpop_only=all(found.scheme == DPOP for found in usable),
    )
