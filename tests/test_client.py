"""The step-by-step client: every step alone, all of them at once, and the endpoints spelled out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
import requests

from mcp_oauth_sync import CallbackPrompt, MCPOAuthClient, ServerRecord, SignInOptions
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    DiscoveryError,
    InsecureURLError,
    InvalidRedirectError,
    MetadataMismatchError,
    RefreshRejectedError,
    RegistrationRequiredError,
    TokenExchangeError,
    TokenRefreshError,
)

from .scene import PING, Scene, paths
from .servers import ABSENT, AuthorizationServer, CombinedServer, Person, reply

OWN = "https://app.example.com/oauth/callback"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def walk(scene: Scene, client: MCPOAuthClient, scopes: list[str] | None = None) -> str:
    """Let the person allow it in a browser of their own, and return the code."""
    redirect = scene.person.redirect_only(client.get_authorization_url(scopes))
    assert redirect is not None
    return client.read_authorization_response(redirect)


def test_every_step_can_be_taken_alone_and_each_makes_its_own_requests(scene: Scene) -> None:
    client = scene.client("http://127.0.0.1:8765/callback", prompt=None)
    assert (client.protected_resource, client.authorization_server, client.resource) == (None, None, None)
    assert (scene.mcp.log, scene.az.log) == ([], [])

    prm = client.discover_protected_resource()
    assert prm is not None
    assert prm is client.protected_resource
    assert (prm.authorization_servers, client.resource) == ((scene.az.issuer,), scene.url)
    assert paths(scene.mcp.log) == ["GET /.well-known/oauth-protected-resource/mcp 200"]

    server = client.discover_authorization_server()
    assert server is client.authorization_server
    assert (server.issuer, server.token_endpoint) == (scene.az.issuer, scene.az.endpoint("token"))
    assert paths(scene.az.log) == ["GET /.well-known/oauth-authorization-server 200"]
    assert len(client.tried) == 2

    registration = client.register_client("My App", ["http://127.0.0.1:8765/callback"])
    assert registration is client.registration
    assert (registration.client_name, registration.issuer) == ("My App", scene.az.issuer)

    url = client.get_authorization_url(["notes:read"])
    asked = query(url)
    assert asked["client_id"] == registration.client_id
    assert asked["redirect_uri"] == "http://127.0.0.1:8765/callback"
    assert (asked["scope"], asked["resource"], asked["code_challenge_method"]) == ("notes:read", scene.url, "S256")
    redirect = scene.person.redirect_only(url)
    assert redirect is not None
    code = client.read_authorization_response(redirect)
    assert client.tokens is None
    tokens = client.exchange_code_for_token(code)
    assert tokens is client.tokens
    assert tokens.scopes == ("notes:read",)

    fresh = client.refresh_token()
    assert fresh.access_token != tokens.access_token
    assert client.tokens is fresh
    again = client.refresh_token(fresh.refresh_token)
    assert again.access_token != fresh.access_token

    assert client.revoke_token(again.refresh_token or "", "refresh_token") is True
    assert not scene.az.is_active(again.access_token)
    with pytest.raises(RefreshRejectedError):
        client.refresh_token()
    assert scene.az.registrations == 1


def test_the_public_names_and_their_defaults_are_what_people_call() -> None:
    def parameters(method: str) -> list[str]:
        return [
            str(p).partition(":")[0] for p in inspect.signature(getattr(MCPOAuthClient, method)).parameters.values()
        ]

    assert parameters("__init__")[1:3] == ["server_url", "redirect_uri"]
    assert parameters("discover_protected_resource") == ["self", "prm_url"]
    assert parameters("discover_from_error_response") == ["self", "response"]
    assert parameters("discover_authorization_server") == ["self"]
    assert parameters("register_client") == ["self", "client_name", "redirect_uris"]
    assert parameters("get_authorization_url") == ["self", "scopes"]
    assert parameters("authorize")[:2] == ["self", "scopes"]
    assert parameters("exchange_code_for_token") == ["self", "code"]
    assert parameters("refresh_token") == ["self", "refresh_token"]
    assert parameters("revoke_token") == ["self", "token", "token_type_hint"]
    made = inspect.signature(MCPOAuthClient).parameters
    assert all(made[name].default is None for name in ("redirect_uri", "authorization_url", "token_url"))


def test_all_of_it_at_once_asks_the_server_for_its_challenge_first(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:read"
    tokens = scene.client().authorize()
    assert tokens.scopes == ("notes:read",)
    assert paths(scene.mcp.log) == ["POST /mcp 401", "GET /.well-known/oauth-protected-resource/mcp 200"]


def test_the_callers_scopes_replace_those_of_the_server(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:read"
    assert scene.client().authorize(["notes:write"]).scopes == ("notes:write",)


@pytest.mark.parametrize("status", [401, 403])
def test_an_error_response_of_the_caller_is_the_challenge_and_nothing_is_asked_twice(scene: Scene, status: int) -> None:
    scene.mcp.challenge_scope = "notes:from-the-response"
    scene.mcp.prm_at = {"custom"}
    if status == 403:
        challenge = 'Bearer error="insufficient_scope", scope="notes:from-the-response"'
        challenge += f', resource_metadata="{scene.mcp.prm_url}"'
        scene.mcp.fault(scene.mcp.path, reply(403, headers=[("WWW-Authenticate", challenge)]), times=1)
    response = requests.post(scene.url, json=PING, timeout=10)
    assert response.status_code == status
    client = scene.client()
    prm = client.discover_from_error_response(response)
    assert prm is not None
    assert prm.resource == scene.url
    scene.mcp.clear()
    assert client.authorize().scopes == ("notes:from-the-response",)
    assert scene.mcp.log == []


def test_metadata_at_a_place_the_caller_knows_is_fetched_from_there(scene: Scene) -> None:
    scene.mcp.prm_at = {"custom"}
    client = scene.client()
    assert client.discover_protected_resource(scene.mcp.prm_url) is not None
    assert paths(scene.mcp.log) == ["GET /custom/metadata/location.json 200"]


def test_metadata_that_was_out_of_reach_is_fetched_again_and_not_taken_for_missing(scene: Scene) -> None:
    client = scene.client()
    scene.mcp.fault(scene.mcp.prm_paths["path"], reply(503), times=1)
    with pytest.raises(DiscoveryError):
        client.discover_authorization_server()
    assert client.discover_authorization_server().issuer == scene.az.issuer


def test_a_server_of_2025_03_26_is_its_own_authorization_server() -> None:
    with CombinedServer(serve_as_metadata=False) as combined:
        person = Person()
        client = MCPOAuthClient(combined.mcp_url)
        redirect = person.redirect_only(client.get_authorization_url())
        assert client.protected_resource is None
        tokens = client.exchange_code_for_token(client.read_authorization_response(redirect or ""))
        assert combined.is_active(tokens.access_token)


def test_endpoints_that_are_spelled_out_need_no_discovery(scene: Scene) -> None:
    scene.az.serve_at = set()
    scene.az.add_client("app")
    client = scene.client(
        authorization_url=scene.az.endpoint("authorize"),
        token_url=scene.az.endpoint("token"),
        options=SignInOptions(client_id="app"),
    )
    tokens = client.authorize(["notes:read"])
    assert scene.az.resource_of(tokens.access_token) == scene.url
    scene.person.join()
    assert paths(scene.az.log) == ["GET /authorize 302", "POST /token 200"]
    assert scene.mcp.log == []
    assert client.refresh_token().access_token != tokens.access_token


def test_endpoints_that_are_spelled_out_without_a_client_say_what_to_register(scene: Scene) -> None:
    client = scene.client(authorization_url=scene.az.endpoint("authorize"), token_url=scene.az.endpoint("token"))
    with pytest.raises(RegistrationRequiredError, match="registers no clients") as caught:
        client.authorize()
    assert "client_id=" in (caught.value.hint or "")
    assert scene.shown == []


@pytest.mark.parametrize(
    "given", [{"authorization_url": "https://as.example.com/a"}, {"token_url": "https://as.example.com/t"}]
)
def test_one_endpoint_without_the_other_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="go together"):
        MCPOAuthClient("https://mcp.example.com/mcp", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {"server_url": "http://mcp.example.com/mcp"},
        {"server_url": "mcp.example.com"},
        {"authorization_url": "http://as.example.com/a", "token_url": "https://as.example.com/t"},
        {"authorization_url": "https://as.example.com/a", "token_url": "http://as.example.com/t"},
        {"authorization_url": "http://127.0.0.1:8000/a", "token_url": "https://as.example.com/t"},
    ],
)
def test_urls_that_may_not_be_contacted_are_refused_at_once(given: dict[str, str]) -> None:
    with pytest.raises(InsecureURLError):
        MCPOAuthClient(given.pop("server_url", "https://mcp.example.com/mcp"), **given)  # type: ignore[arg-type]


def test_a_redirect_of_the_applications_own_works_where_no_listener_could(scene: Scene) -> None:
    scene.az.add_client("app", redirect_uris=[OWN])
    client = scene.client(OWN, options=SignInOptions(client_id="app"))
    assert scene.az.is_active(client.exchange_code_for_token(walk(scene, client)).access_token)
    with pytest.raises(AuthorizationError, match="not on this machine"):
        MCPOAuthClient(
            scene.url, OWN, prompt=CallbackPrompt(scene.shown.append), options=SignInOptions(client_id="app")
        ).authorize()
    assert len(scene.shown) == 1


@pytest.mark.parametrize("redirect", ["http://app.example.com/callback", "javascript:alert(1)", "callback"])
def test_a_redirect_that_nobody_may_be_sent_to_is_refused_before_anything_is_registered(
    scene: Scene, redirect: str
) -> None:
    with pytest.raises(InsecureURLError, match="redirect URI"):
        scene.client(redirect).get_authorization_url()
    assert scene.az.registrations == 0


def test_a_redirect_with_a_port_means_that_very_port(scene: Scene) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(AuthorizationError, match=f"port {port}"):
            scene.client(f"http://127.0.0.1:{port}/callback").authorize()
    assert (scene.shown, scene.az.registrations) == ([], 0)
    client = scene.client(f"http://127.0.0.1:{port}/back")
    client.register_client("My App")
    client.authorize()
    assert query(scene.shown[0])["redirect_uri"] == f"http://127.0.0.1:{port}/back"
    assert scene.az.registrations == 1


def test_a_code_is_redeemed_once_and_only_for_a_request_of_ours(scene: Scene) -> None:
    client = scene.client()
    with pytest.raises(AuthorizationError, match="No sign-in is under way"):
        client.exchange_code_for_token("code")
    with pytest.raises(AuthorizationError, match="No sign-in is under way"):
        client.read_authorization_response("http://127.0.0.1/callback?code=x")
    code = walk(scene, client)
    client.exchange_code_for_token(code)
    with pytest.raises(AuthorizationError, match="No sign-in is under way"):
        client.exchange_code_for_token(code)
    assert scene.az.code_reuses == 0


def test_an_exchange_that_fails_forgets_its_verifier(scene: Scene) -> None:
    client = scene.client()
    code = walk(scene, client)
    scene.az.fault("/token", reply(503))
    with pytest.raises(TokenExchangeError):
        client.exchange_code_for_token(code)
    with pytest.raises(AuthorizationError, match="No sign-in is under way"):
        client.exchange_code_for_token(code)
    assert len(scene.asked("/token")) == 1


def test_an_answer_to_another_request_is_refused(scene: Scene) -> None:
    one, other = scene.client(), scene.client()
    redirect = scene.person.redirect_only(one.get_authorization_url())
    other.get_authorization_url()
    with pytest.raises(InvalidRedirectError):
        other.read_authorization_response(redirect or "")
    assert scene.az.is_active(one.exchange_code_for_token(one.read_authorization_response(redirect or "")).access_token)


def test_two_requests_at_two_servers_are_each_checked_against_their_own_issuer(scene: Scene) -> None:
    with Scene() as other:
        clients = (scene.client(), other.client())
        redirects = [
            one.person.redirect_only(client.get_authorization_url()) or ""
            for one, client in zip((scene, other), clients, strict=True)
        ]
        swapped = redirects[1].replace(
            parse_qs(urlsplit(redirects[1]).query)["state"][0], parse_qs(urlsplit(redirects[0]).query)["state"][0]
        )
        with pytest.raises(InvalidRedirectError, match="iss"):
            clients[0].read_authorization_response(swapped)
        for client, redirect in zip(clients, redirects, strict=True):
            client.exchange_code_for_token(client.read_authorization_response(redirect))
        assert scene.az.exchanges == other.az.exchanges == 1


def test_every_request_has_a_state_and_a_verifier_of_its_own(scene: Scene) -> None:
    client = scene.client()
    asked = [query(client.get_authorization_url()) for _ in range(5)]
    assert len({one["state"] for one in asked}) == len({one["code_challenge"] for one in asked}) == 5
    assert all(len(one["state"]) >= 43 for one in asked)
    assert scene.az.registrations == 1


def test_without_anything_to_refresh_with_nothing_is_sent(scene: Scene) -> None:
    client = scene.client()
    for token in (None, "refresh"):
        with pytest.raises(TokenRefreshError, match="nothing to refresh with") as caught:
            client.refresh_token(token)
        assert not caught.value.transient
    assert (scene.mcp.log, scene.az.log) == ([], [])


def test_a_client_registered_by_hand_renews_a_refresh_token_that_the_caller_kept(scene: Scene) -> None:
    scene.az.add_client("app")
    options = SignInOptions(client_id="app")
    kept = scene.client(options=options).authorize().refresh_token
    tokens = scene.client(options=options).refresh_token(kept)
    assert scene.az.is_active(tokens.access_token)
    assert scene.az.resource_of(tokens.access_token) == scene.url


def bare(scene: Scene) -> ServerRecord:
    """Sign in, and return what is known of it by who keeps tokens and client only."""
    client = scene.client()
    client.authorize()
    registration = client.record.registration
    assert registration is not None
    scene.forget_log()
    registration = attrs.evolve(registration, issuer=None)
    return ServerRecord(server_url=scene.url, tokens=client.tokens, registration=registration)


def test_a_record_is_completed_by_what_the_servers_say_and_nothing_of_it_is_sent(scene: Scene) -> None:
    client = scene.client(record=bare(scene))
    record = client.complete()
    assert record.can_refresh()
    assert record.registration is not None
    assert record.issuer == record.registration.issuer == scene.az.issuer
    assert (record.resource, record.token_endpoint) == (scene.url, scene.az.endpoint("token"))
    assert record.revocation_endpoint == scene.az.endpoint("revoke")
    assert client.record is record
    assert [exchange.method for exchange in scene.az.log] == ["GET"]
    assert set(scene.mcp.tokens_seen) == {None}
    assert scene.az.is_active(client.refresh_token().access_token)


def test_the_challenge_of_the_server_says_where_its_metadata_is(scene: Scene) -> None:
    scene.mcp.prm_at = {"custom"}
    assert scene.client(record=bare(scene)).complete().issuer == scene.az.issuer


def test_a_record_that_is_complete_is_left_as_it_is_and_nobody_is_asked(scene: Scene) -> None:
    record = scene.client(record=bare(scene)).complete()
    scene.forget_log()
    assert scene.client(record=record).complete() is record
    assert (scene.mcp.log, scene.az.log) == ([], [])


@pytest.mark.parametrize("bound", ["record", "client"])
def test_a_record_of_another_issuer_is_not_completed(scene: Scene, bound: str) -> None:
    record = bare(scene)
    assert record.registration is not None
    if bound == "record":
        record = attrs.evolve(record, issuer="https://another.example.com")
    else:
        client = attrs.evolve(record.registration, issuer="https://another.example.com")
        record = attrs.evolve(record, registration=client)
    completing = scene.client(record=record)
    with pytest.raises(MetadataMismatchError):
        completing.complete()
    assert completing.record == record


def test_without_a_token_endpoint_or_with_a_guessed_one_a_record_stays_incomplete(scene: Scene) -> None:
    record = bare(scene)
    scene.az.metadata_overrides = {"token_endpoint": ABSENT}
    with pytest.raises(DiscoveryError, match="does not say where its tokens are renewed"):
        scene.client(record=record).complete()
    scene.az.metadata_overrides = {}
    scene.az.serve_at, scene.mcp.prm_at = set(), set()
    guessing = scene.client(record=record)
    with pytest.raises(DiscoveryError, match="does not say where its tokens are renewed"):
        guessing.complete()
    assert guessing.record == record


@pytest.mark.parametrize("fault", [None, ABSENT])
def test_revoking_is_confirmed_only_by_the_server_that_issued(scene: Scene, fault: object) -> None:
    client = scene.client()
    assert client.revoke_token("access-x") is False  # nobody to ask yet
    tokens = client.authorize()
    if fault is ABSENT:
        scene.az.fault("/revoke", reply(500))
    assert client.revoke_token(tokens.access_token, "access_token") is (fault is None)


def test_a_token_is_not_revoked_at_an_authorization_server_that_did_not_issue_it(scene: Scene) -> None:
    scene.az.metadata_overrides = {"revocation_endpoint": ABSENT}
    client = scene.client()
    tokens = client.authorize()
    with AuthorizationServer() as other:
        scene.mcp.authorization_server = other
        client.discover_protected_resource()
        client.discover_authorization_server()
        assert client.revoke_token(tokens.access_token) is False
        assert other.requests("/revoke") == []


def test_what_a_client_leaves_behind_lets_another_one_go_on(scene: Scene) -> None:
    first = scene.client()
    tokens = first.authorize()
    scene.forget_log()
    second = scene.client(record=first.record)
    assert second.tokens == tokens
    assert second.refresh_token().access_token != tokens.access_token
    assert paths(scene.az.log) == ["POST /token 200"]
