"""What a person pasted: what is dropped around it, which forms are an answer, and what is said about the rest."""

from __future__ import annotations

from urllib.parse import parse_qs, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_oauth_sync.models.redirect import MAX_REDIRECT
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.prompts.pasted import PastedLine, read_pasted

from .wire import STATE

QUERY = f"code=the-code&state={STATE}&iss=https%3A%2F%2Fas.example.com"
URL = f"http://127.0.0.1:8765/callback?{QUERY}"
BEGIN, END = "\x1b[200~", "\x1b[201~"


def type_in(keys: str) -> tuple[str, int]:
    """Type keys into a line; return what it holds, and at which key it was complete, -1 for never."""
    line = PastedLine()
    for number, key in enumerate(keys):
        if line.take(key):
            return line.text, number
    return line.text, -1


# The line


@pytest.mark.parametrize("enter", ["\r", "\n"])
def test_enter_completes_the_line(enter: str) -> None:
    assert type_in(URL + enter + "more") == (URL, len(URL))


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("abx\x7fc", "abc"),
        ("abx\bc", "abc"),
        ("\x7f\x7fabc", "abc"),
        ("wrong\x15abc", "abc"),
        ("a\x01b\x04c\x00", "abc"),
        ("ab\x1b[D\x1b[1;5C\x1bOAc\x1bx", "abc"),
        (f"{BEGIN}abc{END}", "abc"),
        (f"a{BEGIN}b{END}c", "abc"),
        (f"x{BEGIN}y\x15abc", "abc"),
        ("a\x1b[" + "1" * 40 + "bc", "a" + "1" * 25 + "bc"),
    ],
)
def test_the_usual_keys_edit_it_and_the_others_leave_no_trace(keys: str, text: str) -> None:
    assert type_in(keys + "\n") == (text, len(keys))


def test_an_address_that_was_copied_from_a_narrow_window_comes_out_whole() -> None:
    pasted = f"{BEGIN}{URL[:20]}\r{URL[20:50]}\n{URL[50:]}{END}"
    assert type_in(pasted) == (URL, -1)
    assert type_in(f"{pasted}\r") == (URL, len(pasted))


def test_a_line_end_at_the_end_of_a_marked_paste_completes_it() -> None:
    pasted = f"{BEGIN}{URL}\r{END}"
    assert type_in(pasted) == (URL, len(pasted) - 1)


def test_it_holds_no_more_than_a_redirect_may_be_long() -> None:
    line = PastedLine()
    for _ in range(MAX_REDIRECT):
        line.take("x")
    assert (len(line), line.too_long) == (MAX_REDIRECT, False)
    line.take("x")
    assert (len(line), line.too_long) == (MAX_REDIRECT, True)
    line.take("\x15")
    assert (len(line), line.too_long) == (0, False)


@pytest.mark.parametrize("before", ["", " ", "\u00a0 ", '"', "'", "<", "`", "\u201c"])
@pytest.mark.parametrize("after", ["", " ", '"', "'", ">", "`", "\u201d", ' " '])
def test_what_people_copy_along_is_dropped(before: str, after: str) -> None:
    assert type_in(f"{before}{URL}{after}\n")[0] == URL


def test_it_never_shows_itself() -> None:
    line = PastedLine()
    for key in QUERY:
        line.take(key)
    assert isinstance(line.text, Secret)
    assert "the-code" not in repr(line.text) + repr(line)
    assert "the-code" not in repr(read_pasted(line.text, state=STATE))


# The answer

ANSWERS = {
    "an address": URL,
    "a query": QUERY,
    "a query with its mark": f"?{QUERY}",
    "a path and a query": f"/callback?{QUERY}",
    "an address with a fragment": f"{URL}#_=_",
    "a query with a fragment": f"{QUERY}#_=_",
    "a private scheme": f"myapp://callback?{QUERY}",
    "a private scheme without slashes": f"com.example.app:callback?{QUERY}",
    "an address elsewhere": f"https://name-8765.preview.example.com/callback?{QUERY}",
    "a path with an equals sign": f"https://hub.example.com/a;b=1/callback?{QUERY}",
}


@pytest.mark.parametrize("text", ANSWERS.values(), ids=list(ANSWERS))
@pytest.mark.parametrize("bare", [True, False])
def test_every_form_of_an_answer_gives_its_query(text: str, bare: bool) -> None:
    pasted = read_pasted(text, state="another-state", accept_bare_code=bare)
    assert (pasted.redirect, pasted.bare, pasted.complaint) == (QUERY, False, "")


def test_a_question_mark_in_a_code_is_part_of_it() -> None:
    query = f"code=a?b&state={STATE}"
    assert read_pasted(query, state=STATE).redirect == query
    assert read_pasted(f"/callback?{query}", state=STATE).redirect == query


def test_a_refusal_is_an_answer_too() -> None:
    query = f"error=access_denied&state={STATE}"
    assert read_pasted(f"http://127.0.0.1:8765/callback?{query}", state=STATE).redirect == query


def test_a_wrong_state_is_not_judged_here() -> None:
    assert read_pasted(URL.replace(STATE, "x"), state=STATE).redirect == QUERY.replace(STATE, "x")


@pytest.mark.parametrize("code", ["4/0AfJohXn-secret_code", "abc.def~123", "cGFkZGVk==", "a&b+c/d%25"])
def test_a_code_alone_is_given_our_state_where_it_is_accepted(code: str) -> None:
    assert read_pasted(code, state=STATE).redirect is None
    pasted = read_pasted(code, state=STATE, accept_bare_code=True)
    assert pasted.bare
    assert parse_qs(str(pasted.redirect)) == {"code": [code], "state": [STATE]}


OTHERS = {
    "the address to open": (f"https://as.example.com/authorize?redirect_uri=x&state={STATE}", "to open"),
    "the beginning of an address": ("http://127.0.0.1:8765/callback?code=the-code", "A part of it is missing"),
    "the end of an address": (f"de&state={STATE}", "A part of it is missing"),
    "a code with its name": ("code=the-code-0123", "A part of it is missing"),
    "an error without a state": ("error=access_denied", "A part of it is missing"),
    "an address without a query": ("http://127.0.0.1:8765/callback", "That is not it"),
    "words": ("This site can't be reached", "That is not it"),
    "what ssh prints": ("bind [127.0.0.1]:8765: Address already in use", "That is not it"),
    "one word": ("yes", "That is not it"),
    "a question": ("why?", "That is not it"),
    "far too many fields": ("&".join(f"p{number}=1" for number in range(120)), "That is not it"),
}


@pytest.mark.parametrize(("text", "said"), OTHERS.values(), ids=list(OTHERS))
@pytest.mark.parametrize("bare", [True, False])
def test_anything_else_is_told_what_to_paste_in_one_line(text: str, said: str, bare: bool) -> None:
    pasted = read_pasted(text, state=STATE, accept_bare_code=bare)
    if bare and text.startswith("p0="):
        return  # a code may look like anything
    assert pasted.redirect is None
    assert said in pasted.complaint
    assert "\n" not in pasted.complaint
    assert ("or the code" in pasted.complaint) == (bare and said == "That is not it")


@given(st.text(), st.booleans())
def test_no_text_breaks_it_and_only_what_holds_a_state_is_an_answer(text: str, bare: bool) -> None:
    pasted = read_pasted(text, state=STATE, accept_bare_code=bare)
    assert (pasted.redirect is None) == bool(pasted.complaint)
    if pasted.redirect is not None:
        assert "state" in str(pasted.redirect)
    assert pasted.bare <= bare


@given(st.text())
def test_no_keys_break_the_line(keys: str) -> None:
    line = PastedLine()
    for key in keys:
        line.take(key)
    assert line.text.isprintable()
    assert quote(line.text, errors="replace") is not None
