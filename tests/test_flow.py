"""The flow from explicit endpoints: no discovery, one client, and nothing that belongs to other endpoints."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import OAuthConfig, OAuthFlow, ServerRecord
from mcp_oauth_sync.exceptions import AuthorizationError, InvalidRedirectError, TokenRefreshError

from .scene import Scene, paths
from .servers import AuthorizationServer


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.az.resource_required = False
        made.az.serve_at = set()
        yield made


def config(az: AuthorizationServer, **changes: Any) -> OAuthConfig:
    return OAuthConfig(az.endpoint("authorize"), az.endpoint("token"), **{"client_id": "app", **changes})


def flow(scene: Scene, record: ServerRecord | None = None, **changes: Any) -> OAuthFlow:
    return OAuthFlow(config(scene.az, **changes), prompt=scene.prompt, record=record)


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_it_signs_in_and_refreshes_without_asking_for_any_metadata(scene: Scene) -> None:
    scene.az.add_client("app")
    made = flow(scene, scopes=["a", "b"], extra_auth_params={"audience": "notes"})
    tokens = made.authorize()
    scene.person.join()
    assert paths(scene.az.log) == ["GET /authorize 302", "POST /token 200"]
    asked = query(scene.shown[0])
    assert (asked["scope"], asked["audience"], asked["code_challenge_method"]) == ("a b", "notes", "S256")
    assert "resource" not in asked
    fresh = made.refresh_token()
    assert fresh.access_token != tokens.access_token
    assert made.refresh_token(fresh.refresh_token).access_token != fresh.access_token
    assert made.record.token_endpoint == scene.az.endpoint("token")


def test_the_public_names_and_their_defaults_are_what_people_call() -> None:
    made = OAuthConfig("https://as.example.com/a", "https://as.example.com/t", client_id="app")
    assert (made.registration_url, made.client_secret, made.scopes) == (None, None, ())
    assert (made.redirect_uri, made.use_pkce, dict(made.extra_auth_params)) == ("http://127.0.0.1/callback", True, {})
    assert next(iter(inspect.signature(OAuthFlow).parameters)) == "oauth_config"
    assert list(inspect.signature(OAuthFlow.refresh_token).parameters)[1] == "refresh_token"


def test_a_confidential_client_proves_itself(scene: Scene) -> None:
    scene.az.add_client("app", "very secret: %2B")
    made = flow(scene, client_secret="very secret: %2B")
    made.authorize()
    made.refresh_token()
    assert all(sent.headers["Authorization"].startswith("Basic ") for sent in scene.asked("/token"))


def test_a_client_is_registered_once_where_that_is_offered(scene: Scene) -> None:
    register = {"client_id": None, "registration_url": scene.az.endpoint("register")}
    made = flow(scene, **register)
    made.authorize()
    again = flow(scene, made.record, **register)
    again.authorize()
    assert scene.az.registrations == 1
    assert query(scene.shown[0])["redirect_uri"] == query(scene.shown[1])["redirect_uri"]


def test_a_redirect_with_a_port_is_used_to_the_letter(scene: Scene) -> None:
    import socket

    scene.az.add_client("app")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(AuthorizationError, match=f"port {port}"):
            flow(scene, redirect_uri=f"http://127.0.0.1:{port}/cb").authorize()
    assert scene.shown == []
    flow(scene, redirect_uri=f"http://127.0.0.1:{port}/cb").authorize()
    assert query(scene.shown[0])["redirect_uri"] == f"http://127.0.0.1:{port}/cb"


@pytest.mark.parametrize(("issuer", "refused"), [("right", False), ("wrong", True), (None, False)])
def test_an_issuer_that_is_named_has_to_answer(scene: Scene, issuer: str | None, refused: bool) -> None:
    scene.az.add_client("app")
    named = {"right": scene.az.issuer, "wrong": "https://as.example.com", None: None}[issuer]
    made = flow(scene, issuer=named)
    if refused:
        with pytest.raises(InvalidRedirectError, match="iss"):
            made.authorize()
        assert scene.asked("/token") == []
    else:
        assert made.authorize().access_token


def test_a_refresh_token_that_the_caller_kept_is_enough(scene: Scene) -> None:
    scene.az.add_client("app")
    kept = flow(scene).authorize().refresh_token
    assert scene.az.is_active(flow(scene).refresh_token(kept).access_token)


def test_without_anything_to_refresh_with_nothing_is_sent(scene: Scene) -> None:
    scene.az.add_client("app")
    with pytest.raises(TokenRefreshError, match="nothing to refresh with") as caught:
        flow(scene).refresh_token()
    assert not caught.value.transient
    scene.az.issue_refresh = False
    made = flow(scene)
    made.authorize()
    scene.forget_log()
    with pytest.raises(TokenRefreshError, match="nothing to refresh with"):
        made.refresh_token()
    assert scene.az.log == []


@pytest.mark.parametrize("changes", [{"client_id": "other"}, {"elsewhere": True}], ids=["client", "endpoint"])
def test_what_was_left_by_another_client_or_endpoint_is_not_used(scene: Scene, changes: dict[str, Any]) -> None:
    scene.az.add_client("app")
    scene.az.add_client("other")
    made = flow(scene)
    made.authorize()
    record = made.record
    with AuthorizationServer() as elsewhere:
        az = elsewhere if changes.pop("elsewhere", False) else scene.az
        other = OAuthFlow(config(az, **changes), record=record)
        with pytest.raises(TokenRefreshError, match="nothing to refresh with"):
            other.refresh_token()
        assert (other.record.tokens, elsewhere.log) == (None, [])


def test_a_parameter_that_protects_the_flow_may_not_be_set() -> None:
    made = OAuthConfig(
        "https://as.example.com/a", "https://as.example.com/t", client_id="app", extra_auth_params={"state": "x"}
    )
    with pytest.raises(ValueError, match="'state'"):
        OAuthFlow(made)
