"""The authorization server no longer knows us: one new registration, one sign-in, and no loop."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationError, RegistrationError
from tests.scene import Scene, paths, shift_clock
from tests.servers import reply

DOCUMENT = "https://app.example.com/oauth/client.json"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_grant"])
def test_a_client_forgotten_at_the_refresh_costs_one_registration_and_one_sign_in(scene: Scene, error: str) -> None:
    auth = scene.sign_in()
    scene.az.unknown_client_error = error
    scene.az.forget_clients()
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    scene.person.join()
    assert len(scene.asked("/register")) == 1
    assert len(scene.shown) == 1
    looked = error == "invalid_grant"  # the other errors say already that the client is gone
    assert len(scene.asked("/authorize")) == (2 if looked else 1)
    registration = scene.record().registration
    assert registration is not None
    assert registration.client_id in scene.az.clients
    assert scene.post(scene.oauth()).status_code == 200


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_client_forgotten_at_the_authorization_is_noticed_before_the_browser_opens(
    scene: Scene, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    scene.az.issue_refresh = False
    scene.sign_in()
    scene.az.forget_clients()
    scene.expire()
    scene.az.unknown_client_status = status
    with caplog.at_level(logging.WARNING):
        assert scene.post(scene.oauth()).status_code == 200
    scene.person.join()
    assert [line for line in paths(scene.az.log) if "well-known" not in line] == [
        f"GET /authorize {status}",  # without a browser
        "POST /register 201",
        "GET /authorize 302",
        "POST /token 200",
    ]
    assert len(scene.shown) == 1
    assert f"no longer knows us (HTTP {status}" in caplog.text


def test_a_client_refused_by_redirect_is_noticed_before_the_browser_opens(scene: Scene) -> None:
    scene.az.issue_refresh = False
    scene.sign_in()
    scene.expire()
    scene.az.decision = "invalid_client"
    with pytest.raises(AuthorizationError) as caught:
        scene.post(scene.oauth())
    assert caught.value.error == "invalid_client"
    assert len(scene.asked("/register")) == 1
    assert len(scene.shown) == 1


def test_a_client_forgotten_between_the_browser_and_the_exchange_costs_one_more_round(scene: Scene) -> None:
    scene.az.issue_refresh = False
    scene.sign_in()
    scene.expire()
    scene.az.fault("/token", reply(401, {"error": "invalid_client"}), times=1)
    assert scene.post(scene.oauth()).status_code == 200
    assert (len(scene.shown), len(scene.asked("/register"))) == (2, 1)


def test_a_server_that_never_knows_its_clients_is_given_up_after_two_rounds(scene: Scene) -> None:
    scene.az.issue_refresh = False
    scene.sign_in()
    scene.expire()
    scene.az.fault("/token", reply(401, {"error": "invalid_client"}))
    with pytest.raises(Exception, match="invalid_client"):
        scene.post(scene.oauth())
    assert (len(scene.shown), len(scene.asked("/register"))) == (2, 1)


def test_a_new_client_that_is_refused_is_not_replaced_again(scene: Scene) -> None:
    scene.az.fault("/token", reply(401, {"error": "invalid_client"}))
    with pytest.raises(Exception, match="invalid_client"):
        scene.post(scene.oauth())
    assert (len(scene.shown), scene.az.registrations) == (1, 1)


def test_a_secret_past_its_time_is_replaced_before_anything_is_sent_with_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.az.auth_methods, scene.az.secret_ttl = ("client_secret_post",), 100
    scene.sign_in()
    old = scene.record().registration
    assert old is not None
    assert old.client_secret is not None
    shift_clock(monkeypatch, 200)
    scene.az.advance(200)
    scene.az.expire_all_access_tokens()
    scene.az.secret_ttl = 10_000
    assert scene.post(scene.oauth()).status_code == 200
    assert [sent.method for sent in scene.asked("/register")] == ["POST"]
    assert len(scene.shown) == 1
    assert not any(old.client_secret.encode() in sent.body for sent in scene.az.log)


def test_a_dead_token_and_a_failed_sign_in_do_not_loop(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.refresh_error = ("invalid_grant", 400)
    scene.az.expire_all_access_tokens()
    scene.az.decision = "invalid_scope"
    with pytest.raises(AuthorizationError):
        scene.post(auth)
    assert len(scene.shown) <= 2
    assert len(scene.asked("/token")) == 1
    scene.forget_log()
    scene.az.decision = "deny"
    with pytest.raises((AccessDeniedError, AuthorizationError)):
        scene.post(auth)
    assert len(scene.shown) <= 1


@pytest.mark.parametrize("kind", ["by hand", "with a secret", "by its document"])
def test_a_client_of_the_callers_own_is_never_registered_anew_and_the_error_names_it(scene: Scene, kind: str) -> None:
    if kind == "by its document":
        redirects = {"redirect_uris": ["http://127.0.0.1/callback"], "client_name": "App"}
        scene.az.client_documents[DOCUMENT] = {"client_id": DOCUMENT, **redirects}
        scene.az.client_documents[DOCUMENT]["grant_types"] = ["authorization_code", "refresh_token"]
        name, options = DOCUMENT, {"client_id_metadata_url": DOCUMENT}
    else:
        secret = "very secret" if kind == "with a secret" else None
        scene.az.add_client("the-app", secret)
        name, options = "the-app", {"client_id": "the-app", "client_secret": secret}
        options["token_endpoint_auth_method"] = "client_secret_basic" if secret else None
    auth = scene.sign_in(**options)
    scene.az.forget_clients()
    scene.az.forgotten |= set(scene.az.client_documents)
    scene.az.client_documents.clear()
    scene.az.expire_all_access_tokens()
    with pytest.raises(RegistrationError, match=name) as caught:
        scene.post(auth)
    assert caught.value.error == "invalid_client"
    assert caught.value.issuer == scene.az.issuer
    assert "client_id=" in (caught.value.hint or "")
    assert (scene.shown, scene.az.registrations) == ([], 0)


def test_a_client_that_the_caller_has_replaced_is_used_instead(scene: Scene) -> None:
    scene.az.add_client("old")
    scene.sign_in(client_id="old")
    scene.az.forget_clients()
    scene.az.add_client("new")
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(client_id="new")).status_code == 200
    assert (len(scene.shown), scene.az.registrations) == (1, 0)
