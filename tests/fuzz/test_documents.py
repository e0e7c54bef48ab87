"""Documents and answers of servers: read to something that can be used, or refused by type and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import OAuthError, RegistrationError, TokenExchangeError, TokenRefreshError, printable
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.device import DeviceAuthorization
from mcp_oauth_sync.models.document import Document, MalformedDocument
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from mcp_oauth_sync.models.tokens import OAuthTokens
from mcp_oauth_sync.protocol.registration import read_registration_response
from mcp_oauth_sync.protocol.reply import MAX_RETRY_AFTER, Reply, TransportFailure, decoded
from mcp_oauth_sync.protocol.token_response import parse_token_response, read_granted
from mcp_oauth_sync.urls import require_secure

from .inputs import CANARY, HEADERS, JSON, STATUSES, TEXTS, bodies, damaged, quick, usual

ISSUER = "https://as.example.com"
SERVER = AuthorizationServerMetadata(issuer=ISSUER, token_endpoint=f"{ISSUER}/token")
REDIRECT = "http://127.0.0.1:8765/callback"
TOKENS = {
    "access_token": f"{CANARY}-1",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": f"{CANARY}-2",
    "scope": "a b",
}
CLIENT = {
    "client_id": "a-client",
    "client_secret": f"{CANARY}-3",
    "client_secret_expires_at": 0,
    "token_endpoint_auth_method": "client_secret_post",
    "redirect_uris": [REDIRECT],
    "registration_access_token": f"{CANARY}-4",
    "scope": "a b",
}
DEVICE = {
    "device_code": f"{CANARY}-5",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://as.example.com/device",
    "verification_uri_complete": "https://as.example.com/device?user_code=WDJB-MJHT",
    "expires_in": 600,
    "interval": 5,
}
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "scopes_supported": ["a"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}
RESOURCE = {"resource": "https://mcp.example.com/mcp", "authorization_servers": [ISSUER], "scopes_supported": ["a"]}
OAUTH_ERROR = {"error": "invalid_grant", "error_description": "it is over"}

READERS: dict[str, tuple[dict[str, Any], Callable[[Document], object]]] = {
    "server": (METADATA, AuthorizationServerMetadata.from_document),
    "resource": (RESOURCE, ProtectedResourceMetadata.from_document),
    "client": (CLIENT, lambda document: ClientRegistration.from_response(document, issuer=ISSUER)),
    "device": (DEVICE, DeviceAuthorization.from_response),
    "tokens": (TOKENS, lambda document: parse_token_response(document, requested_scope="a", now=1.0)),
}


@pytest.mark.parametrize("kind", READERS)
@usual
@given(data=st.data())
def test_any_document_is_read_or_refused_by_type(kind: str, data: st.DataObject) -> None:
    good, read = READERS[kind]
    document = data.draw(damaged(good, "verification_url", "device_authorization_endpoint", "dpop_signing_alg_values"))
    try:
        found = read(json.loads(json.dumps(document)))
    except MalformedDocument as refused:
        assert str(refused) == printable(str(refused), 500)
        return
    assert hash(found) == hash(read(json.loads(json.dumps(document))))
    assert CANARY not in repr(found)


@pytest.mark.parametrize("kind", READERS)
def test_what_the_documents_are_made_of_is_read(kind: str) -> None:
    good, read = READERS[kind]
    assert read(good)


def reply(status: int, headers: dict[str, str], body: bytes) -> Reply:
    return Reply(url=f"{ISSUER}/token", status=status, headers=headers, body=body)


ANSWERS = st.builds(reply, STATUSES, HEADERS, bodies(damaged({**TOKENS, **OAUTH_ERROR}, "error_uri") | damaged(TOKENS)))


@quick
@given(ANSWERS)
def test_any_answer_can_be_looked_at(answer: Reply) -> None:
    assert answer.describe() == printable(answer.describe(), 1000)
    assert all(said is None or said == printable(said) for said in answer.oauth_error())
    wait = answer.retry_after()
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER
    assert CANARY not in repr(answer)


@usual
@given(
    st.text(st.characters(max_codepoint=255), max_size=30)
    | st.from_regex(r"[A-Z][a-z]{2}, ?[0-9 :+\-a-zA-Z,.()]{0,30}")
)
def test_any_time_to_wait_is_seconds_or_none(value: str) -> None:
    wait = reply(503, {"retry-after": value}, b"").retry_after()
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER


@pytest.mark.parametrize("failed", [TokenExchangeError, TokenRefreshError])
@quick
@given(answer=ANSWERS, scope=st.none() | TEXTS)
@example(answer=reply(200, {}, b'{"access_token": "a"}'), scope="")
def test_any_answer_of_a_token_endpoint_is_tokens_or_the_error_asked_for(
    failed: Any, answer: Reply, scope: str | None
) -> None:
    try:
        granted = read_granted(answer, f"{ISSUER}/token", None, what="the code", scope=scope, now=1.0, failed=failed)
    except failed as refused:
        assert refused.message.isprintable()
        assert CANARY not in str(refused)
        return
    assert answer.status in (200, 201)
    tokens = granted.tokens
    assert tokens.access_token.isascii()
    assert tokens.access_token.isprintable()
    assert tokens.get_authorization_header().split() == ["Bearer", tokens.access_token]
    assert tokens.expires_in is None or tokens.expires_in > 0
    stored = json.loads(json.dumps(tokens.to_record()))
    assert OAuthTokens.from_record(stored) == tokens


@quick
@given(st.builds(reply, STATUSES, HEADERS, bodies(damaged(CLIENT, *OAUTH_ERROR) | damaged(OAUTH_ERROR))))
def test_any_answer_of_a_registration_endpoint_is_a_client_or_the_error_of_one(answer: Reply) -> None:
    try:
        client = read_registration_response(answer, server=SERVER, endpoint=f"{ISSUER}/r", redirect_uris=[REDIRECT])
    except RegistrationError as refused:
        assert refused.message.isprintable()
        assert CANARY not in str(refused)
        return
    assert client.issuer == ISSUER
    assert client.token_endpoint_auth_method in ("none", "client_secret_post", "client_secret_basic")
    assert client.client_secret or client.token_endpoint_auth_method == "none"
    assert ClientRegistration.from_record(json.loads(json.dumps(client.to_record()))) == client


@usual
@given(damaged(DEVICE))
def test_what_a_person_is_shown_of_a_device_sign_in_can_be_shown_and_opened(document: dict[str, Any]) -> None:
    try:
        device = DeviceAuthorization.from_response(document)
    except MalformedDocument:
        return
    assert device.user_code == printable(device.user_code)
    require_secure(device.verification_uri, "page")
    assert device.interval > 0
    assert device.expires_in > 0


@usual
@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()), st.text(max_size=8))
@example(b"\x1f\x8b", "GZIP")
def test_any_body_of_any_encoding_is_undone_or_refused(body: bytes, encoding: str) -> None:
    try:
        assert isinstance(decoded(body, encoding), bytes)
    except TransportFailure as refused:
        assert isinstance(refused, OAuthError)
        assert refused.message.isprintable()
