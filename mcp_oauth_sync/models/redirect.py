"""The redirect as it comes back from the browser, taken apart and nothing more. RFC 6749 sections 3.1 and 4.1.2."""

from __future__ import annotations

import hmac
import re
from urllib.parse import parse_qsl, urlsplit

from ..exceptions import InvalidRedirectError
from .secret import Secret

#: Longest redirect query that is looked at.
MAX_REDIRECT = 16 * 1024
_SINGLE = ("code", "state", "iss", "error", "error_description", "error_uri")


def same_state(received: str, expected: str) -> bool:
    """Compare two states in constant time; any text is accepted."""
    return hmac.compare_digest(received.encode("utf-8", "surrogatepass"), expected.encode())


def _query(redirect: str) -> str:
    """Return the query of a redirect: of a URL, of its part from the ``?`` on, or the text itself."""
    return urlsplit(redirect).query if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:/|[/?]", redirect) else redirect


def parse_redirect(redirect: str) -> dict[str, str]:
    """Take a redirect (a URL, or its query alone) apart, refusing what is ambiguous.

    Raises:
        InvalidRedirectError: It is too long, not a query, or repeats a parameter.
    """
    if len(redirect) > MAX_REDIRECT:
        raise InvalidRedirectError("The redirect is too long to be an answer; it was not used.")
    try:
        redirect.encode()
        query = Secret(_query(redirect))
        pairs = [
            (name, Secret(value) if name in ("code", "state") else value)
            for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=100, errors="strict")
        ]
    except ValueError:
        raise InvalidRedirectError("The redirect is not a well-formed query; it was not used.") from None
    names = [name for name, _ in pairs]
    if any(names.count(name) > 1 for name in _SINGLE):
        raise InvalidRedirectError("The redirect repeats a parameter; it was not used.")
    return dict(pairs)


def belongs_to(redirect: str, state: str) -> bool:
    """Tell whether a redirect carries the one state that is waited for; anything unreadable does not.

    Args:
        redirect: A URL or a query.
        state: The state that was sent.
    """
    try:
        pairs = parse_qsl(_query(redirect), keep_blank_values=True, max_num_fields=100)
        states = [value for name, value in pairs if name == "state"]
    except ValueError:
        return False
    return len(redirect) <= MAX_REDIRECT and len(states) == 1 and same_state(states[0], state)
