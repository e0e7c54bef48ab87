"""Crowds that need a refresh at once cost one refresh, whatever they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.openbao import openbao_server
from tests.scene import Scene
from tests.stories.conftest import vault
from tests.stories.fleet import Fleet

from . import flights

__all__ = ["openbao_server", "vault"]


@pytest.fixture
def scene_in_vault(vault: None) -> Iterator[Scene]:
    with Scene() as made:
        made.sign_in()
        yield made


def is_single(flight: flights.Flight, *, rounds: int, callers: int) -> bool:
    assert (flight.rounds, flight.callers) == (rounds, callers)
    assert flight.is_single, str(flight)
    return True


def test_twenty_threads_refresh_once_each_time(scene: Scene) -> None:
    assert is_single(flights.of_threads(scene, threads=20, rounds=10), rounds=10, callers=20)


@pytest.mark.timeout(240)
def test_ten_processes_refresh_once_each_time(scene: Scene) -> None:
    with Fleet(scene.url, 10) as fleet:
        assert is_single(flights.of_fleets(scene, [fleet], rounds=6), rounds=6, callers=10)


@pytest.mark.timeout(240)
def test_forty_processes_refresh_once(scene: Scene) -> None:
    with Fleet(scene.url, 40) as fleet:
        assert is_single(flights.of_fleets(scene, [fleet], rounds=1), rounds=1, callers=40)


@pytest.mark.timeout(240)
def test_children_forked_while_every_lock_is_held_refresh_once_each_time(scene: Scene) -> None:
    with Fleet(scene.url, 6, "heir") as fleet:
        assert is_single(flights.of_fleets(scene, [fleet], rounds=6, threads=2), rounds=6, callers=12)


@pytest.mark.openbao
@pytest.mark.timeout(240)
def test_processes_in_two_homes_that_share_a_vault_refresh_once_each_time(
    scene_in_vault: Scene, tmp_path: Path
) -> None:
    with flights.homes(scene_in_vault, tmp_path, 3) as fleets:
        assert is_single(flights.of_fleets(scene_in_vault, fleets, rounds=4), rounds=4, callers=6)


def test_a_flight_that_is_not_single_is_told(scene: Scene) -> None:
    single = flights.Flight(2, 3, refreshes=2, asked=2, reuses=0, unserved=0, questions=0, slowest=0.5)
    assert single.is_single
    for wrong in ({"refreshes": 3}, {"asked": 3}, {"reuses": 1}, {"unserved": 1}, {"questions": 1}, {"rounds": 3}):
        assert not single._replace(**wrong).is_single
