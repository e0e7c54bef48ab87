"""Tokens are bound where both servers offer it, where the resource takes no others, and where the caller insists."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from mcp_oauth_sync import AuthorizationServerMetadata, ProtectedResourceMetadata
from mcp_oauth_sync.exceptions import AuthorizationError
from mcp_oauth_sync.protocol.binding import select_binding
from mcp_oauth_sync.protocol.challenge import Challenge, select_challenge

URL = "https://mcp.example.com/mcp"
NOTHING: dict[str, Any] = {}
#: What a resource may say, and what follows from it where the authorization server lists ES256 or says nothing.
OFFERS: dict[str, tuple[str, dict[str, Any], bool, bool]] = {
    "nothing": ("", NOTHING, False, False),
    "bearer": ("Bearer", NOTHING, False, False),
    "both": ('Bearer, DPoP algs="ES256 RS256"', NOTHING, True, False),
    "both, no algorithms named": ("Bearer, DPoP", NOTHING, True, False),
    "both, others only": ('Bearer, DPoP algs="RS256"', NOTHING, False, False),
    "bound only": ("DPoP", NOTHING, True, True),
    "in its metadata": ("Bearer", {"dpop_signing_alg_values_supported": ("RS256", "ES256")}, True, False),
    "others in its metadata": ("Bearer", {"dpop_signing_alg_values_supported": ("RS256",)}, False, False),
    "required in its metadata": ("Bearer", {"dpop_bound_access_tokens_required": True}, True, True),
}


def chosen(said: str, *, wish: bool | None = None, listed: Any = ("ES256",), bound: bool = False, **prm: Any) -> bool:
    return select_binding(
        wish,
        URL,
        challenge=select_challenge([said]),
        resource=ProtectedResourceMetadata(resource=URL, **prm),
        server=AuthorizationServerMetadata(issuer="https://as.example.com", dpop_signing_alg_values_supported=listed),
        bound_before=bound,
    )


@pytest.mark.parametrize("name", OFFERS)
def test_what_both_servers_offer_decides(name: str) -> None:
    said, prm, listed, silent = OFFERS[name]
    assert chosen(said, **prm) is listed
    assert chosen(said, listed=None, **prm) is silent
    assert chosen(said, wish=False, **prm) is False


def test_without_any_metadata_the_challenge_alone_decides() -> None:
    server = AuthorizationServerMetadata(issuer="https://as.example.com")
    for challenge, expected in ((Challenge(), False), (select_challenge(["DPoP"]), True)):
        assert select_binding(None, URL, challenge=challenge, resource=None, server=server) is expected


def test_a_caller_who_insists_needs_nobodys_offer() -> None:
    assert chosen("Bearer", wish=True, listed=None)
    assert chosen("Bearer", wish=True)


def test_what_a_server_has_just_accepted_is_offered() -> None:
    assert chosen("Bearer", bound=True)
    assert not chosen("Bearer", bound=True, listed=None)


@pytest.mark.parametrize(
    ("said", "wish", "listed", "prm", "who"),
    [
        ('DPoP algs="RS256 PS256"', None, ("ES256",), NOTHING, "The MCP server https://mcp.example.com/mcp"),
        ("DPoP", None, ("RS256", "\x1b[2J"), NOTHING, "The authorization server https://as.example.com"),
        ("DPoP", None, (), NOTHING, "The authorization server"),
        ("", True, ("RS256",), NOTHING, "The authorization server"),
        (
            "Bearer",
            None,
            ("ES256",),
            {"dpop_bound_access_tokens_required": True, "dpop_signing_alg_values_supported": ("RS256",)},
            "The MCP server",
        ),
    ],
)
def test_where_no_algorithm_is_common_the_error_says_whose_fault_it_is(
    said: str, wish: bool | None, listed: Any, prm: dict[str, Any], who: str
) -> None:
    with pytest.raises(AuthorizationError) as caught:
        chosen(said, wish=wish, listed=listed, **prm)
    assert caught.value.message.startswith(who)
    assert "ES256" in caught.value.message
    assert caught.value.message.isprintable()


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)


@pytest.mark.usefixtures("without_the_extra")
def test_without_the_extra_bearer_tokens_are_used_where_they_will_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert not chosen("Bearer, DPoP")
    assert "pip install 'mcp-oauth-sync[jwt]'" in caplog.text
    assert not chosen("DPoP", wish=False)


@pytest.mark.usefixtures("without_the_extra")
@pytest.mark.parametrize(("said", "wish"), [("DPoP", None), ("Bearer", True)])
def test_without_the_extra_the_error_says_what_to_install_where_they_will_not(said: str, wish: bool | None) -> None:
    with pytest.raises(AuthorizationError, match="PyJWT") as caught:
        chosen(said, wish=wish)
    assert caught.value.hint == "Run: pip install 'mcp-oauth-sync[jwt]'"


def test_a_caller_who_does_not_want_it_is_told_that_the_server_does(caplog: pytest.LogCaptureFixture) -> None:
    assert not chosen("DPoP", wish=False)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# Challenges


def test_what_is_said_about_the_scheme_that_was_used_comes_first() -> None:
    lines = ['Bearer resource_metadata="https://x.example.com"', 'DPoP error="use_dpop_nonce", algs="ES256"']
    sent = select_challenge(lines, sent="DPoP the-token")
    assert (sent.scheme, sent.error, sent.proof_refused) == ("dpop", "use_dpop_nonce", True)
    assert sent.resource_metadata == "https://x.example.com"
    for other in (None, "Bearer the-token"):
        challenge = select_challenge(lines, sent=other)
        assert (challenge.scheme, challenge.error, challenge.proof_refused) == ("bearer", None, False)
        assert (challenge.dpop_offered, challenge.dpop_only) == (True, False)


@pytest.mark.parametrize("error", ["invalid_token", "insufficient_scope", None])
def test_other_errors_are_not_about_the_proof(error: str | None) -> None:
    said = f' error="{error}"' if error else ""
    assert not select_challenge([f"DPoP{said}"], sent="DPoP t").proof_refused
    assert select_challenge([f"DPoP{said}"]).dpop_only
