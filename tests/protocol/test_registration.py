"""Dynamic registration: what is asked for, and how the answer is judged."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import InsecureURLError, RegistrationError, RegistrationRequiredError
from mcp_oauth_sync.models.client import DYNAMIC, ClientRegistration
from mcp_oauth_sync.models.client_metadata import ClientMetadata
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.registration import build_registration_request, register_client
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import ABSENT, AuthorizationServer, Origin, html, redirect_to, reply, reset

REDIRECT = "http://127.0.0.1:5555/callback"


def described(server: AuthorizationServer) -> AuthorizationServerMetadata:
    return AuthorizationServerMetadata.from_document(server.metadata())


def register(http: Transport, server: AuthorizationServer, **more: Any) -> ClientRegistration:
    metadata = more.pop("metadata", ClientMetadata())
    return register_client(http, described(server), metadata, **{"redirect_uris": (REDIRECT,), **more})


def refused(http: Transport, server: AuthorizationServer, **more: Any) -> RegistrationError:
    with pytest.raises(RegistrationError) as caught:
        register(http, server, **more)
    assert caught.value.issuer == server.issuer
    return caught.value


def test_a_native_client_with_the_real_redirect_uri_is_asked_for(http: Transport, server: AuthorizationServer) -> None:
    known = register(http, server, scopes=("a", "b"))
    assert server.requests("/register")[0].json() == {
        "client_name": "mcp-oauth-sync",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "scope": "a b",
    }
    assert known.client_id in server.clients
    assert (known.issuer, known.source, known.redirect_uris) == (server.issuer, DYNAMIC, (REDIRECT,))
    assert (known.client_secret, known.token_endpoint_auth_method) == (None, "none")
    assert server.violations == []


def test_everything_in_the_request_can_be_chosen_by_the_caller() -> None:
    metadata = ClientMetadata(
        client_name="Mine",
        client_uri="https://app.example.com",
        grant_types=["authorization_code"],
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        scope="x",
        extra={"software_statement": "jwt", "redirect_uris": ["https://app.example.com/cb"]},
    )
    server = AuthorizationServerMetadata(issuer="https://as")
    assert build_registration_request(metadata, redirect_uris=[REDIRECT], scopes=["a"], server=server) == {
        "client_name": "Mine",
        "client_uri": "https://app.example.com",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "x",
        "software_statement": "jwt",
        "redirect_uris": ["https://app.example.com/cb"],
    }


def test_without_scopes_none_is_registered_for() -> None:
    request = build_registration_request(
        ClientMetadata(), redirect_uris=[REDIRECT], scopes=(), server=AuthorizationServerMetadata(issuer="https://as")
    )
    assert "scope" not in request


def test_an_initial_access_token_opens_a_protected_endpoint(http: Transport, server: AuthorizationServer) -> None:
    server.registration_mode = "needs-token"
    assert register(http, server, initial_access_token=server.initial_access_token).client_id in server.clients
    error = refused(http, server)
    assert isinstance(error, RegistrationRequiredError)
    assert (error.status, error.error) == (401, "invalid_token")
    assert "initial_access_token=" in (error.hint or "")
    assert server.violations == []


@pytest.mark.parametrize("status", [200, 201])
def test_only_the_client_id_has_to_come_back(http: Transport, server: AuthorizationServer, status: int) -> None:
    absent = ["redirect_uris", "scope", "client_name", "client_secret", "token_endpoint_auth_method", "grant_types"]
    server.fault("/register", reply(status, {"client_id": "c", **dict.fromkeys(absent)}))
    known = register(http, server)
    assert (known.client_id, known.token_endpoint_auth_method, known.redirect_uris) == ("c", "none", ())


@pytest.mark.parametrize("said", [ABSENT, "none"])
@pytest.mark.parametrize(
    ("offered", "used"),
    [
        (("none", "client_secret_post"), "client_secret_post"),
        (("none", "client_secret_basic"), "client_secret_basic"),
        (("none",), "none"),
    ],
)
def test_a_secret_that_nobody_asked_for_is_used_the_way_the_server_lists(
    http: Transport, server: AuthorizationServer, said: object, offered: tuple[str, ...], used: str
) -> None:
    server.auth_methods = offered
    server.registration_overrides = {"client_secret": "canary-secret", "token_endpoint_auth_method": said}
    known = register(http, server)
    assert (known.client_secret, known.token_endpoint_auth_method) == ("canary-secret", used)


def test_the_method_of_the_answer_wins_over_the_one_asked_for(http: Transport, server: AuthorizationServer) -> None:
    server.registration_overrides = {"client_secret": "s", "token_endpoint_auth_method": "client_secret_basic"}
    known = register(http, server, metadata=ClientMetadata(token_endpoint_auth_method="client_secret_post"))
    assert known.token_endpoint_auth_method == "client_secret_basic"


@pytest.mark.parametrize(
    ("substituted", "why"),
    [
        ({"token_endpoint_auth_method": "private_key_jwt"}, "demands the authentication method 'private_key_jwt'"),
        ({"token_endpoint_auth_method": "tls\x1b[2J"}, "demands the authentication method 'tls [2J'"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "gave no secret"),
        ({"token_endpoint_auth_method": "client_secret_post", "client_secret": ""}, "gave no secret"),
        ({"client_secret": "canary", "client_secret_expires_at": time.time() - 10}, "already expired"),
        ({"redirect_uris": ["https://evil.example.com/callback"]}, "other redirect URIs"),
        ({"redirect_uris": ["http://127.0.0.1:5555/other"]}, "other redirect URIs"),
        ({"redirect_uris": ["http://localhost:5555/callback"]}, "other redirect URIs"),
    ],
)
def test_a_registration_that_cannot_be_used_is_refused_with_the_reason(
    http: Transport, server: AuthorizationServer, substituted: dict[str, Any], why: str
) -> None:
    server.fault("/register", reply(201, {"client_id": "c", **substituted}))
    error = refused(http, server)
    assert why in error.message
    assert "canary" not in str(error)


@pytest.mark.parametrize("uri", [REDIRECT, "http://127.0.0.1/callback", "http://127.0.0.1:0/callback"])
def test_the_port_of_a_registered_loopback_address_does_not_count(
    http: Transport, server: AuthorizationServer, uri: str
) -> None:
    server.fault("/register", reply(201, {"client_id": "c", "redirect_uris": ["https://x.example.com", uri]}))
    assert uri in register(http, server).redirect_uris


@pytest.mark.parametrize(
    "document",
    [
        *({}, {"client_id": None}, {"client_id": ""}, {"client_id": " "}, {"client_id": 5}, {"client_id": "\ud800"}),
        {"client_id": "c", "client_secret": ["canary"]},
        {"client_id": "c", "redirect_uris": "canary"},
        {"client_id": "c", "client_secret_expires_at": "never"},
        {"client_id": "c", "client_secret_expires_at": 10**400},
    ],
)
def test_a_malformed_answer_is_a_registration_error(
    http: Transport, server: AuthorizationServer, document: dict[str, Any]
) -> None:
    server.fault("/register", reply(201, document))
    error = refused(http, server)
    assert "malformed" in error.message
    assert "canary" not in str(error)


def test_a_refusal_says_what_the_server_said_made_printable(http: Transport, server: AuthorizationServer) -> None:
    said = {"error": "invalid_client_metadata", "error_description": "<b>no</b>\x1b[31m\nloopback"}
    server.fault("/register", reply(400, said))
    error = refused(http, server)
    assert not isinstance(error, RegistrationRequiredError)
    assert (error.status, error.error, error.error_description) == (400, said["error"], "<b>no</b> [31m loopback")
    assert "invalid_client_metadata: <b>no</b> [31m loopback" in error.message
    assert "client_metadata=" in (error.hint or "")


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_an_endpoint_that_is_closed_means_registering_by_hand(
    http: Transport, server: AuthorizationServer, status: int
) -> None:
    server.fault("/register", reply(status, b"Forbidden for you", content_type="text/plain"))
    error = refused(http, server)
    assert isinstance(error, RegistrationRequiredError)
    assert f"{server.url}/register" in error.message
    assert f"HTTP {status}" in error.message
    assert "Forbidden for you" in error.message
    assert "http://127.0.0.1/callback (any port)" in (error.hint or "")
    assert "client_id=" in (error.hint or "")


def test_a_gateways_page_is_called_a_page(http: Transport, server: AuthorizationServer) -> None:
    server.fault("/register", html(403))
    message = refused(http, server).message
    assert "an HTML page titled 'Attention Required | Example Gateway' from example-gateway" in message
    assert "gateway that blocks programs" in message
    assert "JSON" not in message


@pytest.mark.parametrize(
    ("header", "words"), [("30", "in 30 seconds"), ("junk", "later"), ("99999999", "in 3600 seconds")]
)
def test_too_many_registrations_say_when_to_come_back(
    http: Transport, server: AuthorizationServer, header: str, words: str
) -> None:
    server.registration_mode, server.retry_after = "rate-limited", header
    error = refused(http, server)
    assert error.status == 429
    assert words in (error.hint or "")
    assert len(server.requests("/register")) == 1


@pytest.mark.parametrize(
    "fault",
    [html(200), reply(201, []), reply(200, {"error": "x"}), reply(204), reply(500), reset(), redirect_to("/x", 307)],
    ids=lambda fault: fault.name,
)
def test_any_other_answer_is_a_registration_error(http: Transport, server: AuthorizationServer, fault: Any) -> None:
    server.fault("/register", fault)
    assert refused(http, server).hint
    assert len(server.log) == 1


@pytest.mark.parametrize("endpoint", ["http://as.example.com/register", "ftp://x", "", "https://u:canary@h/register"])
def test_an_endpoint_that_may_not_be_contacted_gets_no_credential(http: Transport, endpoint: str) -> None:
    server = AuthorizationServerMetadata(issuer="https://as.example.com", registration_endpoint=endpoint)
    with pytest.raises(InsecureURLError, match="registration endpoint") as error:
        register_client(http, server, ClientMetadata(), redirect_uris=(REDIRECT,), initial_access_token="canary")
    assert "canary" not in str(error.value)


def test_a_redirect_elsewhere_takes_no_credential_along(
    http: Transport, server: AuthorizationServer, elsewhere: Origin
) -> None:
    for status in (301, 302, 303, 307, 308):
        server.fault("/register", redirect_to(f"{elsewhere.url}/register", status))
        assert refused(http, server, initial_access_token="canary").status == status
