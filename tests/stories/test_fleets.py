"""Many processes and threads on one sign-in, in every kind of store: one refresh per expiry, one browser for all."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.grants.refresh_token import renew
from mcp_oauth_sync.protocol.transport import Transport
from tests.scene import Scene
from tests.servers import gate, reply

from .fleet import Fleet, until

HOUR = 3600.0


@pytest.fixture
def scene(store: str) -> Iterator[Scene]:
    with Scene() as made:
        yield made


def expire_again_and_again(scene: Scene, fleet: Fleet, threads: int, expiries: int) -> None:
    """Let everybody call after each expiry: those with odd numbers by the clock, the others by the server's word."""
    hours = 0
    for expiry in range(1, expiries + 1):
        scene.mcp.clear()
        if expiry % 2:
            hours += 2
            scene.az.advance(2 * HOUR)
        else:
            scene.az.expire_all_access_tokens()
        fleet.tell(threads, ahead=hours * HOUR)
        assert [answer.got for answer in fleet.answers()] == [[200] * threads] * fleet.size
        assert (scene.az.refreshes, scene.az.reuses) == (expiry, 0)
        refused = [exchange for exchange in scene.mcp.requests() if exchange.status != 200]
        assert (refused == []) == bool(expiry % 2)
    assert len(scene.asked("/token")) == expiries
    assert (scene.az.registrations, scene.az.authorizations) == (1, 1)


@pytest.mark.timeout(240)
def test_eight_processes_with_four_threads_each_refresh_once_per_expiry(scene: Scene) -> None:
    scene.sign_in()
    with Fleet(scene.url, 8) as fleet:
        expire_again_and_again(scene, fleet, threads=4, expiries=20)


def test_processes_that_open_the_store_with_a_password_refresh_once_per_expiry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "correct horse battery staple")
    with Scene() as scene:
        scene.sign_in()
        with Fleet(scene.url, 4) as fleet:
            expire_again_and_again(scene, fleet, threads=4, expiries=4)


@pytest.mark.timeout(240)
def test_four_processes_that_nobody_signed_in_to_ask_once_and_register_once(scene: Scene) -> None:
    release = threading.Event()
    scene.az.fault("/authorize", gate(release))
    with Fleet(scene.url, 4, "person") as fleet:
        fleet.tell(2)
        until(lambda: len(scene.mcp.requests(scene.mcp.path)) == 8)
        release.set()
        answers = fleet.answers()
    assert [answer.got for answer in answers] == [[200] * 2] * 4
    assert sum(answer.shown for answer in answers) == 1
    assert (scene.az.registrations, scene.az.authorizations, scene.az.exchanges) == (1, 1, 1)
    assert (scene.az.refreshes, scene.az.reuses) == (0, 0)


def test_whoever_loses_a_race_uses_the_winners_tokens_and_leaves_them_stored(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), reply(400, {"error": "invalid_grant"}), times=1)
    answers: list[requests.Response] = []
    loser = threading.Thread(target=lambda: answers.append(scene.post(auth)))
    loser.start()
    assert arrived.wait(30)
    with requests.Session() as session:  # somebody who takes no turns: another program, or another host
        winner = renew(Transport(session=session), scene.record())
    scene.manager.save_record(scene.url, winner)
    release.set()
    loser.join(30)
    assert [answer.status_code for answer in answers] == [200]
    assert scene.record() == winner
    assert scene.shown == []
    scene.az.expire_all_access_tokens()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert scene.az.reuses == 0
