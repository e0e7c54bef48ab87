"""A clock that is set in the middle of something: it goes on, nobody is asked a second time, and nothing loops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mcp_oauth_sync import NoPrompt, TokenManager
from mcp_oauth_sync.exceptions import AuthorizationTimeoutError
from tests.grants.by_code import ByCode
from tests.real.openbao import Bao, bao, openbao_server
from tests.scene import DAY, PING, WRITE, YEAR, Scene, never_wait, shift_clock
from tests.servers import Fault

__all__ = ["bao", "openbao_server"]

SHIFTS = {"two hours on": 7200.0, "ten years on": 10 * YEAR, "two days back": -2 * DAY, "ten years back": -10 * YEAR}
ANY_SHIFT = pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    never_wait(monkeypatch)
    with Scene() as made:
        yield made


def goes_on(scene: Scene, *, refreshes: int = 1) -> None:
    """See that whoever comes next is served without a person, and that a refresh or so is all it costs."""
    scene.forget_log()
    before = scene.az.refreshes
    for auth in (scene.oauth(prompt=NoPrompt()), scene.oauth(prompt=NoPrompt())):
        for body in (PING, PING):
            assert scene.post(auth, body).status_code == 200
    assert scene.az.refreshes - before <= refreshes
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.shown, scene.az.reuses) == ([], 0)


@ANY_SHIFT
def test_while_the_person_signs_in(scene: Scene, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    scene.before_going = lambda: shift_clock(monkeypatch, shift)
    auth = scene.oauth()
    assert scene.post(auth).status_code == 200
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 1
    goes_on(scene)


@ANY_SHIFT
def test_while_a_refresh_is_on_its_way(scene: Scene, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    move = Fault("set the clock", change=lambda _, reply: (shift_clock(monkeypatch, shift), reply)[1])
    scene.az.fault("/token", move, times=1)
    for _ in range(3):
        assert scene.post(auth).status_code == 200
    assert scene.az.refreshes <= 2  # what was issued before the clock was set seems to be over after it
    assert scene.shown == []
    goes_on(scene, refreshes=0)


@ANY_SHIFT
def test_while_somebody_else_refreshes(scene: Scene, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    waiting = threading.Thread(target=scene.post, args=(scene.oauth(),))
    with scene.manager.exclusive(scene.url):
        waiting.start()
        shift_clock(monkeypatch, shift)
        assert scene.post(auth).status_code == 200
    waiting.join()
    assert scene.az.refreshes <= 2
    assert scene.az.reuses == 0
    goes_on(scene)


@ANY_SHIFT
def test_while_more_scopes_are_asked_for(scene: Scene, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    scene.mcp.challenge_scope, scene.mcp.scope_for = "notes:read", {"tools/call": "notes:write"}
    auth = scene.sign_in()
    scene.before_going = lambda: shift_clock(monkeypatch, shift)
    assert scene.post(auth, WRITE).status_code == 200
    assert scene.post(auth, WRITE).status_code == 200
    assert len(scene.shown) == 1
    goes_on(scene)


@ANY_SHIFT
def test_while_a_code_waits_for_its_person(monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    never_wait(monkeypatch)
    with ByCode() as scene:
        scene.at(6, lambda: shift_clock(monkeypatch, shift))
        scene.enters(12)
        assert scene.post(scene.oauth()).status_code == 200
        assert (scene.slept, len(scene.screen.codes)) == ([5] * 3, 1)
        assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
        assert len(scene.screen.codes) == 1


@ANY_SHIFT
def test_between_the_two_steps_of_a_sign_in(scene: Scene, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    auth = scene.oauth(prompt=NoPrompt())
    redirect = scene.person.redirect_only(auth.start_sign_in().url)
    assert redirect is not None
    shift_clock(monkeypatch, shift)
    if shift > 0:  # its time is over as far as anybody can tell: said, and started again
        with pytest.raises(AuthorizationTimeoutError, match="not finished in time") as caught:
            auth.finish_sign_in(redirect)
        assert caught.value.hint == "Start the sign-in again."
        redirect = scene.person.redirect_only(auth.start_sign_in().url)
        assert redirect is not None
    assert auth.finish_sign_in(redirect).access_token
    goes_on(scene)


@pytest.mark.openbao
@ANY_SHIFT
def test_while_a_turn_at_a_vault_is_held_and_waited_for(
    bao: Bao, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    known, managers = time.time, [TokenManager(store=bao.store()) for _ in range(2)]
    order: list[str] = []

    def wait() -> None:
        with managers[1].exclusive("n", timeout=30):
            order.append("second")

    with managers[0].exclusive("n"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        monkeypatch.setattr(time, "time", lambda: known() + shift)
        managers[0].store.store_generic("n", "v")
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    assert managers[1].store.retrieve_generic("n") == "v"
