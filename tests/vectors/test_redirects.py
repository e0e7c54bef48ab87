"""The redirects that RFC 6749 section 4.1.2 and RFC 9207 section 2 print."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.exceptions import AccessDeniedError, InvalidRedirectError
from mcp_oauth_sync.protocol.authorization import AuthorizationRequest, read_response

CODE = "x1848ZT64p4IirMPT0R-X3141MFPTuBX-VFL_cvaplMH58"
STATE = "ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI"
GOOD = f"https://client.example/cb?code={CODE}&state={STATE}&iss=https%3A%2F%2Fhonest.as.example"


def request(state: str, issuer: str | None = "https://honest.as.example") -> AuthorizationRequest:
    return AuthorizationRequest(
        url="", issuer=issuer, issuer_advertised=issuer is not None, redirect_uri="", state=state, verifier=""
    )


def test_the_success_of_rfc_9207_gives_its_code() -> None:
    assert read_response(GOOD, request(STATE)) == CODE


def test_the_same_answer_is_not_for_another_issuer() -> None:
    with pytest.raises(InvalidRedirectError):
        read_response(GOOD, request(STATE, "https://attacker.as.example"))


def test_the_error_of_rfc_9207_is_a_denial() -> None:
    state = "N2JjNGJhY2JiZjRhYzA3MGJkMzNmMDE5OWJhZmJhZjA"
    redirect = f"https://client.example/cb?error=access_denied&state={state}&iss=https%3A%2F%2Fhonest.as.example"
    with pytest.raises(AccessDeniedError) as denied:
        read_response(redirect, request(state))
    assert denied.value.error == "access_denied"


def test_the_redirects_of_rfc_6749_are_understood() -> None:
    known = request("xyz", None)
    redirect = "https://client.example.com/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz"
    assert read_response(redirect, known) == "SplxlOBeZQQYbYS6WxSbIA"
    with pytest.raises(AccessDeniedError):
        read_response("https://client.example.com/cb?error=access_denied&state=xyz", known)
