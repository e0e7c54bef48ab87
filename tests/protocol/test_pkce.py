"""PKCE: a new verifier each time, S256 only, refused where the server does not offer it."""

from __future__ import annotations

import re

import pytest

from mcp_oauth_sync.exceptions import AuthorizationError
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.pkce import build_challenge, build_verifier, require_pkce

ISSUER = "https://as.example.com"


def test_a_verifier_is_new_each_time_and_of_the_allowed_characters() -> None:
    verifiers = {str(build_verifier()) for _ in range(200)}
    assert len(verifiers) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier) for verifier in verifiers)


def test_a_verifier_does_not_show_itself() -> None:
    assert "secret" in repr(build_verifier())


def test_a_challenge_is_43_characters_without_padding() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", build_challenge(build_verifier()))


def server(methods: tuple[str, ...] | None) -> AuthorizationServerMetadata:
    return AuthorizationServerMetadata(issuer=ISSUER, code_challenge_methods_supported=methods)


@pytest.mark.parametrize("methods", [("S256",), ("plain", "S256"), ("S256", "x")])
def test_a_server_that_offers_s256_is_used(methods: tuple[str, ...]) -> None:
    require_pkce(server(methods))


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (None, "does not say that it supports PKCE"),
        ((), "not the method S256"),
        (("plain",), "not the method S256"),
        (("s256",), "not the method S256"),
    ],
)
def test_a_server_that_does_not_offer_s256_is_refused_by_name(methods: tuple[str, ...] | None, said: str) -> None:
    with pytest.raises(AuthorizationError) as refused:
        require_pkce(server(methods))
    assert ISSUER in refused.value.message
    assert said in refused.value.message
    assert "code_challenge_methods_supported" in (refused.value.hint or "")
