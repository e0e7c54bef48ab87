"""A refresh that fails for now loses nothing: neither the tokens, nor the person's patience."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_oauth_sync.exceptions import RefreshRejectedError, TokenRefreshError
from tests.scene import Scene, never_wait, stored
from tests.servers import Fault, hang, html, lose_answer, reply, reset

FAULTS = {
    "reset": reset(),
    "408": reply(408),
    "425": reply(425, {"detail": "too early"}),
    "429": reply(429, "slow down", content_type="text/plain"),
    "500": reply(500, {"message": "oops"}),
    "500 with an OAuth error": reply(500, {"error": "server_error"}),
    "400 for now": reply(400, {"error": "temporarily_unavailable"}),
    "502": html(502),
    "503 with a definitive error": reply(503, {"error": "invalid_grant"}),
    "530": reply(530, "error code: 1033", content_type="text/plain"),
    "HTML 403": html(403),
    "HTML 200": html(200),
    "empty 200": reply(200),
    "a token that fits in no header": reply(200, {"access_token": "a\nb", "token_type": "Bearer"}),
    "lost answer": lose_answer(),
}


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.az.rotate = False  # so that a lost answer cost nothing
        yield made


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_will_pass_leaves_the_store_as_it_is_and_opens_no_browser(
    scene: Scene, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch)
    scene.sign_in()
    before = stored()
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", fault)
    auth = scene.oauth()
    with pytest.raises(TokenRefreshError, match="token endpoint") as caught:
        scene.post(auth)
    assert type(caught.value) is TokenRefreshError
    assert caught.value.transient
    assert len(scene.asked("/token")) == 4
    assert stored() == before
    scene.az.clear_faults()
    assert scene.post(auth).status_code == 200
    assert (scene.shown, scene.az.registrations) == ([], 1)


def test_a_token_endpoint_that_hangs_ends_with_the_timeout_of_the_request(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch, attempts=1)
    scene.sign_in()
    before = stored()
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", hang())
    with pytest.raises(TokenRefreshError, match="no answer within the timeout") as caught:
        scene.post(scene.oauth(), timeout=(5, 1.5))
    assert caught.value.transient
    assert stored() == before
    scene.az.clear_faults()
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.shown == []


def test_a_name_that_cannot_be_resolved_for_now_loses_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    never_wait(monkeypatch)
    scene.az.metadata_overrides = {"token_endpoint": scene.az.endpoint("token").replace("127.0.0.1", "localhost")}
    scene.sign_in()
    before = stored()
    scene.az.expire_all_access_tokens()
    known = socket.getaddrinfo

    def unknown(host: Any, *others: Any, **more: Any) -> Any:
        if host == "localhost":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return known(host, *others, **more)

    with monkeypatch.context() as offline:
        offline.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(TokenRefreshError, match="the connection failed"):
            scene.post(scene.oauth())
    assert stored() == before
    assert scene.post(scene.oauth()).status_code == 200
    assert (scene.shown, len(scene.asked("/token"))) == ([], 1)


@pytest.mark.parametrize("fault", [reset(), reply(503), html(403)], ids=["reset", "503", "HTML 403"])
def test_a_token_that_is_still_good_is_used_when_it_cannot_be_renewed_early(scene: Scene, fault: Fault) -> None:
    scene.sign_in()
    scene.age(3590)
    before = stored()
    scene.az.fault("/token", fault)
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    assert scene.post(auth).status_code == 200
    assert auth.headers() == {"Authorization": f"Bearer {scene.access_token}"}
    assert len(scene.asked("/token")) == 1  # and the next early one has to wait
    assert stored() == before
    assert scene.shown == []


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_request", "temporarily_unavailable"])
def test_a_server_that_refuses_to_refresh_early_takes_no_good_token_away(scene: Scene, error: str) -> None:
    scene.sign_in()
    scene.age(3590)
    before = stored()
    scene.az.refresh_error = (error, 400)
    auth = scene.oauth()
    assert auth.headers() == {"Authorization": f"Bearer {scene.access_token}"}
    assert scene.post(auth).status_code == 200
    assert (stored(), scene.shown) == (before, [])


def test_a_server_that_refreshes_only_expired_tokens_is_asked_again_when_they_are(scene: Scene) -> None:
    scene.az.refuse_early_refresh = True
    scene.sign_in()
    scene.age(3590)
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    assert scene.az.refreshes == 0
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.shown) == (1, [])


def test_a_definitive_refusal_removes_the_tokens_but_not_the_registration(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.sign_in()
    client = scene.record().registration
    scene.az.expire_all_access_tokens()
    scene.az.refresh_error = ("invalid_grant", 400)
    scene.az.decision = "deny"
    with pytest.raises(Exception, match="denied"):
        scene.post(scene.oauth())
    assert scene.record().tokens is None
    assert scene.record().registration == client
    assert len(scene.asked("/token")) == 1  # what is definitive is not repeated


def test_a_definitive_refusal_leads_to_one_sign_in_and_not_to_an_error(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.sign_in()
    scene.expire()
    scene.az.refresh_error = ("invalid_refresh_token", 400)
    with caplog.at_level(logging.WARNING):
        assert scene.post(scene.oauth()).status_code == 200
    assert (len(scene.shown), scene.az.registrations) == (1, 1)
    assert "rejected the refresh token" in caplog.text


def test_an_answer_that_was_lost_after_a_rotation_costs_one_sign_in_and_no_loop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_wait(monkeypatch)
    scene.az.rotate = True
    scene.sign_in()
    before = stored()
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", lose_answer())
    with pytest.raises(TokenRefreshError) as caught:
        scene.post(scene.oauth())
    assert not isinstance(caught.value, RefreshRejectedError)
    assert stored() == before
    scene.az.clear_faults()
    assert scene.post(scene.oauth()).status_code == 200
    assert len(scene.shown) == 1
