"""Client-id metadata documents: our URL is our name, there is no secret, and what we write would be accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import RegistrationError
from mcp_oauth_sync.models.client import DOCUMENT
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.client_auth import build_client_authentication
from mcp_oauth_sync.protocol.client_document_check import check_client_document
from mcp_oauth_sync.protocol.client_id_document import (
    DEFAULT_PORTS,
    as_served,
    build_client_document,
    build_document_registration,
    build_loopback_redirects,
)

URL = "https://app.example.com/oauth/client.json"
PUBLIC = {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "1"}]}


def build(url: str = URL, *redirects: str, **members: Any) -> dict[str, object]:
    return build_client_document(
        url, redirects or build_loopback_redirects(DEFAULT_PORTS), **{"client_name": "Notes", **members}
    )


def test_the_url_is_the_client_id_to_the_letter_and_the_client_is_public() -> None:
    known = build_document_registration(URL, AuthorizationServerMetadata(issuer="https://as"))
    assert (known.client_id, known.issuer, known.source) == (URL, "https://as", DOCUMENT)
    assert known.client_secret is None
    assert build_client_authentication(known) == ({}, {"client_id": URL})


def test_every_port_is_named_for_servers_that_compare_and_none_for_those_that_do_not() -> None:
    assert build_loopback_redirects([8765, 8766], hosts=["127.0.0.1", "::1"]) == (
        "http://127.0.0.1/callback",
        "http://127.0.0.1:8765/callback",
        "http://127.0.0.1:8766/callback",
        "http://[::1]/callback",
        "http://[::1]:8765/callback",
        "http://[::1]:8766/callback",
    )
    assert build_loopback_redirects([]) == ("http://127.0.0.1/callback", "http://localhost/callback")


def test_a_document_says_all_that_a_server_asks_for_and_nothing_else() -> None:
    document = build(URL, "http://127.0.0.1:8765/callback")
    assert document == {
        "client_id": URL,
        "client_name": "Notes",
        "redirect_uris": ["http://127.0.0.1:8765/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
    }
    assert json.loads(as_served(document)) == document


def test_what_may_be_said_besides_is_said() -> None:
    more = {"scope": "a b", "client_uri": "https://app.example.com", "logo_uri": "https://app.example.com/logo.png"}
    assert more.items() <= build(**more).items()
    for keys in ({"jwks": PUBLIC}, {"jwks_uri": "https://app.example.com/keys.json"}):
        document = build(**keys)
        assert document["token_endpoint_auth_method"] == "private_key_jwt"
        assert keys.items() <= document.items()


@pytest.mark.parametrize(
    ("redirects", "kind"),
    [
        (["https://app.example.com/cb"], "web"),
        (["https://app.example.com/cb", "http://localhost/callback"], "native"),
        (["com.example.app:/cb"], "native"),
    ],
)
def test_a_program_on_a_persons_machine_is_native(redirects: list[str], kind: str) -> None:
    assert build(URL, *redirects)["application_type"] == kind


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://app.example.com/client.json"}, "is refused"),
        ({"url": "https://app.example.com"}, "is refused"),
        ({"url": "https://app.example.com/%2E%2e/client.json"}, "dot segments"),
        ({"url": "https://me:hunter2@app.example.com/c"}, "user information"),
        ({"redirects": ["http://app.example.com/cb"]}, "is refused"),
        ({"redirects": ["javascript:alert(1)"]}, "is refused"),
        ({"redirects": build_loopback_redirects(range(8000, 8200))}, "bytes"),
        ({"client_name": " "}, "client_name"),
        ({"jwks": PUBLIC, "jwks_uri": "https://app.example.com/keys.json"}, "both jwks and jwks_uri"),
        ({"jwks": {"keys": [{"kty": "EC", "d": "hunter2-hunter2"}]}}, "private or a symmetric key"),
        ({"jwks": {"keys": []}}, "no set of keys"),
        ({"jwks_uri": "http://app.example.com/keys.json"}, "is refused"),
    ],
)
def test_what_no_server_would_accept_is_not_written(change: dict[str, Any], said: str) -> None:
    url, redirects = change.pop("url", URL), change.pop("redirects", build_loopback_redirects([8765]))
    with pytest.raises(RegistrationError, match="No authorization server would accept") as refused:
        build(url, *redirects, **change)
    assert said in refused.value.message
    assert "hunter2" not in str(refused.value)
    assert ("fewer ports" in (refused.value.hint or "")) is (said == "bytes")


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(
    url=st.one_of(st.just(URL), st.text(max_size=40), st.from_regex(r"https://[a-z.]{1,20}/[a-z./%2e]{0,10}")),
    redirects=st.lists(st.one_of(st.just("http://localhost:1/callback"), st.text(max_size=30)), max_size=3),
    client_name=st.text(max_size=10),
    scope=st.none() | st.text(max_size=10),
)
def test_whatever_is_written_would_be_accepted(
    url: str, redirects: list[str], client_name: str, scope: str | None
) -> None:
    try:
        document = build_client_document(url, redirects, client_name=client_name, scope=scope)
    except RegistrationError:
        return
    served = as_served(document)
    assert served.isascii()
    assert [found for found in check_client_document(json.loads(served), url, size=len(served)) if found.wrong] == []
