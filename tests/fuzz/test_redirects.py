"""Redirects: what comes to the receiver, what is pasted, and what is made of it, all of the same mind."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import InvalidRedirectError
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.models.redirect import belongs_to, parse_redirect
from mcp_oauth_sync.prompts.loopback import LoopbackListener, loopback_listener
from mcp_oauth_sync.prompts.pasted import PastedLine, read_pasted

from ..prompts.wire import dial, read_answer, request_for
from .inputs import TEXTS, quick, usual

#: No other test waits for this one: an answer of theirs may arrive late, at a port that is ours by then.
STATE = "the-state-of-generated-input-0123456789"

NAMES = st.sampled_from(["code", "state", "iss", "error", "error_description", "x", "State", "state ", ""]) | TEXTS
VALUES = st.sampled_from([STATE, STATE.upper(), STATE + "\0", f" {STATE}", STATE[:-1], "", "c"]) | TEXTS
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BEFORE = st.sampled_from(
    ["", "?", "/callback?", "http://127.0.0.1:8765/callback?", "myapp:/back?", "https://h/p?", "http://[::1?", "//h/p?"]
)
AFTER = st.sampled_from(["", "#", "#x", "#state=" + STATE, "&", "&&", ";state=" + STATE, "%", "%ff", "+", "\r\nX: y"])


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Return a query, each character written in one of the ways there are."""
    written = []
    for name, value in draw(PAIRS):
        part = urlencode([(name, value)], errors="surrogatepass")
        if draw(st.booleans()):
            part = "".join(f"%{ord(c):02X}" if c.isalnum() and draw(st.integers(0, 5)) == 0 else c for c in part)
        written.append(part)
    return "&".join(written)


REDIRECTS = st.builds("{}{}{}".format, BEFORE, queries(), AFTER) | st.text(max_size=40)


@quick
@given(REDIRECTS)
@example(f"http://127.0.0.1/?state={STATE}&state={STATE}")
@example(f"?%73tate={STATE}")
def test_who_takes_an_answer_and_who_reads_it_see_the_same_state(redirect: str) -> None:
    taken = belongs_to(redirect, STATE)
    try:
        answer = parse_redirect(redirect)
    except InvalidRedirectError as refused:
        assert STATE not in str(refused)
        return
    assert taken is (answer.get("state") == STATE)


@quick
@given(st.dictionaries(st.sampled_from(["code", "state", "iss", "error", "x"]), st.text(st.characters(codec="utf-8"))))
def test_what_a_server_has_written_is_read_as_it_was(parameters: dict[str, str]) -> None:
    query = urlencode(parameters)
    if len(query) < 10_000:
        for redirect in (query, f"?{query}", f"/callback?{query}", f"http://127.0.0.1:1/callback?{query}#_=_"):
            if query or redirect:
                assert parse_redirect(redirect) == parameters


@quick
@given(REDIRECTS, st.booleans(), st.sampled_from(["", " ", '"', "<", "\u201c"]))
def test_what_is_pasted_is_an_answer_only_with_a_state_in_it(redirect: str, bare: bool, around: str) -> None:
    pasted = read_pasted(f"{around}{redirect}{around}", state=STATE, accept_bare_code=bare)
    assert bool(pasted.complaint) is (pasted.redirect is None)
    if pasted.redirect is not None:
        names = parse_qs(pasted.redirect, keep_blank_values=True)
        assert "state" in names
        assert bare or not pasted.bare
        assert not pasted.bare or names["state"] == [STATE]
    assert STATE not in repr(pasted)


@quick
@given(st.text("ab\x1b[200~1;DO\r\n\x7f\b\x15\u00e9\ud800", max_size=60))
def test_any_keys_make_a_line_that_can_be_read(keys: str) -> None:
    line = PastedLine(longest=20)
    for key in keys:
        line.take(key)
    assert len(line) <= 20
    assert line.text.isprintable()


@pytest.fixture(scope="module")
def receiver() -> Iterator[LoopbackListener]:
    """Give a receiver that waits for the one state, whatever comes."""
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listening:
        yield listening


METHODS = st.sampled_from([b"GET", b"GET", b"get", b"HEAD", b"POST", b"OPTIONS", b"PRI", b"", b"\x16\x03\x01"])
TARGETS = (
    st.builds("/callback?{}".format, queries().filter(lambda query: not belongs_to(query, STATE)))
    | st.sampled_from(["/callback", "//callback?state=" + STATE, "*", "/callback/?state=" + STATE, "/../callback"])
    | st.sampled_from(
        [f"/callback?state={STATE}&state={STATE}", f"http://127.0.0.1/callback?state={STATE}", "/%63allback"]
    )
).map(lambda target: target.encode("utf-8", "replace"))
LINES = st.lists(
    st.sampled_from([b"Host: evil.example", b"Host: 127.0.0.1", b"Host:", b"Host: localhost:1", b"X: y"])
    | st.sampled_from([b"Content-Length: 99", b"Transfer-Encoding: chunked", b": x", b"\xff\xfe", b" folded"])
    | st.binary(max_size=12),
    max_size=4,
)


@usual
@given(METHODS, TARGETS, st.sampled_from([b" HTTP/1.1", b" HTTP/1.0", b"", b" HTTP/9", b" x y"]), LINES, st.booleans())
def test_nothing_but_the_answer_is_taken_from_the_wire(
    receiver: LoopbackListener, method: bytes, target: bytes, version: bytes, lines: list[bytes], own_host: bool
) -> None:
    if own_host:
        lines = [f"Host: {receiver.address}".encode(), *lines]
    with dial(receiver) as connection:
        connection.sendall(
            method + b" " + target + version + b"\r\n" + b"".join(b"%b\r\n" % line for line in lines) + b"\r\n"
        )
        connection.shutdown(1)  # what is cut short is answered, too, or not at all
        try:
            answer = read_answer(connection, method.decode("latin-1"))
        except (OSError, HTTPException):
            answer = None
    assert answer is None or answer.status in (400, 404, 405, 414, 431)
    assert answer is None or STATE.encode() not in answer.body
    assert not receiver._answered.is_set()


def test_the_receiver_of_these_tests_takes_the_answer() -> None:
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listening, dial(listening) as wire:
        wire.sendall(request_for(listening, f"/callback?code=c&state={STATE}"))
        listening.conclude(None)
        assert read_answer(wire).status == 200
        assert parse_redirect(listening.wait(5)) == {"code": "c", "state": STATE}
