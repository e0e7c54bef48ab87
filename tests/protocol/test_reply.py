"""Reading what came back: JSON or not, an error or not, never more than is safe to show."""

from __future__ import annotations

import gzip
import json
import zlib
from email.utils import formatdate
from time import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.protocol.reply import MAX_BODY, MAX_RETRY_AFTER, Reply, TransportFailure, decoded

from .conftest import MakeReply

PAGE = "<!doctype html><html><head><title> Attention \x1b[31mRequired </title></head><body>canary-body</body></html>"


def test_a_json_object_is_read_whatever_its_type_says_and_with_a_byte_order_mark(reply: MakeReply) -> None:
    for headers in ({}, {"content-type": "text/html"}, {"content-type": "text/plain; charset=latin-1"}):
        assert reply(body=b'\xef\xbb\xbf{"a": 1}', headers=headers).json_object() == {"a": 1}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"[1]", b"null", b"5", b'"x"', b"{", b"\xff\xfe{}", b"{'a': 1}", b"[" * 100_000, PAGE.encode()]
)
def test_what_is_no_json_object_is_none(reply: MakeReply, body: bytes) -> None:
    assert reply(body=body).json_object() is None


@pytest.mark.parametrize(
    "member", ["access_token", "refresh_token", "id_token", "client_secret", "registration_access_token", "code"]
)
def test_secrets_are_wrapped_as_they_are_read_however_deep(reply: MakeReply, member: str) -> None:
    document = reply(body={member: "canary-1", "deep": [{member: "canary-2"}]}).json_object()
    assert document is not None
    assert document[member] == "canary-1"
    assert "canary" not in repr(document)


@pytest.mark.parametrize("headers", [{"content-type": "application/x-www-form-urlencoded"}, {}])
def test_a_form_is_read_where_json_was_asked_for(reply: MakeReply, headers: dict[str, str]) -> None:
    fields = reply(body="access_token=canary%2B1&token_type=bearer&scope=a+b", headers=headers).fields()
    assert fields == {"access_token": "canary+1", "token_type": "bearer", "scope": "a b"}
    assert "canary" not in repr(fields)


@pytest.mark.parametrize("body", [PAGE, "Forbidden", "error code: 1020", "", "a=<b>", b"\xff=x&a=b"])
def test_what_is_neither_json_nor_a_form_has_no_fields(reply: MakeReply, body: object) -> None:
    assert reply(403, body).fields() is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": "invalid_grant", "error_description": "gone"}, ("invalid_grant", "gone")),
        ({"error": "x\x1b[2J\ny", "error_description": "\u202ea\x07"}, ("x [2J y", "a")),
        ({"error": "x" * 500, "error_description": "y" * 500}, ("x" * 77 + "...", "y" * 197 + "...")),
        ({"error": {"code": 5}, "error_description": ["x"]}, (None, None)),
        ({"error": "", "error_description": ""}, (None, None)),
        ({"error": None}, (None, None)),
        ("error=bad_verification_code&error_description=The+code", ("bad_verification_code", "The code")),
        (PAGE, (None, None)),
    ],
)
def test_an_error_is_read_made_printable_and_cut(reply: MakeReply, body: object, expected: tuple[Any, Any]) -> None:
    assert reply(400, body).oauth_error() == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 5 ", 5.0),
        ("7200", MAX_RETRY_AFTER),
        ("999999999", MAX_RETRY_AFTER),
        ("9" * 40, None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("soon", None),
        ("", None),
        ("\u0665", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Fri, 31 Feb 2025 99:99:99 GMT", None),
        ("Wed, 21 Oct 99999999 07:28:00 GMT", None),
    ],
)
def test_a_wait_is_believed_up_to_an_hour_and_junk_is_none(reply: MakeReply, value: str, seconds: float | None) -> None:
    assert reply(429, headers={"retry-after": value}).retry_after() == seconds


def test_a_wait_until_a_date_counts_from_now(reply: MakeReply) -> None:
    wait = reply(429, headers={"retry-after": formatdate(time() + 90, usegmt=True)}).retry_after()
    assert wait is not None
    assert 60 < wait <= 91
    assert reply(429).retry_after() is None


def test_a_gateway_page_is_called_a_page_with_its_title_and_server(reply: MakeReply) -> None:
    said = reply(403, PAGE, {"server": "gate\x1bway"}).describe()
    page = "an HTML page titled 'Attention [31mRequired' from gate way"
    assert said == f"HTTP 403, {page}, perhaps a gateway that blocks programs"
    assert "canary" not in said


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"error": "invalid_grant", "error_description": "gone"}, "HTTP 400 (invalid_grant: gone)"),
        (400, {"message": "canary"}, "HTTP 400"),
        (200, {"access_token": "canary"}, "HTTP 200"),
        (403, "Forbidden", "HTTP 403, no JSON: 'Forbidden'"),
        (200, "canary plain", "HTTP 200, no JSON"),
        (404, "<html><body>x", "HTTP 404, an HTML page from an unnamed server"),
        (502, "x " * 500, "HTTP 502, no JSON: '" + "x " * 38 + "x...'"),
        (502, "x" * 500, "HTTP 502, no JSON: '...'"),
        (400, '{"access_token": "abcdef1234', 'HTTP 400, no JSON: \'{"...": "...\''),
        (400, "correct-horse-battery-staple", "HTTP 400, no JSON: '...'"),
        (400, "password=battery-staple", "HTTP 400, no JSON: '...=...'"),
        (
            503,
            "The service isn't available: over-loaded.",
            'HTTP 503, no JSON: "The service isn\'t available: over-loaded."',
        ),
        (400, "no such thing: code=abcdef1234&x=y", "HTTP 400, no JSON: 'no such thing: code=...&x=y'"),
        (500, b"", "HTTP 500, no JSON"),
        (500, b"\xff\x1b[2J", "HTTP 500, no JSON: '\ufffd [2J'"),
    ],
)
def test_an_answer_is_described_without_its_body(reply: MakeReply, status: int, body: object, said: str) -> None:
    assert reply(status, body).describe() == said


def test_a_reply_shows_neither_headers_nor_body(reply: MakeReply) -> None:
    assert "canary" not in repr(reply(body={"a": "canary"}, headers={"set-cookie": "canary"}))


@pytest.mark.parametrize("encoding", ["", "identity", "Identity "])
def test_a_plain_body_stays_as_it_is(encoding: str) -> None:
    assert decoded(b"abc", encoding) == b"abc"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b"abc")), ("X-GZip", gzip.compress(b"abc")), ("deflate", zlib.compress(b"abc"))],
    ids=["gzip", "X-GZip", "deflate"],  # a gzip holds the time it was made
)
def test_a_compressed_body_is_undone_though_nobody_asked_for_it(encoding: str, packed: bytes) -> None:
    assert decoded(packed, encoding) == b"abc"


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "x\x1b"])
def test_nothing_compressed_is_nothing(encoding: str) -> None:
    assert decoded(b"", encoding) == b""


@pytest.mark.parametrize(
    ("encoding", "body", "why"),
    [
        ("br", b"x", "not asked for"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x")), "not asked for"),
        ("x\x1b[2J", b"x", "not asked for"),
        ("gzip", b"not gzip", "damaged"),
        ("gzip", gzip.compress(b"x" * 5000)[:-10], "cut short"),
        ("gzip", gzip.compress(b" " * (MAX_BODY + 1)), "larger than"),
        ("deflate", zlib.compress(b" " * 50 * MAX_BODY), "larger than"),
    ],
    ids=["brotli", "twice", "control characters", "not gzip", "cut short", "a little too large", "a bomb"],
)
def test_a_body_that_cannot_be_undone_within_the_limit_is_refused(encoding: str, body: bytes, why: str) -> None:
    with pytest.raises(TransportFailure, match=why) as refused:
        decoded(body, encoding)
    assert refused.value.message.isprintable()


def test_a_body_of_just_the_limit_is_read() -> None:
    assert len(decoded(gzip.compress(b" " * MAX_BODY), "gzip")) == MAX_BODY


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(body=st.binary() | st.text().map(str.encode) | st.text().map(lambda text: json.dumps({"error": text}).encode()))
def test_any_body_can_be_read_and_described(body: bytes) -> None:
    for headers in ({}, {"content-type": "application/x-www-form-urlencoded", "retry-after": body.decode("latin-1")}):
        answer = Reply(url="https://h", status=500, headers=headers, body=body)
        assert answer.describe().isprintable()
        assert all(part is None or part.isprintable() for part in answer.oauth_error())
        assert answer.fields() is None or isinstance(answer.fields(), dict)
        assert answer.retry_after() is None or 0 <= (answer.retry_after() or 0) <= MAX_RETRY_AFTER


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(body=st.binary(), encoding=st.sampled_from(["gzip", "deflate", "br"]))
def test_any_compressed_body_is_undone_or_refused_by_type(body: bytes, encoding: str) -> None:
    try:
        assert decoded(body, encoding) is not None
    except TransportFailure:
        return
