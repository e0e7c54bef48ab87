"""The authorization server and the MCP server do what a correct client expects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from . import AuthorizationServer, Origin, Person, html_reply, local_ca, ports
from .plain_client import PlainClient


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running
        assert running.errors == []


@pytest.fixture
def client(server: AuthorizationServer) -> Iterator[PlainClient]:
    with PlainClient(server) as running:
        yield running


def test_a_correct_client_signs_in_refreshes_and_revokes_without_a_violation(server, client):
    document = client.call("GET", f"{server.url}/.well-known/oauth-authorization-server").json()
    assert document["issuer"] == server.issuer
    tokens = client.sign_in()
    assert server.is_active(tokens["access_token"])
    assert server.scope_of(tokens["access_token"]) == tokens["scope"] == "mcp:basic"
    assert server.resource_of(tokens["access_token"]) == client.resource
    server.expire_all_access_tokens()
    assert not server.is_active(tokens["access_token"])
    renewed = client.refresh(tokens["refresh_token"]).json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert client.post("revoke", {"token": renewed["refresh_token"]}).status_code == 200
    assert not server.is_active(renewed["access_token"])
    assert server.violations == []
    counted = (
        server.registrations,
        server.authorizations,
        server.exchanges,
        server.refreshes,
        server.revocations,
    )
    assert counted == (1, 1, 1, 1, 1)
    assert {client.verifier, client.state, tokens["access_token"]} <= server.secrets


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_each_client_authentication_works_when_it_is_the_one_on_offer(server, client, method):
    server.auth_methods = (method,)
    assert client.register(token_endpoint_auth_method="none").json()["token_endpoint_auth_method"] == method
    tokens = client.sign_in()
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    assert server.violations == []


def test_metadata_is_served_only_where_the_switch_says():
    tenant = AuthorizationServer(issuer_path="/tenant1", serve_at={"oidc-appended"})
    with tenant as server, PlainClient(server) as client:
        paths = server.well_knowns.values()
        assert [client.call("GET", server.url + path).status_code for path in paths] == [404, 404, 200]
        assert server.violations == []
        client.call("GET", f"{server.url}/.well-known/oauth-authorization-server")
        assert "root metadata" in server.violations[0]


def test_a_person_allows_or_denies_on_the_consent_page(server, client):
    server.auto_consent = False
    client.register(client_name="<b>Notes</b>")
    with Origin() as landing:
        landing.route("GET", "/callback", lambda exchange: html_reply("<p>done</p>"))
        uri = f"{landing.url}/callback"
        server.clients[client.identity["client_id"]]["redirect_uris"] = [uri]
        allowing, denying, idle = Person(), Person("deny"), Person("ignore")
        allowing(client.authorization_url(redirect_uri=uri))
        denying.in_thread(client.authorization_url(redirect_uri=uri))
        denying.join()
        idle(client.authorization_url(redirect_uri=uri))
        answers = [exchange.query for exchange in landing.requests("/callback")]
    assert allowing.page == (200, "<p>done</p>")
    assert allowing.redirect.startswith(uri)
    assert allowing.visited[-1] == allowing.redirect
    assert "code" in answers[0]
    assert answers[1]["error"] == ["access_denied"]
    assert len(answers) == 2
    assert idle.redirect is None
    assert "&lt;b&gt;Notes&lt;/b&gt;" in idle.page.html
    assert 'id="deny"' in idle.page.html


def test_a_client_id_metadata_document_stands_in_for_registration(server, client):
    url = "https://app.example.com/client.json"
    server.client_documents[url] = {
        "client_id": url,
        "client_name": "App",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
    }
    client.identity = {"client_id": url}
    assert server.metadata()["client_id_metadata_document_supported"] is True
    assert "refresh_token" in client.sign_in()
    assert server.registrations == 0


def test_everything_works_over_https_with_a_local_ca(tmp_path: Path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    pem, context = local_ca(tmp_path)
    with AuthorizationServer(tls=context) as server, PlainClient(server, ca=str(pem)) as client:
        assert server.url.startswith("https://127.0.0.1:")
        assert client.sign_in()["token_type"] == "Bearer"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(server.url, timeout=5)
    assert server.failed_handshakes == 1


def test_a_server_starts_again_on_its_port_and_leaves_no_thread(server):
    before = threading.active_count()
    with Origin() as origin, requests.Session() as session:
        origin.route("GET", "/", lambda exchange: html_reply("hello"))
        session.trust_env = False
        first = origin.url
        assert [session.get(first, timeout=5).text for _ in range(3)] == ["hello"] * 3
        assert origin.connections == 1
        origin.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(first, timeout=5)
        origin.start()
        assert session.get(first, timeout=5).text == "hello"
        origin.clear()
        assert (origin.requests(), origin.connections) == ([], 0)
    assert threading.active_count() == before


def test_no_server_gets_the_port_of_an_earlier_one(monkeypatch):
    refused: list[int] = []

    class Had(set[int]):
        def __contains__(self, port: object) -> bool:
            return len(refused) < 3 and not refused.append(port)

    monkeypatch.setattr(ports, "_had", Had())
    with Origin() as origin:
        assert len(set(refused)) == 3
        assert list(ports._had) == [origin.port]
        assert origin.port not in refused
        assert requests.get(origin.url, timeout=5).status_code == 404
