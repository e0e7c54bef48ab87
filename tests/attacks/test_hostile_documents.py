"""Metadata, registrations and tokens that lie, point elsewhere or have the wrong shape: refused before any harm."""

from __future__ import annotations

import contextlib

import attrs
import pytest
import requests

from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    DiscoveryError,
    InsecureURLError,
    MetadataMismatchError,
    RefreshRejectedError,
    RegistrationError,
    TokenExchangeError,
    TokenRefreshError,
)

from ..servers import ABSENT, AuthorizationServer
from .broken import WRONG_TYPES
from .stage import impatient

#: Addresses that nobody may be made to open or to contact, whoever names them.
HOSTILE_URLS = [
    "javascript:alert(document.cookie)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "ftp://files.example.com/authorize",
    "ssh://example.com/-oProxyCommand=touch${IFS}x",
    "ms-msdt:/id",
    "vscode://file/etc/passwd",
    "about:blank",
    "http://login.example.com/authorize",
    "http://127.0.0.1.example.com/authorize",
    "http://localhost.example.com/authorize",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/authorize",
    "http://0.0.0.0/authorize",
    "https://user@login.example.com/authorize",
    "https://user:password@login.example.com/authorize",
    "https://login.example.com@evil.example.com/authorize",
    "https://@login.example.com/authorize",
    "https://login.example.com/authorize#code=1",
    "https://login.example.com/authorize#",
    "https://login.example.com/authorize\r\nSet-Cookie: a=b",
    "https://login.example.com/\x1b]8;;evil\x1b\\authorize",
    "https://login.example.com/\x00authorize",
    "https://login.example.com/authorize\u202e",
    "https://login.example.com/a b",
    "https://l\u043egin.example.com/authorize",
    "https://login.example.com/$(touch x)",
    "https://login.example.com/`id`",
    "https://login.example.com/;id",
    "https://login.example.com/|id",
    "https://login.example.com/'id'",
    'https://login.example.com/"id"',
    "https://login.example.com/<id>",
    "https://login.example.com/\\id",
    "https://login.example.com/{id}",
    "https://login.example.com/^id",
    "--incognito",
    "-k https://login.example.com",
    "%action",
    "%action--gpu-launcher=id",
    "https://-oProxyCommand=id/authorize",
    "https:///authorize",
    "https:login.example.com",
    "//login.example.com/authorize",
    "/authorize",
    "authorize",
    "https://login.example.com:0/authorize",
    "https://login.example.com:99999/authorize",
    "https://login.example.com:port/authorize",
    "https://[::1/authorize",
    "https://[::1%25eth0]/authorize",
    "https://login..example.com/authorize",
    "https://.",
    " https://login.example.com/authorize",
    "https://login.example.com/authorize\n",
]
AUTHORIZATION = InsecureURLError, AuthorizationError, DiscoveryError


@pytest.mark.parametrize("member", ["authorization_endpoint", "token_endpoint", "registration_endpoint"])
def test_no_endpoint_outside_the_rules_is_opened_or_contacted(stage, subtests, member):
    for url in HOSTILE_URLS:
        with subtests.test(url), stage.refusing(InsecureURLError):
            stage.server.metadata_overrides = {member: url}
            stage.call(stage.auth())
    assert stage.server.registrations == 0


def test_no_authorization_server_outside_the_rules_is_contacted(stage, subtests):
    for url in HOSTILE_URLS:
        with subtests.test(url), stage.refusing(InsecureURLError):
            stage.mcp.authorization_servers = [url]
            stage.call(stage.auth())
    assert stage.server.log == []


def test_no_resource_metadata_outside_the_rules_is_fetched(stage, subtests):
    for url in HOSTILE_URLS:
        if not url.isascii() or any(letter < " " or letter == '"' for letter in url):
            continue  # fits in no header
        if "\\" in url or url != url.strip() or url == "about:blank":
            continue  # says something else there
        with subtests.test(url), stage.refusing(InsecureURLError):
            stage.mcp.challenge_headers = [f'Bearer resource_metadata="{url}"']
            stage.call(stage.auth())
    assert stage.server.log == []
    assert stage.mcp.requests(stage.mcp.prm_paths["path"]) == []


def test_no_revocation_endpoint_outside_the_rules_gets_a_token(stage, subtests):
    assert stage.call(stage.auth()).status_code == 200
    record = stage.manager.load_record(stage.mcp.mcp_url)
    for url in HOSTILE_URLS:
        with subtests.test(url):
            stage.manager.save_record(stage.mcp.mcp_url, attrs.evolve(record, revocation_endpoint=url))
            assert not stage.auth().sign_out()
            assert stage.manager.load_tokens(stage.mcp.mcp_url) is None
            stage.nothing_went_elsewhere()
    assert stage.sent("revoke") == []


def test_no_token_endpoint_outside_the_rules_gets_a_refresh_token(stage, subtests):
    assert stage.call(stage.auth()).status_code == 200
    record = stage.manager.load_record(stage.mcp.mcp_url)
    stage.server.expire_all_access_tokens()
    for url in HOSTILE_URLS:
        stage.manager.save_record(stage.mcp.mcp_url, attrs.evolve(record, token_endpoint=url))
        with subtests.test(url), stage.refusing(InsecureURLError):
            stage.call(stage.auth())


@pytest.mark.parametrize(
    "claimed", ["{origin}/tenant", "{origin}/.", "{upper}", "https://evil.example.com", "{origin}//"]
)
def test_metadata_of_another_issuer_is_not_used(stage, claimed):
    url = stage.server.url
    issuer = claimed.format(origin=url, upper=url.replace("http", "HTTP"))
    stage.server.metadata_overrides = {"issuer": issuer}
    with stage.refusing(MetadataMismatchError) as errors:
        stage.call(stage.auth())
    assert (errors[0].expected, errors[0].received) == (url, issuer)


@pytest.mark.parametrize(
    "claimed",
    [
        "{url}/admin",
        "{origin}/mcpx",
        "{origin}/mc",
        "{origin}:1/mcp",
        "https://mcp.example.com/mcp",
        "{tls}",
        "{at}",
        "x",
    ],
)
def test_metadata_of_another_resource_is_not_used(stage, claimed):
    url, origin = stage.mcp.mcp_url, stage.mcp.url
    values = {"tls": url.replace("http:", "https:"), "at": url.replace("//", "//127.0.0.1@")}
    resource = claimed.format(url=url, origin=origin, **values)
    stage.mcp.prm_overrides = {"resource": resource}
    with stage.refusing(MetadataMismatchError) as errors:
        stage.call(stage.auth())
    assert errors[0].expected == url
    assert stage.server.log == []


@pytest.mark.parametrize("methods", [ABSENT, None, [], ["plain"], ["s256"], "S256"], ids=repr)
def test_a_server_that_does_not_promise_pkce_is_not_used(stage, methods):
    stage.server.metadata_overrides = {"code_challenge_methods_supported": methods}
    with stage.refusing(AuthorizationError, DiscoveryError):
        stage.call(stage.auth())
    assert stage.server.registrations == 0


@pytest.mark.parametrize("member", ["resource", "authorization_servers", "scopes_supported"])
def test_resource_metadata_of_a_wrong_type_is_refused(stage, subtests, member):
    for name, value in {**WRONG_TYPES, "half a character": "\ud800", "an array of halves": ["\ud800"]}.items():
        stage.mcp.prm_overrides = {member: value}
        with subtests.test(name), stage.refusing(DiscoveryError, InsecureURLError):
            stage.call(stage.auth())


SERVER_MEMBERS = ["issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"]
SERVER_LISTS = ["scopes_supported", "code_challenge_methods_supported", "token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize("member", SERVER_MEMBERS + SERVER_LISTS)
def test_server_metadata_of_a_wrong_type_is_refused(stage, subtests, member):
    for name, value in {**WRONG_TYPES, "half a character": "\ud800", "an array of halves": ["\ud800"]}.items():
        stage.server.metadata_overrides = {member: value}
        with subtests.test(name), stage.refusing(DiscoveryError):
            stage.call(stage.auth())


REGISTRATION_MEMBERS = ["client_id", "client_secret", "token_endpoint_auth_method", "redirect_uris"]


@pytest.mark.parametrize("member", [*REGISTRATION_MEMBERS, "client_secret_expires_at", "registration_access_token"])
def test_a_registration_of_a_wrong_type_is_refused(stage, subtests, member):
    for name, value in {**WRONG_TYPES, "half a character": "\ud800"}.items():
        if member == "client_secret_expires_at" and name == "a number":
            continue
        stage.server.registration_overrides = {member: value}
        with subtests.test(name), stage.refusing(RegistrationError):
            stage.call(stage.auth())


UNUSABLE_REGISTRATIONS: list[dict[str, object]] = [
    {"client_id": ABSENT},
    {"client_id": ""},
    {"client_id": "   "},
    {"token_endpoint_auth_method": "private_key_jwt"},
    {"token_endpoint_auth_method": "\x1b[31m"},
    {"token_endpoint_auth_method": "client_secret_basic"},
    {"token_endpoint_auth_method": "client_secret_post", "client_secret": ""},
    {"client_secret": "secret-0123456789", "client_secret_expires_at": 1},
    {"client_secret": "secret-0123456789", "client_secret_expires_at": -5},
    {"error": "invalid_client_metadata"},
]


def test_a_registration_that_cannot_be_used_is_refused(stage, subtests):
    for answer in UNUSABLE_REGISTRATIONS:
        stage.server.registration_overrides = answer
        with subtests.test(repr(answer)), stage.refusing(RegistrationError):
            stage.call(stage.auth())


FOREIGN_REDIRECTS = [
    "http://[::1",
    "http://127.0.0.1:1/\x1b[2J",
    "http://127.0.0.1:1/",
    "http://evil.example.com/callback",
    "https://127.0.0.1/callback",
    "http://127.0.0.1.example.com/callback",
    "javascript:alert(1)",
    "",
]


def test_a_registration_for_a_redirect_uri_of_somebody_else_is_refused(stage, subtests):
    for uri in FOREIGN_REDIRECTS:
        stage.server.registration_overrides = {"redirect_uris": [uri]}
        with subtests.test(uri), stage.refusing(RegistrationError):
            stage.call(stage.auth())


@pytest.mark.parametrize("port", ["99999", "-1", "port", "0", "", "1e3", "\u0661"])
def test_a_senseless_port_in_the_registered_redirect_uri_does_not_stop_the_next_sign_in(stage, port):
    stage.server.port_free_redirects = True
    stage.server.registration_overrides = {"redirect_uris": [f"http://127.0.0.1:{port}/callback"]}
    with contextlib.suppress(RegistrationError):
        stage.auth().sign_in()
    stage.server.registration_overrides = {}
    for client in stage.server.clients.values():
        client.pop("redirect_uris", None)
    assert stage.auth().sign_in().access_token


TOKEN_ANSWERS = {
    **{f"access_token {name}": {"access_token": value} for name, value in WRONG_TYPES.items()},
    **{f"refresh_token {name}": {"refresh_token": value} for name, value in WRONG_TYPES.items()},
    **{f"token_type {name}": {"token_type": value} for name, value in WRONG_TYPES.items()},
    "no token": {"access_token": ABSENT},
    "an empty token": {"access_token": ""},
    "null": {"access_token": None},
    "a token with a line break": {"access_token": "good-token\r\nX-Evil: 1"},
    "a token with a space": {"access_token": "good token"},
    "a token that is no ASCII": {"access_token": "t\u00f6ken"},
    "a token with a NUL": {"access_token": "token\0"},
    "a token of half characters": {"access_token": "\ud800"},
    "a refresh token of half characters": {"refresh_token": "\ud800"},
    "a token of another type": {"token_type": "mac"},
    "a token bound to a key": {"token_type": "DPoP"},
    "a type full of controls": {"token_type": "\x1b]0;evil\x07"},
    "an error beside the token": {"error": "\x1b[2Jinvalid_request"},
}


def test_a_token_that_cannot_be_presented_is_refused(stage, subtests):
    for name, answer in TOKEN_ANSWERS.items():
        stage.server.token_overrides = answer
        with subtests.test(name), stage.refusing(TokenExchangeError, shown=1, redeemed=1):
            stage.call(stage.auth())


def test_a_refreshed_token_that_cannot_be_presented_is_refused_and_nothing_is_lost(stage, subtests, monkeypatch):
    impatient(monkeypatch)
    stage.server.rotate = False
    assert stage.call(stage.auth()).status_code == 200
    for name, answer in TOKEN_ANSWERS.items():
        if "error" in answer:
            continue  # that is a refusal, and understood as one
        stage.server.expire_all_access_tokens()
        stage.server.token_overrides = answer
        with subtests.test(name), stage.refusing(TokenRefreshError, redeemed=1) as errors:
            stage.call(stage.auth())
        if errors:
            assert not isinstance(errors[0], RefreshRejectedError)
        stage.server.token_overrides = {}
        assert stage.call(stage.auth()).status_code == 200
    assert len(stage.asked) == 1


@pytest.mark.parametrize(
    "scope",
    ["\ud800", "\x1b[2J notes", {"a": 1}, [{"b": [2]}], ["notes", 7], [WRONG_TYPES["900 arrays"]], 7, "x" * 100_000],
    ids=lambda v: repr(v)[:20],
)
def test_whatever_scope_was_granted_the_next_request_and_the_next_refresh_work(stage, scope):
    stage.server.token_overrides = {"scope": scope}
    assert stage.call(stage.auth()).status_code == 200
    assert not set("{[\x1b\ud800") & set(stage.auth().tokens.scope or "")
    stage.server.expire_all_access_tokens()
    assert stage.call(stage.auth()).status_code == 200
    assert (stage.server.refreshes, len(stage.asked)) == (1, 1)


def test_nothing_of_one_authorization_server_reaches_another_that_takes_its_place(stage):
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    with AuthorizationServer() as evil:
        stage.mcp.authorization_server = evil
        stage.mcp.reject_all_tokens = False
        stage.server.revoke_family(auth.tokens.refresh_token)
        assert stage.call(stage.auth()).status_code == 200
        seen = b"\n".join(x.target.encode() + bytes(str(x.headers), "latin-1") + x.body for x in evil.log).decode()
        assert [name for name in stage.server.secrets if name[-24:] in seen] == []
        assert [
            client for client in stage.server.clients if client in seen or requests.utils.quote(client) in seen
        ] == []
        assert (evil.registrations, evil.exchanges, evil.refreshes) == (1, 1, 0)
        assert evil.violations == []
