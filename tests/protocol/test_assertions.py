"""The assertion by which a client authenticates: what it says, that it is signed, and that each serves once."""

from __future__ import annotations

import sys
from typing import Any

import jwt
import pytest

from mcp_oauth_sync import ClientKey
from mcp_oauth_sync.exceptions import RegistrationError
from mcp_oauth_sync.protocol import assertions
from mcp_oauth_sync.protocol.assertions import build_client_assertion, settle_algorithm
from tests.servers.keys import private_pem, public_pem

ISSUER = "https://login.example.com/tenant"


def made(key: ClientKey, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of one, its signature checked."""
    kind = next(kind for kind in ("P-256", "RSA", "Ed25519", "P-384") if key.key == private_pem(kind))
    text = build_client_assertion(key, client_id="service", issuer=ISSUER, **more)
    header = jwt.get_unverified_header(text)
    claims: dict[str, Any] = jwt.decode(text, public_pem(kind), algorithms=[header["alg"]], audience=ISSUER)
    return header, claims


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384"), ("RSA", "RS256"), ("Ed25519", "EdDSA")]
)
def test_it_names_the_client_twice_the_issuer_once_and_ends_soon(kind: str, algorithm: str) -> None:
    header, claims = made(ClientKey(private_pem(kind)))
    assert header == {"alg": algorithm, "typ": "JWT"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("service", "service", ISSUER)
    assert claims["exp"] - claims["iat"] == 60
    assert sorted(claims) == ["aud", "exp", "iat", "iss", "jti", "sub"]


def test_the_name_of_the_key_and_the_lifetime_are_the_callers() -> None:
    header, claims = made(ClientKey(private_pem(), key_id="2026-11", lifetime=299.5))
    assert header["kid"] == "2026-11"
    assert claims["exp"] - claims["iat"] == 300


def test_no_two_are_the_same() -> None:
    key = ClientKey(private_pem())
    assert len({made(key)[1]["jti"] for _ in range(50)}) == 50


def test_it_is_signed_by_what_was_settled_as_long_as_the_key_can() -> None:
    rsa = ClientKey(private_pem("RSA"))
    assert made(rsa, algorithm="PS256")[0]["alg"] == "PS256"
    assert made(ClientKey(private_pem("RSA"), algorithm="RS512"), algorithm="PS256")[0]["alg"] == "RS512"
    assert made(ClientKey(private_pem("Ed25519")), algorithm="PS256")[0]["alg"] == "EdDSA"  # a new key since


def test_it_does_not_show_itself() -> None:
    assert "eyJ" not in repr(build_client_assertion(ClientKey(private_pem()), client_id="service", issuer=ISSUER))


def test_without_an_issuer_there_is_nobody_to_sign_for() -> None:
    with pytest.raises(RegistrationError, match="which one is not known") as caught:
        build_client_assertion(ClientKey(private_pem()), client_id="service", issuer="")
    assert caught.value.hint == "Pass issuer=."


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    for act in (
        lambda: settle_algorithm(ClientKey(private_pem()), None, server=ISSUER),
        lambda: build_client_assertion(ClientKey(private_pem()), client_id="service", issuer=ISSUER),
    ):
        with pytest.raises(RegistrationError, match="needs PyJWT") as caught:
            act()
        assert caught.value.hint == assertions.INSTALL == "Run: pip install 'mcp-oauth-sync[jwt]'"


def test_settling_chooses_what_the_server_takes() -> None:
    assert settle_algorithm(ClientKey(private_pem("RSA")), ("PS256",), server=ISSUER) == "PS256"
    with pytest.raises(RegistrationError, match="takes only PS256"):
        settle_algorithm(ClientKey(private_pem()), ("PS256",), server=ISSUER)
