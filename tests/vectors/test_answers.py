"""Token and registration answers, and the header, as RFC 6749, RFC 6750, RFC 7591 and RFC 9110 print them."""

from __future__ import annotations

import json
import time

import pytest

from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.protocol.reply import Reply
from mcp_oauth_sync.protocol.token_response import parse_token_response

REGISTRATION = {  # RFC 7591 section 3.2.1
    "client_id": "s6BhdRkqt3",
    "client_secret": "cf136dc3c1fc93f31185e5885805d",
    "client_id_issued_at": 2893256800,
    "client_secret_expires_at": 2893276800,
    "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
    "grant_types": ["authorization_code", "refresh_token"],
    "client_name": "My Example Client",
    "client_name#ja-Jpan-JP": "\u30af\u30e9\u30a4\u30a2\u30f3\u30c8\u540d",
    "token_endpoint_auth_method": "client_secret_basic",
    "logo_uri": "https://client.example.org/logo.png",
    "jwks_uri": "https://client.example.org/my_public_keys.jwks",
    "example_extension_parameter": "example_value",
}


def reply(status: int, document: object = None, **headers: str) -> Reply:
    return Reply(url="https://as/token", status=status, headers=headers, body=json.dumps(document).encode())


def test_the_token_answer_of_rfc_6750_is_read() -> None:
    document = {
        "access_token": "mF_9.B5f-4.1JqM",
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA",
    }
    tokens = parse_token_response(document, requested_scope="a", now=0.0)
    assert tokens.get_authorization_header() == "Bearer mF_9.B5f-4.1JqM"
    assert (tokens.expires_in, tokens.refresh_token, tokens.scope) == (3600.0, "tGzv3JOkF0XG5Qx2TlKWIA", "a")


def test_the_token_answer_of_rfc_6749_has_a_type_that_we_do_not_understand() -> None:
    document = {"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "example", "expires_in": 3600}
    with pytest.raises(MalformedDocument, match="'example'"):
        parse_token_response(document, requested_scope=None, now=0.0)


def test_the_error_answers_of_rfc_6749_and_rfc_7591_are_read() -> None:
    assert reply(400, {"error": "invalid_request"}).oauth_error() == ("invalid_request", None)
    document = {
        "error": "invalid_redirect_uri",
        "error_description": "The redirection URI http://sketchy.example.com is not allowed by this server.",
    }
    assert reply(400, document).oauth_error() == (document["error"], document["error_description"])


def test_the_registration_of_rfc_7591_is_read() -> None:
    client = ClientRegistration.from_response(REGISTRATION, issuer="https://server.example.com")
    assert client.client_secret == "cf136dc3c1fc93f31185e5885805d"
    assert client.client_secret_expires_at == 2893276800
    assert client.redirect_uris == ("https://client.example.org/callback", "https://client.example.org/callback2")
    assert client.client_name == "My Example Client"
    assert client.is_expired(now=2893276800)
    assert not client.is_expired(now=2893276799)


def test_the_waits_of_rfc_9110_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reply(503, **{"retry-after": "120"}).retry_after() == 120.0
    assert reply(503, **{"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}).retry_after() == 0.0
    monkeypatch.setattr("mcp_oauth_sync.protocol.reply.time", lambda: 946684799.0 - 30)
    assert time.time() > 946684799.0
    assert reply(503, **{"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}).retry_after() == 30.0
