"""The redirect, taken apart: nothing ambiguous gets through."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import InvalidRedirectError
from mcp_oauth_sync.models.redirect import MAX_REDIRECT, belongs_to, parse_redirect, same_state
from mcp_oauth_sync.models.secret import Secret

fuzz = settings(max_examples=200, derandomize=True, deadline=None, database=None)
pieces = st.lists(
    st.tuples(st.sampled_from(["code", "state", "iss", "error", "x", ""]), st.text(max_size=8)), max_size=6
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
redirects = st.one_of(st.text(), pieces, pieces.map(lambda query: f"http://127.0.0.1:5/callback?{query}"))


@pytest.mark.parametrize(
    "redirect",
    ["http://127.0.0.1:5/callback?code=c%2F%2B&state=s&iss=https%3A%2F%2Fas", "code=c%2F%2B&state=s&iss=https://as"],
)
def test_a_url_and_its_query_alone_say_the_same(redirect: str) -> None:
    assert parse_redirect(redirect) == {"code": "c/+", "state": "s", "iss": "https://as"}


def test_code_and_state_are_secrets() -> None:
    answer = parse_redirect("code=canary&state=canary2&iss=https://as")
    assert "canary" not in repr(answer)
    assert isinstance(answer["code"], Secret)


@pytest.mark.parametrize("name", ["code", "state", "iss", "error", "error_description", "error_uri"])
def test_a_repeated_parameter_is_refused_even_when_both_are_equal(name: str) -> None:
    with pytest.raises(InvalidRedirectError, match="repeats a parameter"):
        parse_redirect(f"code=c&{name}=x&{name}=x")


def test_an_unknown_parameter_may_be_repeated() -> None:
    assert parse_redirect("state=s&x=1&x=2")["state"] == "s"


@pytest.mark.parametrize(
    "redirect",
    [
        "x" * (MAX_REDIRECT + 1),
        "&".join(f"a{n}=b" for n in range(101)),
        "code=%ff&state=s",
        "code=\udc80&state=s",
        "http://[::1?code=c",
    ],
)
def test_what_is_no_sensible_query_is_refused(redirect: str) -> None:
    with pytest.raises(InvalidRedirectError):
        parse_redirect(redirect)


@pytest.mark.parametrize(
    ("redirect", "belongs"),
    [
        ("state=good", True),
        ("/callback?code=c&state=good", True),
        ("state=bad", False),
        ("state=", False),
        ("", False),
        ("code=c", False),
        ("state=good&state=good", False),
        ("state=good&state=bad", False),
        ("state=GOOD", False),
        ("state=good%00", False),
        ("state=go%C3%B6d", False),
        ("state=good&" + "x" * MAX_REDIRECT, False),
        ("state=good&" + "&".join(f"a{n}=b" for n in range(101)), False),
        ("http://[::1?state=good", False),
    ],
)
def test_only_the_one_state_waited_for_belongs_to_it(redirect: str, belongs: bool) -> None:
    assert belongs_to(redirect, "good") is belongs


def test_states_of_any_text_can_be_compared() -> None:
    assert same_state("good", "good")
    assert not same_state("g\u00f6\u00f6d", "good")
    assert not same_state("\ud800", "good")


@fuzz
@given(redirect=redirects)
def test_any_redirect_is_taken_apart_or_refused_by_type(redirect: str) -> None:
    assert belongs_to(redirect, "good") in (True, False)
    try:
        answer = parse_redirect(redirect)
    except InvalidRedirectError:
        return
    assert "".join(answer.values()).encode() is not None
