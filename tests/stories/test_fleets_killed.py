"""Processes that are killed, in every kind of store: nobody waits for the dead, and nobody is signed out.

A process that is killed between the answer to its refresh and the end of saving it takes the only good refresh token
with it. A client cannot prevent that; an authorization server can, by forgiving a lost answer. At every other moment
a death is harmless whatever the server is like.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import manager
from tests.real.secret_service import SecretService
from tests.scene import Scene
from tests.servers import gate

from .fleet import Fleet, until

DAY = 24 * 3600.0
FINE = [200, 200]
Tell = Callable[[Callable[[Scene], None]], None]


@pytest.fixture(autouse=True)
def worn(store: str, request: pytest.FixtureRequest) -> None:
    """Have later tests get another keyring than the one whose clients are killed here."""
    if store == "secret_service":
        request.getfixturevalue("keyring_daemon").worn = True


@contextmanager
def signed_in() -> Iterator[Scene]:
    """Give a scene with a sign-in, which has to be good at its end."""
    with Scene() as made:
        made.sign_in()
        yield made
        # Nobody was signed out: who comes now can refresh.
        before = made.az.refreshes
        made.expire()
        assert made.post(made.oauth(prompt=NoPrompt()), timeout=60).status_code == 200
        assert made.az.refreshes == before + 1
        assert (made.az.registrations, made.az.authorizations, made.az.reuses) == (1, 1, 0)


def has_another_keyring(store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Tell whether the keyring has ended by a fault of its own; then there is a new one, empty and unlocked."""
    if store != "secret_service":
        return False
    service: SecretService = request.getfixturevalue("keyring_daemon")
    if not service.aborted:
        return False
    service.renew()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
    monkeypatch.setattr(manager, "_defaults", {})
    return True


@pytest.fixture
def tell(store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Tell a story, from its beginning again where the keyring ended by a fault of its own."""

    def told(story: Callable[[Scene], None]) -> None:
        for _ in range(3):
            try:
                with signed_in() as scene:
                    story(scene)
            except (AssertionError, TokenStorageError):
                if not has_another_keyring(store, request, monkeypatch):
                    raise
            else:
                return
        pytest.fail("the keyring ended by a fault of its own three times in a row")

    return told


@pytest.mark.timeout(240)
def test_processes_killed_at_random_moments_sign_nobody_out(tell: Tell) -> None:
    tell(kill_at_random_moments)


def kill_at_random_moments(scene: Scene) -> None:
    scene.az.forgive_lost_answers = True
    dice = random.Random()
    with Fleet(scene.url, 6) as fleet:
        for expiry in range(8):
            scene.az.expire_all_access_tokens()
            arrived = threading.Event()
            if expiry % 2:  # near the refresh; else near the start
                scene.az.fault("/token", gate(arrived, arrived=arrived), times=1)
            else:
                arrived.set()
            fleet.tell(2)
            assert arrived.wait(60)
            for victim in dice.sample(fleet.members, 3):
                threading.Event().wait(dice.uniform(0, 0.03))
                fleet.kill(victim)
            assert [answer.got for answer in fleet.answers()] == [FINE] * 3
            fleet.grow(3)
    assert scene.az.refreshes == 8 + scene.az.forgiven


@pytest.mark.timeout(240)
def test_a_refresh_is_taken_over_from_the_dead_and_the_dead_among_the_waiting_do_not_matter(
    tell: Tell,
) -> None:
    tell(kill_who_refreshes_and_who_waits)


def kill_who_refreshes_and_who_waits(scene: Scene) -> None:
    scene.az.expire_all_access_tokens()
    arrived = threading.Event()
    scene.az.fault("/token", gate(threading.Event(), arrived=arrived), times=1)
    with Fleet(scene.url, 4) as fleet:
        refreshing, waiting, *others = fleet.members
        refreshing.tell(2)
        assert arrived.wait(60)
        fleet.members.remove(refreshing)
        fleet.tell(2)
        until(lambda: sum(exchange.status == 401 for exchange in scene.mcp.requests()) == 8)
        fleet.kill(waiting)
        refreshing.kill()
        assert [member.hear()["got"] for member in others] == [FINE] * 2
        assert scene.az.refreshes == 1


@pytest.mark.timeout(240)
@pytest.mark.parametrize("moment", ["read", "written"])
def test_a_process_killed_in_its_turn_before_it_asks_or_after_it_has_stored_is_harmless(
    tell: Tell, moment: str
) -> None:
    tell(partial(kill_in_its_turn, moment=moment))


def kill_in_its_turn(scene: Scene, *, moment: str) -> None:
    with Fleet(scene.url, 3) as fleet:
        first, *others = fleet.members
        fleet.tell(2)
        assert [answer.got for answer in fleet.answers()] == [FINE] * 3
        scene.az.expire_all_access_tokens()
        first.tell(2, stop=moment)
        assert first.hear() == moment
        for member in others:
            member.tell(2)
        fleet.kill(first)
        assert [answer.got for answer in fleet.answers()] == [FINE] * 2
        assert scene.az.refreshes == 1


@pytest.mark.timeout(240)
def test_a_process_killed_inside_a_request_of_its_caller_is_harmless(
    tell: Tell,
) -> None:
    tell(kill_inside_a_request)


def kill_inside_a_request(scene: Scene) -> None:
    with Fleet(scene.url, 3) as fleet:
        scene.az.advance(DAY)
        arrived = threading.Event()
        scene.mcp.fault(scene.mcp.path, gate(threading.Event(), arrived=arrived), times=1)
        fleet.members[0].tell(1, ahead=DAY)
        assert arrived.wait(60)
        assert scene.az.refreshes == 1
        fleet.kill(fleet.members[0])
        fleet.tell(2, ahead=DAY)
        assert [answer.got for answer in fleet.answers()] == [FINE] * 2
        assert scene.az.refreshes == 1
