"""Explicit endpoints: only ones that can be used safely."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.exceptions import InsecureURLError
from mcp_oauth_sync.models.config import OAuthConfig

AUTHORIZE, TOKEN = "https://as.example.com/authorize", "https://as.example.com/token"


def test_two_endpoints_and_a_client_are_enough() -> None:
    config = OAuthConfig(AUTHORIZE, TOKEN, client_id="c", scopes=["a", "b"])
    assert config.scopes == ("a", "b")
    assert config.use_pkce


@pytest.mark.parametrize("field", ["authorization_url", "token_url", "registration_url", "revocation_url"])
def test_an_insecure_endpoint_is_refused_by_its_name(field: str) -> None:
    values = {"authorization_url": AUTHORIZE, "token_url": TOKEN, "client_id": "c", field: "http://as.example.com/x"}
    with pytest.raises(InsecureURLError, match=field.replace("_", " ")):
        OAuthConfig(**values)  # type: ignore[arg-type]


def test_pkce_cannot_be_turned_off() -> None:
    with pytest.raises(ValueError, match="PKCE"):
        OAuthConfig(AUTHORIZE, TOKEN, client_id="c", use_pkce=False)


@pytest.mark.parametrize("client_id", [None, ""])
def test_somebody_has_to_be_somebody(client_id: str | None) -> None:
    with pytest.raises(ValueError, match="client_id or a registration_url"):
        OAuthConfig(AUTHORIZE, TOKEN, client_id=client_id)
    assert OAuthConfig(AUTHORIZE, TOKEN, registration_url="https://as.example.com/register").client_id is None


def test_the_secret_is_not_shown() -> None:
    assert "canary" not in repr(OAuthConfig(AUTHORIZE, TOKEN, client_id="c", client_secret="canary-1234567890"))
