"""Many processes and threads, one sign-in: each refresh token is used once, and each person asked once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import attrs
import pytest
import requests

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.grants.refresh_token import renew
from mcp_oauth_sync.protocol.transport import Transport
from tests.scene import Scene, stored
from tests.servers import gate, reply

from .fleet import Fleet


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def test_four_processes_with_four_threads_each_refresh_once_per_expiry(scene: Scene) -> None:
    scene.sign_in()
    scene.expire()
    everybody_fine = [{"got": [200] * 4, "shown": 0}] * 4
    with Fleet(scene.url, 4) as fleet:
        for expiry in range(1, 4):  # the first by our clock, the others by the server's
            fleet.tell(4)
            assert fleet.answers() == everybody_fine
            assert (scene.az.refreshes, scene.az.reuses) == (expiry, 0)
            scene.az.expire_all_access_tokens()
    assert len(scene.asked("/token")) == 3
    assert (scene.az.registrations, scene.az.authorizations) == (1, 1)


def test_four_processes_that_nobody_signed_in_to_ask_once_and_register_once(scene: Scene) -> None:
    release = threading.Event()
    scene.az.fault("/authorize", gate(release))
    with Fleet(scene.url, 4, "person") as fleet:
        fleet.tell(1)
        tick, patience = threading.Event(), 1500
        while len(scene.mcp.requests(scene.mcp.path)) < 4 and patience:
            tick.wait(0.02)
            patience -= 1
        release.set()
        answers = fleet.answers()
    assert [answer["got"] for answer in answers] == [[200]] * 4
    assert sum(answer["shown"] for answer in answers) == 1
    assert (scene.az.registrations, scene.az.authorizations, scene.az.exchanges) == (1, 1, 1)


def test_whoever_loses_a_race_uses_the_winners_tokens_and_leaves_them_stored(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), reply(400, {"error": "invalid_grant"}), times=1)
    answers: list[requests.Response] = []
    loser = threading.Thread(target=lambda: answers.append(scene.post(auth)))
    loser.start()
    assert arrived.wait(10)
    with requests.Session() as session:  # somebody who takes no turns: another host, or another program
        winner = renew(Transport(session=session), scene.record())
    scene.manager.save_record(scene.url, winner)
    before = stored()
    release.set()
    loser.join(10)
    assert [answer.status_code for answer in answers] == [200]
    assert stored() == before
    assert scene.record().tokens == winner.tokens
    assert scene.shown == []


def test_a_process_killed_while_it_refreshes_holds_up_nobody(scene: Scene) -> None:
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived = threading.Event()
    scene.az.fault("/token", gate(threading.Event(), arrived=arrived), times=1)
    with Fleet(scene.url, 1) as fleet:
        fleet.tell(1)
        assert arrived.wait(30)
        fleet.children[0].kill()
        fleet.children[0].wait(10)
        assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)


def test_a_process_killed_while_it_asks_holds_up_nobody(scene: Scene) -> None:
    arrived = threading.Event()
    scene.az.fault("/authorize", gate(threading.Event(), arrived=arrived), times=1)
    with Fleet(scene.url, 1, "person") as fleet:
        fleet.tell(1)
        assert arrived.wait(30)
        fleet.children[0].kill()
        fleet.children[0].wait(10)
        assert scene.post(scene.oauth()).status_code == 200
    assert len(scene.shown) == 1


def test_a_process_uses_what_another_one_got_although_its_own_token_was_refused(scene: Scene) -> None:
    one = scene.sign_in()
    other = scene.oauth(prompt=NoPrompt())
    assert scene.post(other).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(one).status_code == 200
    assert scene.post(other).status_code == 200
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)


def test_what_another_one_got_may_have_expired_too_and_is_renewed_then(scene: Scene) -> None:
    one = scene.sign_in()
    other = scene.oauth(prompt=NoPrompt())
    assert scene.post(other).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(one).status_code == 200
    scene.az.expire_all_access_tokens()
    response = scene.post(other)
    assert response.status_code == 200
    assert [old.status_code for old in response.history] == [401, 401]
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)


def test_a_dead_token_family_is_removed_once_and_one_sign_in_serves_everybody(scene: Scene) -> None:
    scene.sign_in()
    tokens = scene.record().tokens
    assert tokens is not None
    scene.az.revoke_family(tokens.access_token)
    with Fleet(scene.url, 2, "person") as fleet:
        fleet.tell(2)
        answers = fleet.answers()
    assert [answer["got"] for answer in answers] == [[200] * 2] * 2
    assert sum(answer["shown"] for answer in answers) == 1
    assert scene.az.registrations == 1
    assert scene.record().tokens != attrs.evolve(tokens)
