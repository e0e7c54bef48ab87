"""The handler: many servers by name, headers for other libraries, and requests of its own."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mcp_oauth_sync import NoPrompt, OAuthConfig, OAuthHandler
from mcp_oauth_sync.authorizer import configured
from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    InsecureURLError,
    RequestNotRepeatedError,
    SignInRequiredError,
    TokenRefreshError,
    TokenStorageError,
)

from .scene import PING, Scene, paths, stored
from .servers import Origin, json_reply, redirect_to, reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def plain(scene: Scene) -> OAuthConfig:
    """Explicit endpoints at the same authorization server."""
    scene.az.resource_required = False
    scene.az.add_client("app")
    return OAuthConfig(
        scene.az.endpoint("authorize"),
        scene.az.endpoint("token"),
        client_id="app",
        revocation_url=scene.az.endpoint("revoke"),
    )


def age(scene: Scene, name: str) -> None:
    """Let the tokens under a name be long past, here and at the server."""
    import attrs

    scene.az.expire_all_access_tokens()
    record = scene.manager.load_record(name)
    assert record is not None
    assert record.tokens is not None
    old = attrs.evolve(record.tokens, issued_at=record.tokens.issued_at - 1e7)
    scene.manager.save_record(name, attrs.evolve(record, tokens=old))


def test_the_public_names_and_their_defaults_are_what_people_call() -> None:
    def signature(method: str) -> dict[str, Any]:
        found = inspect.signature(getattr(OAuthHandler, method)).parameters
        return {name: p.default for name, p in found.items() if name not in ("self", "kwargs")}

    empty = inspect.Parameter.empty
    named = {"server_name": empty, "server_url": empty}
    assert signature("ensure_authenticated_mcp") == {**named, "scopes": None}
    assert signature("ensure_authenticated") == {"server_name": empty, "oauth_config": empty}
    one_request = {"method": "GET", "url": None}
    headers = {"scopes": None, "extra_headers": None}
    assert signature("prepare_headers_for_mcp_server") == {**named, **headers, **one_request}
    assert signature("prepare_server_headers") == {"server_config": empty, "extra_headers": None, "method": "GET"}
    assert signature("get_authorization_header") == {"server_name": empty}
    assert signature("authenticated_request") == {
        **named,
        "url": empty,
        "method": "GET",
        "scopes": None,
        "retry_on_401": True,
    }
    assert signature("clear_tokens") == {"server_name": empty}
    assert signature("logout") == {"server_name": empty, "server_url": None}
    assert next(iter(inspect.signature(OAuthHandler).parameters.values())).default is None


# Tokens


def test_it_signs_in_once_and_then_uses_what_is_stored(scene: Scene) -> None:
    handler = scene.handler()
    tokens = handler.ensure_authenticated_mcp("notes", scene.url)
    assert handler.ensure_authenticated_mcp("notes", scene.url) == tokens
    assert scene.handler(prompt=NoPrompt()).ensure_authenticated_mcp("notes", scene.url) == tokens
    assert len(scene.shown) == 1


def test_an_expired_token_is_renewed_without_a_person(scene: Scene) -> None:
    tokens = scene.handler().ensure_authenticated_mcp("notes", scene.url)
    age(scene, "notes")
    fresh = scene.handler(prompt=NoPrompt()).ensure_authenticated_mcp("notes", scene.url)
    assert fresh.access_token != tokens.access_token
    assert scene.az.refreshes == 1


def test_two_servers_under_two_names_do_not_mix(scene: Scene) -> None:
    with Scene() as other:
        handler = scene.handler()
        one = handler.ensure_authenticated_mcp("one", scene.url)
        two = other.handler(token_manager=handler.token_manager).ensure_authenticated_mcp("two", other.url)
        assert one.access_token in scene.az.ledger.access
        assert two.access_token in other.az.ledger.access
        with pytest.raises(TokenStorageError, match="'one' is one at"):
            other.handler().ensure_authenticated_mcp("one", other.url)


def test_where_nobody_is_there_the_error_names_the_command(scene: Scene) -> None:
    with pytest.raises(SignInRequiredError) as caught:
        scene.handler(prompt=NoPrompt()).ensure_authenticated_mcp("notes", scene.url)
    assert f"mcp-oauth-sync auth notes {scene.url}" in (caught.value.hint or "")


# Explicit endpoints


def test_explicit_endpoints_sign_in_once_and_are_renewed(scene: Scene, plain: OAuthConfig) -> None:
    handler = scene.handler()
    tokens = handler.ensure_authenticated("plain", plain)
    assert handler.ensure_authenticated("plain", plain) == tokens
    age(scene, "plain")
    fresh = scene.handler(prompt=NoPrompt()).ensure_authenticated("plain", plain)
    assert fresh.access_token != tokens.access_token
    assert (len(scene.shown), scene.az.refreshes) == (1, 1)
    assert handler.prepare_headers_with_oauth_config("plain", plain, {"X-Own": "1"}) == {
        "X-Own": "1",
        "Authorization": f"Bearer {fresh.access_token}",
    }


def test_a_dead_refresh_token_of_explicit_endpoints_leads_to_one_sign_in(scene: Scene, plain: OAuthConfig) -> None:
    handler = scene.handler()
    handler.ensure_authenticated("plain", plain)
    age(scene, "plain")
    scene.az.refresh_error = ("invalid_grant", 400)
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        handler.ensure_authenticated("plain", plain)
    assert scene.manager.load_tokens("plain") is None  # dead, and not tried again
    scene.az.decision = "allow"
    assert handler.ensure_authenticated("plain", plain).access_token
    assert len(scene.asked("/token")) == 3  # sign-in, refusal, sign-in


def test_a_passing_fault_of_explicit_endpoints_keeps_everything(
    scene: Scene, plain: OAuthConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configured, "BACKOFF", (0.0, 0.0, 0.0))
    handler = scene.handler()
    tokens = handler.ensure_authenticated("plain", plain)
    age(scene, "plain")
    before = stored()
    scene.az.fault("/token", reply(503))
    with pytest.raises(TokenRefreshError):
        handler.ensure_authenticated("plain", plain)
    assert (stored(), len(scene.shown)) == (before, 1)
    scene.az.clear_faults()
    assert handler.ensure_authenticated("plain", plain).access_token != tokens.access_token


def test_a_token_of_explicit_endpoints_that_is_still_good_survives_a_failed_early_refresh(
    scene: Scene, plain: OAuthConfig
) -> None:
    scene.az.access_ttl = 1000
    handler = scene.handler()
    tokens = handler.ensure_authenticated("plain", plain)
    import attrs

    record = scene.manager.load_record("plain")
    assert record is not None
    near = attrs.evolve(tokens, issued_at=tokens.issued_at - 960)
    scene.manager.save_record("plain", attrs.evolve(record, tokens=near))
    for error in ("invalid_grant", "temporarily_unavailable"):
        scene.az.refresh_error = (error, 400)
        assert handler.ensure_authenticated("plain", plain) == near
    assert len(scene.asked("/token")) == 3
    assert len(scene.shown) == 1


def test_nothing_of_other_endpoints_is_sent_to_explicit_ones(scene: Scene, plain: OAuthConfig) -> None:
    handler = scene.handler()
    handler.ensure_authenticated("plain", plain)
    age(scene, "plain")
    with Scene() as other:
        other.az.resource_required = False
        other.az.add_client("app")
        moved = OAuthConfig(other.az.endpoint("authorize"), other.az.endpoint("token"), client_id="app")
        tokens = other.handler().ensure_authenticated("plain", moved)
        assert tokens.access_token in other.az.ledger.access
        assert [sent.param("grant_type") for sent in other.asked("/token")] == ["authorization_code"]


def test_explicit_endpoints_are_signed_out_at_their_own_server(scene: Scene, plain: OAuthConfig) -> None:
    handler = scene.handler()
    tokens = handler.ensure_authenticated("plain", plain)
    assert handler.logout("plain") is True
    assert not scene.az.is_active(tokens.access_token)
    assert scene.manager.load_tokens("plain") is None


# Headers


def test_headers_hold_the_token_and_what_the_caller_adds(scene: Scene) -> None:
    handler = scene.handler()
    headers = handler.prepare_headers_for_mcp_server("notes", scene.url, extra_headers={"X-Own": "1"})
    assert headers["X-Own"] == "1"
    assert requests.post(scene.url, json=PING, headers=headers, timeout=10).status_code == 200


def test_a_header_of_the_caller_does_not_replace_the_token(scene: Scene) -> None:
    headers = scene.handler().prepare_headers_for_mcp_server("notes", scene.url, None, {"Authorization": "Basic x"})
    assert headers["Authorization"].startswith("Bearer ")


def test_a_server_described_by_a_mapping_gets_its_headers(scene: Scene) -> None:
    described = {"name": "notes", "url": scene.url, "scopes": ["a"], "headers": {"X-Own": "1", "X-Other": "1"}}
    headers = scene.handler().prepare_server_headers(described, {"X-Other": "2"})
    assert (headers["X-Own"], headers["X-Other"]) == ("1", "2")
    assert headers["Authorization"].startswith("Bearer ")
    assert "scope=a" in scene.shown[0]
    assert described["headers"] == {"X-Own": "1", "X-Other": "1"}


@pytest.mark.parametrize("with_url", [False, True])
def test_a_server_that_is_a_command_takes_its_credentials_from_elsewhere(scene: Scene, with_url: bool) -> None:
    described = {
        "name": "local",
        "command": "notes-server",
        "args": ["--stdio"],
        **({"url": scene.url} if with_url else {}),
    }
    assert scene.handler().prepare_server_headers(described, {"X-Own": "1"}) == {"X-Own": "1"}
    assert (scene.mcp.log, scene.az.log, scene.shown, stored()) == ([], [], [], {})


@pytest.mark.parametrize("described", [{}, {"name": "notes"}, {"url": "https://mcp.example.com/mcp"}])
def test_a_server_that_is_not_described_is_refused(scene: Scene, described: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="'name' and 'url'"):
        scene.handler().prepare_server_headers(described)


def test_the_stored_header_is_given_only_while_it_is_good_and_nobody_is_asked(scene: Scene) -> None:
    handler = scene.handler()
    assert handler.get_authorization_header("notes") is None
    tokens = handler.ensure_authenticated_mcp("notes", scene.url)
    scene.forget_log()
    assert handler.get_authorization_header("notes") == f"Bearer {tokens.access_token}"
    age(scene, "notes")
    assert handler.get_authorization_header("notes") is None
    assert (scene.az.log, scene.shown) == ([], [])


# Requests


def call(scene: Scene, handler: OAuthHandler, url: str | None = None, **options: Any) -> requests.Response:
    options = {"method": "POST", "timeout": 10, **options}
    if not {"data", "files"} & set(options):
        options.setdefault("json", PING)
    return handler.authenticated_request("notes", scene.url, url or scene.url, **options)


def test_a_request_is_signed_and_repeated_once_after_a_401(scene: Scene) -> None:
    handler = scene.handler()
    assert call(scene, handler, headers={"X-Own": "1"}).json()["result"] == {}
    assert scene.mcp.log[-1].headers["X-Own"] == "1"
    scene.az.expire_all_access_tokens()
    scene.forget_log()
    response = call(scene, handler)
    assert response.status_code == 200
    assert [old.status_code for old in response.history] == [401]
    assert paths(scene.az.log) == ["POST /token 200"]
    assert len(scene.mcp.log) == 2


def test_without_the_repetition_a_401_is_the_callers(scene: Scene) -> None:
    handler = scene.handler()
    call(scene, handler)
    scene.az.expire_all_access_tokens()
    with pytest.raises(requests.HTTPError) as caught:
        call(scene, handler, retry_on_401=False)
    assert caught.value.response.status_code == 401
    assert scene.az.refreshes == 0


def test_a_server_that_always_refuses_is_asked_twice_and_then_it_is_an_error(scene: Scene) -> None:
    handler = scene.handler()
    call(scene, handler)
    scene.mcp.reject_all_tokens = True
    scene.forget_log()
    with pytest.raises(requests.HTTPError):
        call(scene, handler)
    assert len(scene.mcp.log) == 2
    assert scene.shown == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_any_other_error_status_is_an_error_of_requests(scene: Scene, status: int) -> None:
    handler = scene.handler()
    call(scene, handler)
    scene.mcp.fault(scene.mcp.path, reply(status))
    with pytest.raises(requests.HTTPError) as caught:
        call(scene, handler)
    assert caught.value.response.status_code == status


@pytest.mark.parametrize("body", [b"bytes", io.BytesIO(b"bytes"), "text"], ids=["bytes", "file", "text"])
def test_a_body_arrives_whole_the_second_time(scene: Scene, body: Any) -> None:
    handler = scene.handler()
    call(scene, handler)
    scene.az.expire_all_access_tokens()
    response = call(scene, handler, data=body)
    assert response.json()["length"] == len(b"bytes" if body != "text" else b"text")


def test_a_body_that_is_used_up_is_not_sent_empty(scene: Scene) -> None:
    handler = scene.handler()
    call(scene, handler)
    scene.az.expire_all_access_tokens()
    scene.mcp.clear()
    with pytest.raises(RequestNotRepeatedError):
        call(scene, handler, data=iter([b"once"]))
    assert len(scene.mcp.log) == 1
    assert call(scene, handler, data=iter([b"once"])).json()["length"] == 4


@pytest.mark.parametrize(
    "elsewhere", ["https://mcp.example.com/mcp", "http://127.0.0.1:1/mcp", "https://127.0.0.1/mcp"]
)
def test_a_request_elsewhere_is_refused_and_nothing_is_sent(scene: Scene, elsewhere: str) -> None:
    with pytest.raises(InsecureURLError, match="not on the origin"):
        call(scene, scene.handler(), elsewhere)
    assert (scene.mcp.log, scene.shown) == ([], [])


def test_a_redirect_elsewhere_gets_no_token_and_its_401_no_answer(scene: Scene) -> None:
    handler = scene.handler()
    call(scene, handler)
    with Origin() as stranger:
        stranger.route("*", "/", lambda exchange: json_reply({}, 401, [("WWW-Authenticate", "Bearer")]))
        scene.mcp.fault(scene.mcp.path, redirect_to(stranger.url + "/", 307))
        with pytest.raises(requests.HTTPError):
            call(scene, handler)
        assert [sent.headers.get("Authorization") for sent in stranger.log] == [None]
    assert scene.az.refreshes == 0


def test_the_timeout_of_the_request_is_that_of_its_refresh(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from .scene import never_wait
    from .servers import hang

    never_wait(monkeypatch, attempts=1)
    handler = scene.handler()
    call(scene, handler)
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", hang())
    with pytest.raises(TokenRefreshError, match="no answer within the timeout"):
        call(scene, handler, timeout=(5, 1.5))


# Signing out


def test_clearing_tells_no_server_and_keeps_the_registration(scene: Scene) -> None:
    handler = scene.handler()
    assert handler.clear_tokens("notes") is False
    tokens = handler.ensure_authenticated_mcp("notes", scene.url)
    scene.forget_log()
    assert handler.clear_tokens("notes") is True
    assert (scene.az.log, handler.get_authorization_header("notes")) == ([], None)
    assert scene.az.is_active(tokens.access_token)
    handler.ensure_authenticated_mcp("notes", scene.url)
    assert (len(scene.shown), scene.az.registrations) == (1, 1)


@pytest.mark.parametrize("with_url", [False, True])
def test_logging_out_revokes_what_is_stored(scene: Scene, with_url: bool) -> None:
    tokens = scene.handler().ensure_authenticated_mcp("notes", scene.url)
    handler = scene.handler()
    assert handler.logout("notes", scene.url if with_url else None) is True
    assert not scene.az.is_active(tokens.access_token)
    assert handler.get_authorization_header("notes") is None
    assert [sent.param("token_type_hint") for sent in scene.asked("/revoke")] == ["refresh_token", "access_token"]


def test_logging_out_of_what_is_not_there_confirms_nothing(scene: Scene) -> None:
    assert scene.handler().logout("notes") is False
    assert scene.handler().logout("notes", scene.url) is False
    assert scene.az.log == []


def test_logging_out_removes_the_tokens_even_where_the_server_fails(scene: Scene) -> None:
    handler = scene.handler()
    handler.ensure_authenticated_mcp("notes", scene.url)
    scene.az.fault("/revoke", reply(503))
    assert handler.logout("notes") is False
    assert scene.manager.load_tokens("notes") is None
