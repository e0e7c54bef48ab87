"""Each rule of the strict servers: the request is refused, and the violation is written down."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import urlencode

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


@pytest.mark.parametrize("endpoint", ["register", "token", "revoke", "metadata"])
@pytest.mark.parametrize(
    ("header", "value", "status", "note"),
    [
        ("User-Agent", "", 403, "missing User-Agent"),
        ("Accept", "*/*", 406, "missing Accept"),
        ("Cookie", "as_tracker=kept", 400, "cookies sent"),
        ("Authorization", "Basic dXNlcjpwYXNzd29yZA==", None, ""),
        ("Authorization", "Bearer abc", 400, "an Authorization header"),
    ],
)
def test_every_endpoint_wants_a_client_with_manners(server, client, endpoint, header, value, status, note):
    client.register()
    url = server.url + server.well_knowns["oauth"] if endpoint == "metadata" else server.endpoint(endpoint)
    options = {"metadata": {}, "register": {"json": {}}}.get(endpoint, {"data": {"token": "x"}})
    method = "GET" if endpoint == "metadata" else "POST"
    response = client.call(method, url, headers={header: value}, **options)
    expected = status or (401 if endpoint in ("token", "revoke") else 400)
    assert response.status_code == expected
    assert response.json()["error"]
    assert len(server.violations) == 1
    assert note in server.violations[0]


def test_the_tracking_cookie_is_set_on_every_answer_to_a_client(server, client):
    assert client.register().cookies["as_tracker"] == "kept"
    assert client.refresh("nothing").cookies["as_tracker"] == "kept"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"application_type": ABSENT}, "invalid_client_metadata"),
        ({"application_type": "web"}, "invalid_redirect_uri"),
        ({"redirect_uris": ABSENT}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example.com/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"{REDIRECT}#part"]}, "invalid_redirect_uri"),
        ({"client_name": None}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"scope": ["a", "b"]}, "invalid_client_metadata"),
    ],
)
def test_a_registration_that_does_not_fit_is_refused(server, client, changes, error):
    response = client.register(**changes)
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert (len(server.violations), server.registrations) == (1, 0)


def test_a_registration_is_json_without_a_byte_order_mark(server, client):
    url = server.endpoint("register")
    as_json = {"Content-Type": "application/json"}
    assert client.call("POST", url, data={"client_name": "x"}).status_code == 400
    assert client.call("POST", url, data=b"\xef\xbb\xbf{}", headers=as_json).status_code == 400
    assert client.call("POST", url, data=b"[]", headers=as_json).status_code == 400
    assert client.call("POST", f"{url}?access_token=x", data=b"{}", headers=as_json).status_code == 400
    assert [note.partition(": ")[2] for note in server.violations] == [
        "the body is not application/json",
        "body with a byte order mark",
        "the body is no JSON object",
        "access_token in a query",
    ]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"state": ABSENT}, "invalid_request"),
        ({"state": "short"}, "invalid_request"),
        ({"code_challenge": ABSENT}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ABSENT}, "invalid_request"),
        ({"resource": ABSENT}, "invalid_target"),
        ({"resource": "/mcp"}, "invalid_target"),
        ({"resource": "https://mcp.example.com/mcp#part"}, "invalid_target"),
        ({"scope": ["a", "b"]}, "invalid_request"),
        ({"access_token": "x"}, "invalid_request"),
    ],
)
def test_an_authorization_request_that_does_not_fit_is_sent_back(server, client, changes, error):
    client.register()
    answer = client.authorize(**changes)
    assert answer["error"] == error
    assert "code" not in answer
    assert answer["iss"] == server.issuer
    assert (len(server.violations), server.authorizations) == (1, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": ABSENT},
        {"client_id": ["a", "b"]},
        {"redirect_uri": ABSENT},
        {"redirect_uri": "http://127.0.0.1:1/evil"},
        {"client_id": "client-9:of-another-server"},
    ],
)
def test_an_unsafe_authorization_request_ends_on_a_page(server, client, changes):
    client.register()
    person = Person()
    assert person.redirect_only(client.authorization_url(**changes)) is None
    assert person.page.status == 400
    assert len(server.violations) == 1


def test_state_and_challenge_serve_once(server, client):
    client.register()
    url = client.authorization_url()
    assert "code=" in Person().redirect_only(url)
    assert "error=invalid_request" in Person().redirect_only(url)
    assert server.violations == ["GET /authorize: state used before"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": "invented"}, "invalid_grant"),
        ({"redirect_uri": f"{REDIRECT}/"}, "invalid_grant"),
        ({"redirect_uri": ABSENT}, "invalid_grant"),
        ({"code_verifier": ABSENT}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": "v" * 64}, "invalid_grant"),
        ({"resource": ABSENT}, "invalid_target"),
        ({"resource": "https://mcp.example.com/mcp/"}, "invalid_target"),
        ({"code": ["a", "b"]}, "invalid_request"),
        ({"client_secret": "not mine"}, "invalid_client"),
    ],
)
def test_a_code_is_redeemed_only_as_it_was_asked_for(server, client, changes, error):
    client.register()
    code = client.authorize()["code"]
    response = client.exchange(code, **changes)
    assert response.json()["error"] == error
    assert (len(server.violations), server.exchanges) == (1, 0)
    assert client.exchange(code).status_code == 200


def test_a_code_serves_once_and_the_second_try_revokes_its_tokens(server, client):
    client.register()
    code = client.authorize()["code"]
    token = client.exchange(code).json()["access_token"]
    assert client.exchange(code).json()["error"] == "invalid_grant"
    assert (server.exchanges, server.code_reuses) == (1, 1)
    assert not server.is_active(token)


@pytest.mark.parametrize("change", [{"resource": ABSENT}, {"resource": "https://other.example.com/mcp"}])
def test_a_refresh_names_the_same_resource(server, client, change):
    tokens = client.sign_in()
    assert client.refresh(tokens["refresh_token"], **change).json()["error"] == "invalid_target"
    assert client.refresh(tokens["refresh_token"], scope="mcp:admin").json()["error"] == "invalid_scope"
    assert (len(server.violations), server.refreshes) == (2, 0)


def test_tokens_belong_to_one_client_and_one_server(server, client):
    tokens = client.sign_in()
    client.register()
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.post("revoke", {"token": tokens["access_token"]}).status_code == 400
    assert server.is_active(tokens["access_token"])
    with AuthorizationServer() as other, PlainClient(other) as foreigner:
        foreigner.identity = client.identity
        assert foreigner.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"
        foreigner.register()
        assert foreigner.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
        assert [note.partition(": ")[2] for note in other.violations] == [
            "a client_id of another authorization server",
            "a refresh token of another authorization server",
        ]


def test_token_parameters_belong_into_a_form(server, client):
    tokens = client.sign_in()
    form = {"grant_type": "refresh_token", "client_id": client.identity["client_id"]}
    form |= {"refresh_token": tokens["refresh_token"], "resource": client.resource}
    url = server.endpoint("token")
    assert client.call("POST", url, json=form).status_code == 400
    assert client.call("POST", f"{url}?{urlencode(form)}", data={}).status_code == 400
    assert client.call("GET", f"{url}?{urlencode(form)}").status_code == 405
    assert (len(server.violations), server.refreshes) == (2, 0)


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_exactly_the_registered_client_authentication_is_taken(server, client, method):
    server.auth_methods = ("client_secret_post", "client_secret_basic")
    client.register(token_endpoint_auth_method=method)
    client_id, secret = client.identity["client_id"], client.identity["client_secret"]
    code = client.authorize()["code"]
    other = {"client_secret_post": "client_secret_basic", "client_secret_basic": "client_secret_post"}[method]
    client.identity["token_endpoint_auth_method"] = other
    assert client.exchange(code).status_code == 401
    client.identity["token_endpoint_auth_method"] = "none"
    assert client.exchange(code).status_code == 401
    client.identity["token_endpoint_auth_method"] = "client_secret_basic"
    for second in ({"client_id": client_id}, {"client_secret": secret}):
        assert client.exchange(code, **second).json()["error_description"] == "two auth methods"
    plain = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    form = {"grant_type": "authorization_code", "code": code}
    bad = client.post("token", form, headers={"Authorization": f"Basic {plain}"})
    assert (bad.status_code, bad.headers["WWW-Authenticate"]) == (401, 'Basic realm="token"')
    client.identity["token_endpoint_auth_method"] = method
    assert client.exchange(code).status_code == 200
    assert len(server.violations) == 5
