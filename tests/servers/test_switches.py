"""The switches of the authorization server do what they say."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from . import ABSENT, AuthorizationServer, Person
from .plain_client import REDIRECT, PlainClient


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running
        assert running.errors == []


@pytest.fixture
def client(server: AuthorizationServer) -> Iterator[PlainClient]:
    with PlainClient(server) as running:
        yield running


def test_overrides_change_and_remove_members_of_every_document(server, client):
    server.metadata_overrides = {
        "code_challenge_methods_supported": ABSENT,
        "issuer": "https://x.example.com",
    }
    server.registration_overrides = {"redirect_uris": None, "token_endpoint_auth_method": ABSENT}
    server.token_overrides = {"expires_in": "3600", "scope": ABSENT}
    document = client.call("GET", f"{server.url}/.well-known/oauth-authorization-server").json()
    assert document["issuer"] == "https://x.example.com"
    assert "code_challenge_methods_supported" not in document
    answer = client.register().json()
    assert answer["redirect_uris"] is None
    assert "token_endpoint_auth_method" not in answer
    tokens = client.sign_in()
    assert tokens["expires_in"] == "3600"
    assert "scope" not in tokens


def test_a_token_response_can_be_a_form_with_another_status(server, client):
    server.token_form, server.token_status = True, 201
    client.register()
    response = client.exchange(client.authorize()["code"])
    assert response.status_code == 201
    assert parse_qs(response.text)["token_type"] == ["Bearer"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("correct", "{issuer}"),
        ("absent", None),
        ("slash", "{issuer}/"),
        ("wrong", "https://evil.example.com"),
    ],
)
def test_iss_is_what_the_mode_says(server, client, mode, expected):
    server.iss_mode = mode
    client.register()
    expected = expected and expected.format(issuer=server.issuer)
    assert client.authorize().get("iss") == expected
    server.decision = "deny"
    assert client.authorize().get("iss") == expected


def test_the_redirect_can_be_forged_for_attack_tests(server, client):
    server.before_redirect = lambda query: {**query, "state": ["one", "two"]}
    client.register()
    redirect = Person().redirect_only(client.authorization_url())
    assert parse_qs(urlsplit(redirect).query)["state"] == ["one", "two"]


def test_registration_refuses_as_its_mode_says(server, client):
    seen = {}
    for mode in ("absent", "forbidden", "rate-limited", "needs-token", "loopback-refused"):
        server.registration_mode = mode
        seen[mode] = client.register()
    assert [response.status_code for response in seen.values()] == [404, 403, 429, 401, 400]
    assert seen["forbidden"].text == "Forbidden"
    assert seen["rate-limited"].headers["Retry-After"] == "1"
    assert seen["loopback-refused"].json()["error"] == "invalid_redirect_uri"
    assert "registration_endpoint" in server.metadata()
    server.registration_mode = "absent"
    assert "registration_endpoint" not in server.metadata()
    server.registration_mode = "needs-token"
    client.headers["Authorization"] = f"Bearer {server.initial_access_token}"
    assert client.register().status_code == 201
    assert server.violations == []


@pytest.mark.parametrize(("status", "kind"), [(400, "json"), (422, "json"), (500, "html")])
def test_a_forgotten_client_is_refused_at_both_endpoints(server, client, status, kind):
    tokens = client.sign_in()
    server.forget_clients()
    server.unknown_client_status = status
    person = Person()
    assert person.redirect_only(client.authorization_url()) is None
    assert person.page.status == status
    assert ("invalid_client" in person.page.html) == (kind == "json")
    response = client.refresh(tokens["refresh_token"])
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert server.violations == []


def test_a_port_may_differ_only_where_the_server_allows_it(server, client):
    client.register()
    other = REDIRECT.replace("49152", "49153")
    assert client.authorize(redirect_uri=other) == {}
    server.port_free_redirects = True
    assert "code" in client.authorize(redirect_uri=other)
    assert client.authorize(redirect_uri=other.replace("/callback", "/other")) == {}


def test_refresh_switches_rotate_omit_keep_and_refuse(server, client):
    tokens = client.sign_in()
    server.refuse_early_refresh = True
    assert client.refresh(tokens["refresh_token"]).status_code == 400
    server.refuse_early_refresh = False
    server.refresh_error = ("temporarily_unavailable", 503)
    assert client.refresh(tokens["refresh_token"]).status_code == 503
    server.refresh_error = None
    server.omit_refresh_on_refresh = True
    assert "refresh_token" not in client.refresh(tokens["refresh_token"]).json()
    server.omit_refresh_on_refresh, server.rotate = False, False
    assert client.refresh(tokens["refresh_token"]).json()["refresh_token"] == tokens["refresh_token"]
    server.rotate = True
    second = client.refresh(tokens["refresh_token"]).json()
    assert server.refreshes == 3
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.reuses == 1
    assert not server.is_active(second["access_token"])
    assert client.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.violations == []


def test_a_lost_answer_is_forgiven_until_what_it_led_to_is_used(server, client):
    server.forgive_lost_answers = True
    first = client.sign_in()
    for _ in range(2):
        lost = client.refresh(first["refresh_token"]).json()
    found = client.refresh(first["refresh_token"]).json()
    assert (server.refreshes, server.forgiven, server.reuses) == (3, 2, 0)
    assert "access_token" in client.refresh(found["refresh_token"]).json()
    assert client.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert (server.forgiven, server.reuses) == (2, 1)
    assert not server.is_active(lost["access_token"])


def test_no_refresh_token_where_none_is_given_or_asked_for(server, client):
    server.issue_refresh = False
    assert "refresh_token" not in client.sign_in()
    server.issue_refresh = True
    client.register(grant_types=["authorization_code"])
    assert "refresh_token" not in client.sign_in()


def test_scopes_are_granted_or_refused_as_scripted(server, client):
    server.grant_scope = lambda asked: "mcp:read"
    assert client.sign_in()["scope"] == "mcp:read"
    server.allowed_scopes = {"mcp:basic"}
    assert client.authorize(scope="mcp:basic openid")["error"] == "invalid_scope"
    server.reject_resource = True
    assert client.authorize()["error"] == "invalid_target"
    assert "code" in client.authorize(resource=ABSENT)


def test_time_can_be_moved_and_families_revoked(server, client):
    server.access_ttl, server.secret_ttl = 100, 1000
    client.register(token_endpoint_auth_method="client_secret_post")
    tokens = client.sign_in()
    server.advance(101)
    assert not server.is_active(tokens["access_token"])
    tokens = client.refresh(tokens["refresh_token"]).json()
    server.revoke_family(tokens["access_token"])
    assert not server.is_active(tokens["access_token"])
    server.advance(1000)
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"
