"""Challenges: everything servers write in ``WWW-Authenticate``, and everything they should not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.protocol.challenge import Challenge, parse_challenges, select_challenge

URL = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"


@pytest.mark.parametrize(
    "headers",
    [
        [f'Bearer resource_metadata="{URL}"'],
        [f'bearer RESOURCE_METADATA="{URL}"'],
        [f"Bearer resource_metadata={URL}"],
        [f'BEARER   resource_metadata = "{URL}" '],
        [f'Negotiate, Bearer resource_metadata="{URL}"'],
        [f'Negotiate YII=, Bearer resource_metadata="{URL}"'],
        [f'Bearer resource_metadata="{URL}", Negotiate'],
        ["Negotiate", f'Bearer resource_metadata="{URL}"'],
        ['Basic realm="a, b"', f'Bearer resource_metadata="{URL}"'],
        [f'Basic realm="x, Bearer resource_metadata=\\"https://evil.example\\"", Bearer resource_metadata="{URL}"'],
        [f'Digest qop="auth", nonce=abc==, Bearer realm="x" resource_metadata="{URL}"'],
        [f'Bearer error="invalid_token", Bearer resource_metadata="{URL}"'],
        [f', ,Bearer , resource_metadata="{URL}",,'],
        [f'Bearer resource_metadata="{URL}", resource_metadata="https://evil.example"'],
        [f'Bearer realm="a\\"b", resource_metadata="{URL}"'],
        [f'Bearer realm=, resource_metadata="{URL}"'],
        [f'Bearer realm="caf\xe9", resource_metadata="{URL}"'],
        [f'Bearer (x) ;;; {{}} resource_metadata="{URL}"'],
        [f'realm="no scheme", Bearer resource_metadata="{URL}"'],
        [f'DPoP algs="ES256", Bearer resource_metadata="{URL}"'],
        [f'DPoP resource_metadata="{URL}"'],
        ['Bearer realm="never ends', f'Bearer resource_metadata="{URL}"'],
    ],
)
def test_the_metadata_url_is_found_among_whatever_else_is_said(headers: list[str]) -> None:
    assert select_challenge(headers).resource_metadata == URL


@pytest.mark.parametrize(
    "headers",
    [[], [""], ["Negotiate"], ['Basic realm="x"'], ["garbage"], ['"'], ["=,=,="], ["Bearer=x"], ["https://x"], [" , "]],
)
def test_no_usable_challenge_is_an_empty_challenge(headers: list[str]) -> None:
    assert select_challenge(headers) == Challenge()


def test_a_bare_bearer_asks_for_a_token_and_says_nothing_else() -> None:
    assert select_challenge(["Bearer"]) == Challenge(scheme="bearer")


def test_bearer_is_taken_before_dpop() -> None:
    assert select_challenge(["DPoP", 'Bearer scope="a"']).scheme == "bearer"


def test_the_scopes_are_taken_as_they_are() -> None:
    challenge = select_challenge(['Bearer error="insufficient_scope", scope="z  notes:read"'])
    assert challenge.scopes == ("z", "notes:read")
    assert challenge.insufficient_scope
    assert select_challenge(['Bearer scope=""']).scope is None
    assert not select_challenge(['Bearer error="invalid_token"']).insufficient_scope


def test_a_quote_that_never_ends_takes_its_own_line_only() -> None:
    assert list(parse_challenges(['Bearer a=b, c="d, e=f', 'Basic realm="x"'])) == [
        ("bearer", {"a": "b"}),
        ("basic", {"realm": "x"}),
    ]


def test_a_header_of_any_length_is_read_up_to_a_limit() -> None:
    far = "x" * 20_000
    assert select_challenge([f'Bearer scope="a", realm="{far}", resource_metadata="{URL}"']) == Challenge(
        scheme="bearer", scope="a"
    )


@pytest.mark.parametrize(
    "header",
    [
        "a" * 8_000 + '="' + "b" * 8_000,
        "a" * 16_000 + ":",
        "\x00" + " " * 16_000,
        "Bearer " + "a " * 8_000,
        'Bearer x="' + "\\" * 16_000,
        'a="' * 5_000,
        "Bearer " + "a" * 15_000 + "=" * 500 + ":",
        "a=" * 8_000,
        "a =" + " " * 15_000 + "x",
    ],
)
def test_no_header_takes_more_than_a_moment(header: str) -> None:
    started = time.process_time()
    list(parse_challenges([header] * 3))
    assert time.process_time() - started < 1.0


noise = st.text(alphabet='Bearer =",\\ \t\x00\xe9abc:/?#~+', max_size=60)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(headers=st.lists(noise | st.text(), max_size=3))
def test_any_header_is_survived(headers: list[str]) -> None:
    for scheme, parameters in parse_challenges(headers):
        assert scheme == scheme.lower()
        assert all(name == name.lower() for name in parameters)
    assert isinstance(select_challenge(headers), Challenge)


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(before=noise, value=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=40))
def test_what_is_quoted_comes_back_as_it_was(before: str, value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert list(parse_challenges([before, f'Bearer realm="{quoted}"']))[-1] == ("bearer", {"realm": value})
