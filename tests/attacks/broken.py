"""Every way in which an answer can be broken, by name.

UNREADABLE ones are no answer at all, or one whose status says no. HOLLOW ones are well-formed answers of
status 200 or 204 that say nothing of use: an endpoint whose answer has no content takes them for a yes.
ENDLESS ones go on until somebody gives up.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import reduce

from ..servers import Fault, cut, drip, gzip_bomb, hang, html, huge, lose_answer, raw, redirect_to, reply, reset
from .broken_texts import TEXTS, WRONG_TYPES
from .broken_wire import OK, WIRE, again_and_again, then_silence
from .stage import Stage

__all__ = ["ACTED", "ENDLESS", "EVERY", "HOLLOW", "UNREADABLE", "WRONG_TYPES", "Broken"]

Broken = Callable[[Stage], Fault]
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def always(fault: Fault) -> Broken:
    """Misbehave in this way, whoever the servers are."""
    return lambda stage: fault


def elsewhere(status: int) -> Broken:
    """Redirect to another origin."""
    return lambda stage: redirect_to(f"{stage.elsewhere.url}/take", status)


def location(value: str, status: int = 302) -> Broken:
    """Redirect to what may not even be a URL."""
    return always(reply(status, b"", [("Location", value)]))


def packed(body: bytes, encoding: str) -> Broken:
    """Claim an encoding for a body, whatever it is."""
    return always(reply(200, body, [("Content-Encoding", encoding)]))


def deflated(data: bytes) -> bytes:
    """Return data as deflate has it in bare form, which is not what HTTP calls by that name."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


STATUSES = (
    *(202, 203, 205, 206, 226, 299, 300, 304, 307, 399),
    *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 418, 421, 422, 425, 426, 429, 431, 451, 499),
    *(500, 501, 502, 503, 504, 505, 507, 511, 520, 599, 600, 999),
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
    "100 Continue without end": always(again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "trailers without end": always(again_and_again(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n")),
    "a head that stops": always(then_silence(OK)),
    "a body that stops": always(then_silence(OK + b'Content-Length: 99\r\n\r\n{"')),
    "a chunk that stops": always(then_silence(CHUNKED + b"2\r\n{}\r\n")),
    "a body that nobody closes": always(then_silence(OK + b"\r\n{}")),
}

UNREADABLE: dict[str, Broken] = {
    **{f"status {status}, nothing in it": always(reply(status, b"")) for status in STATUSES},
    **{f"status {status}, a page": always(html(status)) for status in (400, 401, 403, 404, 429, 500, 502, 503)},
    **{f"status {status}, an empty object": always(reply(status, {})) for status in (202, 400, 401, 403, 500, 503)},
    **{f"status {status}, an object of junk": always(reply(status, {"error": {"a": [1]}})) for status in (400, 500)},
    **{f"status 400, the error {error!r}": always(reply(400, {"error": error})) for error in ("", 7, None, ["x"])},
    "reset": always(reset()),
    "lost answer": always(lose_answer()),
    "cut at the head": always(cut(0)),
    "cut in the body": always(cut(20)),
    **{name: always(raw(data)) for name, data in WIRE.items()},
    "200 MB": always(huge(200 << 20)),
    "a gzip bomb of 200 MB": always(gzip_bomb(200)),
    "a deflate bomb of 20 MB": packed(zlib.compress(b" " * (20 << 20), 9), "deflate"),
    "a bomb in a bomb": packed(gzip.compress(gzip.compress(b" " * (20 << 20))), "gzip, gzip"),
    "deflate without its head": packed(deflated(b"{}"), "deflate"),
    "gzip that is cut": packed(gzip.compress(b"{}" * 99)[:-9], "gzip"),
    "gzip whose sum is wrong": packed(gzip.compress(b"{}")[:-8] + b"\0" * 8, "gzip"),
    "gzip that is none": packed(b"{}", "gzip"),
    "two encodings": packed(b"{}", "gzip, gzip"),
    "thirty encodings": packed(reduce(lambda data, _: gzip.compress(data), range(30), b"{}"), ", ".join(["gzip"] * 30)),
    **{
        f"the encoding {name}": packed(b"{}", name)
        for name in ("br", "zstd", "compress", "dcb", "chunked", "\x1b[2J", "x" * 9000)
    },
    **{f"redirect {status} elsewhere": elsewhere(status) for status in (301, 302, 303, 307, 308)},
    "redirect to where we are": lambda stage: redirect_to("", 302),
    "redirect to itself, for ever": lambda stage: redirect_to("?again", 307),
    "redirect to a script": location("javascript:alert(1)"),
    "redirect to a file": location("file:///etc/passwd", 307),
    "redirect to data": location("data:application/json,{}", 308),
    "redirect to no URL": location("http://["),
    "redirect to no port": location("http://127.0.0.1:99999999/", 308),
    "redirect to a line break": location("/%0d%0aX-Evil:1", 303),
    "redirect to many bytes": location("/\xff\xfe\x80", 301),
    "redirect to a long place": location("/" + "a" * 6_000, 307),
    "redirect nowhere": always(reply(302, b"")),
    "redirect with two places": lambda stage: reply(
        302, b"", [("Location", f"{stage.elsewhere.url}/a"), ("Location", f"{stage.elsewhere.url}/b")]
    ),
    "redirect with user information": lambda stage: redirect_to(
        stage.elsewhere.url.replace("//", "//127.0.0.1:80@") + "/", 307
    ),
    "redirect with a backslash": lambda stage: redirect_to(stage.elsewhere.url.replace("//", "\\\\") + "/take", 307),
    "redirect without a scheme": lambda stage: redirect_to(stage.elsewhere.url.partition(":")[2] + "/take", 302),
    "a refresh that names another page": lambda stage: reply(
        503, b"", [("Refresh", f"0; url={stage.elsewhere.url}"), ("Retry-After", "-1")]
    ),
}

HOLLOW: dict[str, Broken] = {
    "status 204": always(reply(204, b"")),
    "a page": always(html(200)),
    "a head that is cut": always(raw(OK + b"Content-Le")),
    "status 200, without a type": always(reply(200, b"{}", content_type="")),
    "status 200, a picture": always(reply(200, b"\x89PNG\r\n\x1a\n", content_type="image/png")),
    "status 200, a form": always(reply(200, b"x=1", content_type="application/x-www-form-urlencoded")),
    "status 200, a type of controls": always(reply(200, b"{}", content_type="\x1b]0;evil\x07; charset=\xff")),
    "status 200, an unknown charset": always(reply(200, b"{}", content_type="application/json; charset=klingon")),
    **{f"the body {name}": always(reply(200, body)) for name, body in TEXTS.items()},
    "the body a gzip of a gzip": packed(gzip.compress(gzip.compress(b"{}")), "gzip"),
}

#: Those before which the server did what it was asked.
ACTED = frozenset({"lost answer", "cut at the head", "cut in the body", "drip of the body", "drip of the head"})

EVERY: dict[str, Broken] = {**UNREADABLE, **HOLLOW, **ENDLESS}
