"""What the tests of this folder are made of: JSON of every kind, damaged documents, and text that hides something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

#: So many examples in the usual run; more where they are quick, fewer where each takes a while.
quick, usual, slow = (settings(max_examples=number) for number in (150, 100, 20))

#: Part of every secret in a good document. In two halves, so that it is not generated.
CANARY = "cana" + "ry-of-a-secret"
_TRICKY = st.sampled_from(
    ["", " ", "\0", "\x1b[2J", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800", "é", "e\u0301", "İ", "Bearer", "null"]
)
TEXTS = st.text(max_size=12) | _TRICKY
NUMBERS = (
    st.integers(-3, 3)
    | st.floats()
    | st.sampled_from([2**31, 2**63, -(2**63), 10**18, 10**400, 1e308, -0.0, 1e-320, 253402300800])
)
PLAIN = st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["0", "60", "-1", "1e400", "nan", "9" * 400])


def _nested(depth: int, closed: bool) -> Any:
    found: Any = 1
    for level in range(depth):
        found = [found] if level % 2 or closed else {"a": found}
    return found


#: Documents that are deep, but not so deep that they cannot be read.
DEEP = st.builds(_nested, st.sampled_from([20, 200]), st.booleans())
JSON = st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3), max_leaves=8
)


def damaged(good: Mapping[str, Any], *more: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return good documents of which some members are missing, others are something else, and some are added.

    Args:
        good: One that can be used.
        more: Names of members that it might have, too.
    """
    names = st.sampled_from([*good, *more, "x"])

    def put(changes: dict[str, Any], missing: set[str]) -> dict[str, Any]:
        found = {name: value for name, value in {**good, **changes}.items() if name not in missing}
        for name, value in found.items():  # a secret is nothing that also stands elsewhere
            if CANARY in str(good.get(name)) and isinstance(value, str) and value:
                found[name] = CANARY + value
        return found

    near = st.sampled_from(["", *(value for value in good.values() if isinstance(value, str) and CANARY not in value)])
    values = JSON | DEEP | near | st.builds("{}{}".format, near, TEXTS) | st.lists(near, max_size=3)
    return st.builds(put, st.dictionaries(names, values, max_size=4), st.sets(names, max_size=2))


def bodies(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Return bodies of answers: documents as JSON, whole and cut, forms, and noise."""
    texts = documents.map(lambda document: json.dumps(document, ensure_ascii=True).encode())
    return (
        texts
        | st.builds(lambda text, end: text[: end % (len(text) + 1)], texts, st.integers(0, 4000))
        | st.builds(lambda mark, text: mark + text, st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b" \n"]), texts)
        | st.sampled_from([b"", b"null", b"[]", b"[" * 5000, b'{"a":' * 5000, b"error=invalid_grant&x", b"<title>x"])
        | st.sampled_from(
            [b"access_token=a&token_type=bearer&expires_in=1e400&scope=%ff", b"{}" * 9, b'{"a":1' + b"0" * 5000]
        )
        | st.binary(max_size=60)
    )


HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "retry-after", "server", "dpop-nonce", "www-authenticate"]),
    st.text(st.characters(max_codepoint=255), max_size=30)
    | st.sampled_from(
        [
            *("120", "-1", "0", "9" * 30, "1e3", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:59 -9999"),
            *("Mon, 01 Jan 0001 00:00:00 +2359", "Mon, 99 Foo 2026 99:99:99", "1 Jan 2026 0:0:0 +99999999999", "soon"),
            *("application/json", "application/x-www-form-urlencoded", "text/html; charset=x", "Mon", "Mon, ", ","),
        ]
    ),
)
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 405, 408, 418, 425, 429, 500, 502, 503, 999])
