"""Two hosts that share a Vault and nothing else: the same figures as on one, and no waiting for a dead host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.scene import Scene
from tests.servers import gate

from .child import LEASE_VARIABLE
from .fleet import Fleet, until

pytestmark = [pytest.mark.openbao, pytest.mark.timeout(240)]

HOUR = 3600.0


@pytest.fixture
def scene(vault: None) -> Iterator[Scene]:
    with Scene() as made:
        yield made


@contextmanager
def hosts(scene: Scene, folder: Path, size: int, whom: str = "nobody", *, lease: float = 10.0) -> Iterator[list[Fleet]]:
    """Run a fleet of this size on each of two hosts: nothing on a disk is shared."""
    with ExitStack() as stack:
        fleets = []
        for name in ("one", "other"):
            home = folder / name
            home.mkdir()
            elsewhere = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"), str(home))
            elsewhere |= {"MCP_OAUTH_SYNC_HOME": str(home / "store"), LEASE_VARIABLE: str(lease)}
            fleets.append(stack.enter_context(Fleet(scene.url, size, whom, environment=elsewhere)))
        yield fleets


def test_four_processes_with_four_threads_on_each_of_two_hosts_refresh_once_per_expiry(
    scene: Scene, tmp_path: Path
) -> None:
    scene.sign_in()
    hours = 0
    with hosts(scene, tmp_path, 4) as fleets:
        for expiry in range(1, 21):
            if expiry % 2:
                hours += 2
                scene.az.advance(2 * HOUR)
            else:
                scene.az.expire_all_access_tokens()
            for fleet in fleets:
                fleet.tell(4, ahead=hours * HOUR)
            answers = [answer for fleet in fleets for answer in fleet.answers()]
            assert [answer.got for answer in answers] == [[200] * 4] * 8
            assert (scene.az.refreshes, scene.az.reuses) == (expiry, 0)
    assert len(scene.asked("/token")) == 20
    assert (scene.az.registrations, scene.az.authorizations) == (1, 1)


def test_two_hosts_that_nobody_signed_in_to_ask_once_and_register_once(scene: Scene, tmp_path: Path) -> None:
    release = threading.Event()
    scene.az.fault("/authorize", gate(release))
    with hosts(scene, tmp_path, 2, "person") as fleets:
        for fleet in fleets:
            fleet.tell(2)
        until(lambda: len(scene.mcp.requests(scene.mcp.path)) == 8)
        until(lambda: len(scene.asked("/authorize")) == 1)
        release.set()
        answers = [answer for fleet in fleets for answer in fleet.answers()]
    assert [answer.got for answer in answers] == [[200] * 2] * 4
    assert sum(answer.shown for answer in answers) == 1
    assert (scene.az.registrations, scene.az.authorizations, scene.az.exchanges) == (1, 1, 1)


def test_a_host_whose_refresher_is_killed_is_waited_for_no_longer_than_a_lease(scene: Scene, tmp_path: Path) -> None:
    scene.sign_in()
    scene.az.expire_all_access_tokens()
    arrived = threading.Event()
    scene.az.fault("/token", gate(threading.Event(), arrived=arrived), times=1)
    with hosts(scene, tmp_path, 2, lease=0.5) as (one, other):
        one.members[0].tell(2)
        assert arrived.wait(60)
        other.tell(2)
        until(lambda: sum(exchange.status == 401 for exchange in scene.mcp.requests()) == 6)
        one.kill(one.members[0])
        assert [answer.got for answer in other.answers()] == [[200] * 2] * 2
        assert (scene.az.refreshes, scene.az.reuses) == (1, 0)
        one.tell(2)
        assert [answer.got for answer in one.answers()] == [[200] * 2]
    assert (scene.az.refreshes, scene.az.reuses) == (1, 0)
