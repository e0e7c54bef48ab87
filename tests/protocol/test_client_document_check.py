"""What is wrong with a client-id metadata document, or with how it is served, is said before a server refuses it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError
from mcp_oauth_sync.protocol.client_document_check import (
    LARGEST,
    Finding,
    check_client_document,
    fetch_client_document_findings,
)
from mcp_oauth_sync.protocol.transport import Transport

from ..models.test_document import JSON
from ..servers import ABSENT, Fault, Origin, cut, html, json_reply, raw, redirect_to, reply, reset
from ..servers.messages import merged

URL = "https://app.example.com/oauth/client.json"
GOOD: dict[str, Any] = {
    "client_id": URL,
    "client_name": "Notes",
    "redirect_uris": ["http://127.0.0.1:8765/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}
KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}


def check(url: str = URL, size: int = 0, **changes: Any) -> tuple[Finding, ...]:
    return check_client_document(merged(GOOD, changes), url, size=size)


def test_a_good_document_has_nothing_wrong_with_it() -> None:
    assert check() == ()
    assert check(size=LARGEST) == ()
    assert check(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [KEY]}) == ()
    assert check(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://app.example.com/keys") == ()
    assert check(redirect_uris=["com.example.app:/cb", "http://[::1]/cb"], scope="a b", unknown=[1]) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": ABSENT}, "client_id is missing"),
        ({"client_id": URL + "/"}, "not the URL of the document"),
        ({"client_id": "HTTPS" + URL[5:]}, "not the URL of the document"),
        ({"client_id": 5}, "not the URL of the document"),
        ({"client_name": ABSENT}, "client_name is missing"),
        ({"client_name": ""}, "client_name is missing"),
        ({"client_name": ["Notes"]}, "client_name is missing"),
        ({"redirect_uris": ABSENT}, "redirect_uris is missing"),
        ({"redirect_uris": []}, "redirect_uris is missing"),
        ({"redirect_uris": "http://127.0.0.1/callback"}, "'redirect_uris' is not an array of strings"),
        ({"redirect_uris": [GOOD["redirect_uris"][0], 5]}, "'redirect_uris' is not an array of strings"),
        ({"redirect_uris": [GOOD["redirect_uris"][0], "http://app.example.com/cb"]}, "it is not https"),
        ({"redirect_uris": [GOOD["redirect_uris"][0], "https://app.example.com/cb#x"]}, "fragment"),
        ({"redirect_uris": [GOOD["redirect_uris"][0], "http://127.0.0.1:*/callback"]}, "is refused"),
        ({"redirect_uris": [GOOD["redirect_uris"][0], "javascript:alert(1)"]}, "is refused"),
        ({"client_secret": "hunter2-hunter2"}, "it holds client_secret"),
        ({"client_secret": None}, "it holds client_secret"),
        ({"client_secret_expires_at": 0}, "it holds client_secret_expires_at"),
        ({"registration_access_token": "hunter2-hunter2"}, "it holds registration_access_token"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "there is no secret to share"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "there is no secret to share"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "there is no secret to share"),
        ({"token_endpoint_auth_method": ["none"]}, "there is no secret to share"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks or jwks_uri is missing"),
        ({"jwks": {"keys": [KEY]}, "jwks_uri": "https://app.example.com/keys"}, "both jwks and jwks_uri"),
        ({"jwks": {"keys": [{**KEY, "d": "hunter2-hunter2"}]}}, "private or a symmetric key"),
        ({"jwks": {"keys": [KEY, {"kty": "oct", "k": "hunter2-hunter2"}]}}, "private or a symmetric key"),
        ({"jwks": [KEY]}, "no set of keys"),
        ({"jwks": {"keys": [5]}}, "no set of keys"),
        ({"jwks_uri": "http://app.example.com/keys"}, "it is not https"),
        ({"jwks_uri": 5}, "jwks_uri"),
        ({"grant_types": "authorization_code"}, "'grant_types' is not an array of strings"),
        ({"response_types": ["token"]}, "response_types lacks code"),
        ({"scope": ["a", "b"]}, "'scope' is not a string"),
        ({"size": LARGEST + 1}, f"{LARGEST + 1} bytes"),
        ({"url": "http://app.example.com/client.json"}, "is refused"),
        ({"url": "https://app.example.com/"}, "is refused"),
        ({"url": "https://app.example.com/a/../c.json"}, "dot segments"),
        ({"url": "https://app.example.com/a/%2e%2e/c.json"}, "dot segments"),
        ({"url": "https://u:hunter2@app.example.com/c.json"}, "user information"),
        ({"url": URL + "#x"}, "fragment"),
    ],
)
def test_what_a_server_may_refuse_is_found(changes: dict[str, Any], said: str) -> None:
    if "url" in changes:
        changes["client_id"] = changes["url"]
    findings = check(**changes)
    assert [finding.wrong for finding in findings if said in finding.said] == [True], findings
    assert "hunter2" not in repr(findings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token_endpoint_auth_method": ABSENT}, "stands for client_secret_basic"),
        ({"grant_types": ABSENT}, "lacks refresh_token"),
        ({"grant_types": ["refresh_token"]}, "lacks authorization_code"),
        ({"redirect_uris": ["https://app.example.com/cb"]}, "no redirect URI is on the loopback interface"),
        ({"logo_uri": "http://app.example.com/logo.png"}, "logo_uri"),
        ({"client_uri": 5}, "client_uri"),
        ({"url": URL + "?v=1"}, "has a query"),
    ],
)
def test_what_is_better_done_otherwise_is_a_note(changes: dict[str, Any], said: str) -> None:
    if "url" in changes:
        changes["client_id"] = changes["url"]
    [finding] = check(**changes)
    assert said in finding.said
    assert not finding.wrong


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(changes=st.dictionaries(st.sampled_from([*GOOD, "jwks", "jwks_uri", "scope", "client_uri", "logo_uri"]), JSON))
def test_any_document_is_judged_and_nothing_of_it_moves_a_cursor(changes: dict[str, Any]) -> None:
    for finding in check_client_document({**GOOD, **changes}, URL):
        assert finding.said.isprintable()


# As it is served


@pytest.fixture
def host() -> Any:
    with Origin() as running:
        running.route("GET", "/client.json", lambda exchange: json_reply(served(running)))
        yield running


def served(host: Origin) -> dict[str, Any]:
    return {**GOOD, "client_id": f"{host.url}/client.json"}


def found(http: Transport, host: Origin) -> list[str]:
    """Say what is wrong, besides that no client identifier is plain http."""
    findings = fetch_client_document_findings(http, f"{host.url}/client.json")
    return [finding.said for finding in findings if "an https URL" not in finding.said]


def test_a_document_that_is_served_well_is_good(http: Transport, host: Origin) -> None:
    assert found(http, host) == []
    [sent] = host.log
    assert sent.headers["Accept"] == "application/json"
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/oauth-client+json"):
        host.fault("/client.json", reply(200, served(host), content_type=kind), times=1)
        assert found(http, host) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (redirect_to("https://elsewhere.example.com/client.json?key=canary-0123"), "it redirects to https://elsewhere"),
        (redirect_to("/other.json", 308), "it redirects to"),
        (reply(404, {"error": "not_found"}), "it is not there: HTTP 404"),
        (reply(500), "it is not there: HTTP 500"),
        (html(403), "it is not there: HTTP 403, an HTML page"),
        (html(200), "it is no JSON object"),
        (reply(200, "[]"), "it is no JSON object"),
        (reply(200, "{"), "it is no JSON object"),
        (reply(200, json.dumps(GOOD), content_type="text/plain; charset=utf-8"), "it is served as text/plain"),
        (reply(200, json.dumps(GOOD), content_type=""), "it is served as nothing in particular"),
        (reply(200, json.dumps(GOOD), content_type="text/\x1b[2Jx"), "it is served as text/ [2jx"),
        (reply(200, b"\xef\xbb\xbf" + json.dumps(GOOD).encode()), "byte order mark"),
        (reply(200, json.dumps({**GOOD, "padding": "x" * LARGEST})), "bytes"),
        (reply(200, json.dumps(GOOD)), "not the URL of the document"),
    ],
)
def test_what_is_wrong_with_how_it_is_served_is_found(http: Transport, host: Origin, fault: Fault, said: str) -> None:
    host.fault("/client.json", fault)
    findings = found(http, host)
    assert len([finding for finding in findings if said in finding]) == 1, findings
    assert "canary" not in str(findings)
    assert [sent.path for sent in host.log] == ["/client.json"]


@pytest.mark.parametrize("fault", [reset(), cut(10), raw(b"nonsense\r\n\r\n")], ids=lambda fault: fault.name)
def test_no_answer_is_an_error_with_the_url(http: Transport, host: Origin, fault: Fault) -> None:
    host.fault("/client.json", fault)
    with pytest.raises(DiscoveryError, match="could not be fetched") as failed:
        fetch_client_document_findings(http, f"{host.url}/client.json?key=canary-0123")
    assert "canary" not in str(failed.value)
    assert failed.value.hint


@pytest.mark.parametrize("url", ["http://app.example.com/client.json", "file:///etc/passwd", "client.json"])
def test_what_may_not_be_contacted_is_not(http: Transport, url: str) -> None:
    with pytest.raises(InsecureURLError):
        fetch_client_document_findings(http, url)
