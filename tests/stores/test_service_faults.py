"""Every system call of a save in a keyring or a Vault goes wrong once, in the process that saves.

Its files, locks and connections break, or it is killed. Afterwards there is the old record or the new one, the
listing is whole, no turn is held, and the store goes on working.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.openbao import Bao, bao, openbao_server
from tests.real.secret_service import SecretService, keyring_daemon, secret_service

from .fault_child import NAME, NEIGHBOUR, SERVER, SERVICES, record
from .faults import ANY, CHANGES, DONE, ERROR, KILL, TAKES_ROOM, Outcome, Zygote, ended_badly, every_call, zygote
from .test_save_faults import left_badly

__all__ = ["bao", "keyring_daemon", "openbao_server", "secret_service"]

pytestmark = [pytest.mark.strace, pytest.mark.timeout(600)]

OLD, NEW = record("old"), record("new")
#: Calls that change something, or without which there is no connection.
CHANGES_OR_CONNECTS = re.compile(rf"{CHANGES.pattern}|(socket|epoll_create1)\(")
#: How a case begins: with nothing of that name, or with a record.
FIRST, REPLACING = "first", "replacing"


KEYRING = pytest.param("secret_service", marks=pytest.mark.secret_service)
VAULT = pytest.param("vault", marks=pytest.mark.openbao)


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Say where the server of this kind of store is."""
    if kind == "secret_service":
        service: SecretService = request.getfixturevalue(kind)
        return {"address": service.address}
    made: Bao = request.getfixturevalue("bao")
    return {"url": made.server.url, "token": made.server.token, "mount": made.mount}


@pytest.fixture
def see_to_it(kind: str, request: pytest.FixtureRequest) -> Callable[[], None]:
    """Have the server answer: a gnome-keyring that many clients broke off with may end, and come back locked."""
    if kind == "secret_service":
        service: SecretService = request.getfixturevalue(kind)
        return service.recover
    return lambda: None


@pytest.fixture
def place(kind: str, server: dict[str, str], see_to_it: Callable[[], None], tmp_path: Path) -> Callable[..., Path]:
    """Make a home for a case, with an entry beside the one it is about."""
    numbers = itertools.count()

    def made(name: str, *, begins: str = REPLACING) -> Path:
        folder = tmp_path / "cases" / f"{name[:4]}{next(numbers)}"
        folder.mkdir(parents=True)
        (folder / SERVER).write_text(json.dumps(server))
        see_to_it()
        manager = SERVICES[kind](folder)
        for entry in [NEIGHBOUR, NAME] if begins == REPLACING else [NEIGHBOUR]:
            manager.save_record(entry, OLD)
        return folder

    return made


@pytest.fixture
def process(kind: str, place: Callable[..., Path], tmp_path: Path) -> Iterator[Zygote]:
    with zygote(tmp_path / "log", f"{kind} {place('warm')}") as started:
        yield started


@pytest.mark.parametrize("begins", [REPLACING, FIRST])
@pytest.mark.parametrize("kind", [KEYRING, VAULT])
def test_a_save_killed_at_any_call_leaves_the_old_record_or_the_new(
    kind: str, process: Zygote, place: Callable[..., Path], see_to_it: Callable[[], None], begins: str
) -> None:
    go_through(kind, process, place, see_to_it, begins, {KILL: CHANGES})


@pytest.mark.parametrize("kind", [KEYRING, VAULT])
def test_a_save_with_any_call_failing_leaves_the_old_record_or_the_new_and_raises_errors_of_the_store(
    kind: str, process: Zygote, place: Callable[..., Path], see_to_it: Callable[[], None]
) -> None:
    # A save in a keyring makes a thousand calls; what it reads is broken off at some of them in test_os_keyring_crash.
    ways = {ERROR: CHANGES_OR_CONNECTS if kind == "secret_service" else ANY, "error=ENOSPC": TAKES_ROOM}
    go_through(kind, process, place, see_to_it, REPLACING, ways)


def go_through(
    kind: str,
    process: Zygote,
    place: Callable[..., Path],
    see_to_it: Callable[[], None],
    begins: str,
    ways: dict[str, re.Pattern[str]],
) -> None:
    """Save once for every call, and look at what is left."""

    def check(outcome: Outcome, folder: Path) -> str | None:
        before = OLD if begins == REPLACING else None
        allowed: list[object] = [NEW] if outcome.status == DONE else [before, NEW]
        # How often a connection is asked again differs: a call that is not made this time must not be missed.
        see_to_it()
        badly = None if outcome.status == DONE and not outcome.injected else ended_badly(outcome)
        return badly or left_badly(SERVICES[kind](folder), allowed, [NEIGHBOUR], patience=10)

    cases, wrong = every_call(
        process,
        kind,
        "save",
        place=lambda name: place(name, begins=begins),
        check=check,
        ways=ways,
        at_once=1 if kind == "secret_service" else 2,
    )
    assert not wrong, "\n".join(wrong)
    assert cases > 20
