"""The server did it and its answer was lost: what can be had back is had back, the rest is said, and nothing else goes.

A code in two steps, a revocation and a grant without a person have theirs in their own rooms.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.exceptions import AuthorizationError, OAuthError, RegistrationError, TokenExchangeError
from tests.grants.by_code import ByCode
from tests.scene import PING, WRITE, Scene, never_wait, paths, stored
from tests.servers import lose_answer


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    never_wait(monkeypatch)
    with Scene() as made:
        yield made


def said(failure: OAuthError) -> None:
    """See that an error says what failed and what to do."""
    assert failure.message
    assert failure.hint


def test_of_a_registration_costs_another_one_and_nobody_is_asked_in_vain(scene: Scene) -> None:
    before = stored()
    scene.az.fault("/register", lose_answer(), times=1)
    auth = scene.oauth()
    with pytest.raises(RegistrationError) as caught:
        scene.post(auth)
    said(caught.value)
    assert (stored(), scene.shown) == (before, [])
    assert scene.post(auth).status_code == 200
    assert (len(scene.shown), scene.az.registrations) == (1, 2)


def test_of_a_code_is_said_and_the_code_is_sent_once(scene: Scene) -> None:
    scene.az.fault("/token", lose_answer(), times=1)
    auth = scene.oauth()
    with pytest.raises(TokenExchangeError) as caught:
        scene.post(auth)
    said(caught.value)
    assert [sent.param("grant_type") for sent in scene.asked("/token")] == ["authorization_code"]
    assert auth.sign_in().access_token
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert scene.az.code_reuses == 0


def test_of_a_code_for_another_sign_in_keeps_the_one_that_is_there(scene: Scene) -> None:
    auth = scene.sign_in()
    before = stored()
    scene.az.fault("/token", lose_answer(), times=1)
    with pytest.raises(TokenExchangeError):
        auth.sign_in()
    assert stored() == before
    for use in (auth, scene.oauth(prompt=NoPrompt())):
        assert scene.post(use).status_code == 200
    assert len(scene.shown) == 1


def test_of_a_code_for_more_scopes_keeps_what_was_granted_before(scene: Scene) -> None:
    scene.mcp.challenge_scope, scene.mcp.scope_for = "notes:read", {"tools/call": "notes:write"}
    auth = scene.sign_in()
    before = stored()
    scene.az.fault("/token", lose_answer(), times=1)
    with pytest.raises(TokenExchangeError) as caught:
        scene.post(auth, WRITE)
    said(caught.value)
    assert stored() == before
    for use in (auth, scene.oauth(prompt=NoPrompt())):
        assert scene.post(use, PING).status_code == 200
    auth.sign_in(scopes=("notes:read", "notes:write"))
    assert scene.post(scene.oauth(prompt=NoPrompt()), WRITE).status_code == 200


@pytest.mark.parametrize("rotate", [False, True], ids=["the token stays", "the server forgives"])
@pytest.mark.parametrize("lost", [1, 3])
def test_of_a_refresh_is_had_back_in_the_same_call(scene: Scene, rotate: bool, lost: int) -> None:
    scene.az.rotate, scene.az.forgive_lost_answers = rotate, True
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", lose_answer(), times=lost)
    assert scene.post(auth).status_code == 200
    assert scene.az.refreshes == lost + 1
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.shown, scene.az.reuses) == ([], 0)


def test_of_a_refresh_ahead_of_time_costs_no_request_of_the_caller(scene: Scene) -> None:
    scene.az.forgive_lost_answers = True
    scene.sign_in()
    scene.age(3590)
    scene.az.fault("/token", lose_answer(), times=1)
    auth = scene.oauth(prompt=NoPrompt())
    assert [scene.post(auth).status_code for _ in range(2)] == [200, 200]
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert (scene.shown, scene.az.reuses) == ([], 0)


def test_of_a_sign_out_is_not_confirmed_and_a_second_one_has_nothing_to_do(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.fault("/revoke", lose_answer(), times=4)
    assert auth.sign_out() is False
    assert scene.record().tokens is None
    scene.az.clear_faults()
    scene.forget_log()
    auth.sign_out()
    assert scene.az.log == []
    assert scene.post(scene.oauth()).status_code == 200
    assert paths(scene.asked("/register")) == []


@pytest.fixture
def by_code() -> Iterator[ByCode]:
    with ByCode() as made:
        yield made


def test_of_a_request_for_a_device_code_shows_nobody_a_code(by_code: ByCode) -> None:
    by_code.az.fault("/device", lose_answer(), times=1)
    auth = by_code.oauth()
    with pytest.raises(AuthorizationError) as caught:
        by_code.post(auth)
    said(caught.value)
    assert by_code.screen.codes == []
    by_code.enters(6)
    assert auth.sign_in().access_token
    assert by_code.post(auth).status_code == 200
    assert len(by_code.screen.codes) == 1


def test_of_the_last_question_for_a_device_code_is_said_and_ends(by_code: ByCode) -> None:
    by_code.at(4, by_code.enter)
    by_code.az.fault("/token", lose_answer(), times=1)
    auth = by_code.oauth()
    with pytest.raises(OAuthError) as caught:
        by_code.post(auth)
    said(caught.value)
    assert len(by_code.asked("/token")) == 2
    assert by_code.screen.ends == [caught.value]
    assert by_code.az.violations == ["POST /token: device code redeemed a second time"]  # nobody could know
    by_code.az.violations.clear()
    by_code.enters(4)
    assert auth.sign_in().access_token
    assert by_code.post(by_code.oauth(prompt=NoPrompt())).status_code == 200
