"""Every way in which an answer can be broken, by name.

UNREADABLE ones are no answer at all, or one whose status says no. HOLLOW ones are well-formed answers of
status 200 or 204 that say nothing of use: an endpoint whose answer has no content takes them for a yes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from ..servers import Fault, cut, drip, gzip_bomb, hang, html, huge, lose_answer, raw, redirect_to, reply, reset
from .stage import Stage

Broken = Callable[[Stage], Fault]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def always(fault: Fault) -> Broken:
    """Misbehave in this way, whoever the servers are."""
    return lambda stage: fault


def elsewhere(status: int) -> Broken:
    """Redirect to another origin."""
    return lambda stage: redirect_to(f"{stage.elsewhere.url}/take", status)


def location(value: str, status: int = 302) -> Broken:
    """Redirect to what may not even be a URL."""
    return always(reply(status, b"", [("Location", value)]))


STATUSES = (
    202,
    206,
    300,
    304,
    307,
    400,
    401,
    403,
    404,
    405,
    410,
    415,
    422,
    429,
    451,
    500,
    501,
    502,
    503,
    504,
    520,
    999,
)

#: Answers that never end: for these the limit of the whole exchange counts.
ENDLESS: dict[str, Broken] = {
    "hang": always(hang()),
    "drip of the body": always(drip(0.02)),
    "drip of the head": always(drip(0.02, "headers")),
    "drip of an object": lambda stage: Fault(
        "drip of an object",
        before=reply(200, b"{" + b" " * 4000 + b"}").before,
        send=drip(0.01).send,
    ),
}

UNREADABLE: dict[str, Broken] = {
    **{f"status {status}, nothing in it": always(reply(status, b"")) for status in STATUSES},
    **{f"status {status}, a page": always(html(status)) for status in (400, 401, 403, 404, 429, 500, 502, 503)},
    **{f"status {status}, an empty object": always(reply(status, {})) for status in (400, 401, 403, 500, 503)},
    **{f"status {status}, an object of junk": always(reply(status, {"error": {"a": [1]}})) for status in (400, 500)},
    "reset": always(reset()),
    "lost answer": always(lose_answer()),
    "cut at the head": always(cut(0)),
    "cut in the body": always(cut(20)),
    "nothing": always(raw(b"")),
    "half a status line": always(raw(b"HTTP/1.1 20")),
    "another protocol": always(raw(b"SSH-2.0-OpenSSH_9.2p1\r\n")),
    "a TLS alert": always(raw(b"\x15\x03\x01\x00\x02\x02\x28")),
    "a status that is no number": always(raw(b"HTTP/1.1 abc OK\r\n\r\n{}")),
    "a length that is too long": always(raw(OK + b"Content-Length: 500\r\n\r\n{}")),
    "chunks that are none": always(raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")),
    "a chunk that is cut": always(raw(OK + b"Transfer-Encoding: chunked\r\n\r\n100\r\n{}")),
    "a header without end": always(raw(OK + b"X: " + b"a" * 70_000 + b"\r\n\r\n{}")),
    "a thousand headers": always(raw(OK + b"X: a\r\n" * 1000 + b"\r\n{}")),
    "a thousand times 100 Continue": always(raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    "200 MB": always(huge(200 << 20)),
    "a gzip bomb of 200 MB": always(gzip_bomb(200)),
    "gzip that is cut": always(reply(200, gzip.compress(b"{}" * 99)[:-9], [("Content-Encoding", "gzip")])),
    "gzip that is none": always(reply(200, b"{}", [("Content-Encoding", "gzip")])),
    "an encoding nobody asked for": always(reply(200, b"{}", [("Content-Encoding", "br")])),
    "two encodings": always(reply(200, b"{}", [("Content-Encoding", "gzip, gzip")])),
    **{f"redirect {status} elsewhere": elsewhere(status) for status in (301, 302, 303, 307, 308)},
    "redirect to where we are": lambda stage: redirect_to("", 302),
    "redirect to itself, for ever": lambda stage: redirect_to("?again", 307),
    "redirect to a script": location("javascript:alert(1)"),
    "redirect to a file": location("file:///etc/passwd", 307),
    "redirect to no URL": location("http://["),
    "redirect to no port": location("http://127.0.0.1:99999999/", 308),
    "redirect with user information": lambda stage: redirect_to(
        stage.elsewhere.url.replace("//", "//127.0.0.1:80@") + "/", 307
    ),
    "redirect without a scheme": lambda stage: redirect_to(stage.elsewhere.url.partition(":")[2] + "/take", 302),
}

HOLLOW: dict[str, Broken] = {
    "status 204": always(reply(204, b"")),
    "a page": always(html(200)),
    **{
        f"the body {name}": always(reply(200, body))
        for name, body in {
            "nothing": b"",
            "spaces": b"  \r\n ",
            "null": b"null",
            "true": b"true",
            "a number": b"1e999",
            "a number of 5,000 digits": b"9" * 5000,
            "a string": b'"text"',
            "an array": b"[{}]",
            "an empty object": b"{}",
            "half an object": b'{"issuer": "htt',
            "two objects": b"{}{}",
            "a comment": b"/* */ {}",
            "no UTF-8": b'{"issuer": "\xff\xfe", "resource": "\xc3", "client_id": "\xe9", "access_token": "\xe9"}',
            "UTF-16": '{"issuer": "x"}'.encode("utf-16"),
            "NULs": b"\0" * 4096,
            "100,000 arrays deep": b"[" * 100_000,
            "100,000 objects deep": b'{"a":' * 100_000,
            "a form of nothing": b"a=&b=",
            "a form of 100,000 fields": b"a=1&" * 100_000,
        }.items()
    },
    "an object of other things": always(reply(200, {"hello": "world", "error_description": "\x1b[2J"})),
}

#: Those before which the server did what it was asked.
ACTED = frozenset({"lost answer", "cut at the head", "cut in the body", "drip of the body", "drip of the head"})

EVERY: dict[str, Broken] = {**UNREADABLE, **HOLLOW, **ENDLESS}

#: Values of a type that no member of any document has.
WRONG_TYPES: dict[str, Any] = {
    "a number": 7,
    "a number of 400 digits": json.loads("9" * 400),
    "true": True,
    "an object": {"a": 1},
    "an array of numbers": [1, 2],
    "an array in an array": [["x"]],
}
