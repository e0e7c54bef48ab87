"""Every system call of a save in a keyring or a Vault goes wrong once, in the process that saves.

Its files, locks and connections break, or it is killed. Afterwards there is the old record or the new one, the
listing is whole, no turn is held, and the store goes on working.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import TokenManager
from tests.real.openbao import Bao, bao, openbao_server
from tests.real.secret_service import SecretService, keyring_daemon, secret_service

from .fault_child import NAME, NEIGHBOUR, SERVER, SERVICES, record
from .faults import (
    ANY,
    CHANGES,
    DONE,
    ERROR,
    KILL,
    REFUSED,
    TAKES_ROOM,
    Outcome,
    Zygote,
    ended_badly,
    every_call,
    zygote,
)
from .test_save_faults import left_badly

__all__ = ["bao", "keyring_daemon", "openbao_server", "secret_service"]

pytestmark = [pytest.mark.strace, pytest.mark.timeout(600)]

T = TypeVar("T")

OLD, NEW = record("old"), record("new")
#: Calls that change something, or without which there is no connection.
CHANGES_OR_CONNECTS = re.compile(rf"{CHANGES.pattern}|(socket|epoll_create1)\(")
#: How a case begins: with nothing of that name, or with a record.
FIRST, REPLACING = "first", "replacing"


class Keeper:
    """Looks after the server: a gnome-keyring that many clients broke off with may end, and come back locked.

    Args:
        service: The keyring; None for a server that does not end by itself.
    """

    def __init__(self, service: SecretService | None) -> None:
        self._service = service

    def recover(self) -> None:
        """Have it answer."""
        if self._service is not None:
            self._service.recover()

    @property
    def aborted(self) -> bool:
        """Whether it has ended by a fault of its own since it was last seen to."""
        return self._service is not None and self._service.aborted

    def persistently(self, step: Callable[[], T]) -> T:
        """Do something, and once more where the server ended by a fault of its own meanwhile."""
        return step() if self._service is None else self._service.persistently(step)

    def look(self, what_is_wrong: Callable[[], str | None]) -> str | None:
        """Look at what was left, and once more where the server ended by a fault of its own meanwhile."""
        self.recover()
        wrong = what_is_wrong()
        if wrong is not None and self.aborted:
            self.recover()
            wrong = what_is_wrong()
        return wrong


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
def keeper(kind: str, request: pytest.FixtureRequest) -> Keeper:
    """Give who looks after the server of this kind of store."""
    return Keeper(request.getfixturevalue(kind) if kind == "secret_service" else None)


@pytest.fixture
def place(kind: str, server: dict[str, str], keeper: Keeper, tmp_path: Path) -> Callable[..., Path]:
    """Make a home for a case, with an entry beside the one it is about."""
    numbers = itertools.count()

    def made(name: str, *, begins: str = REPLACING) -> Path:
        folder = tmp_path / "cases" / f"{name[:4]}{next(numbers)}"
        folder.mkdir(parents=True)
        (folder / SERVER).write_text(json.dumps(server))
        keeper.recover()
        manager = SERVICES[kind](folder)
        for entry in [NEIGHBOUR, NAME] if begins == REPLACING else [NEIGHBOUR]:
            keeper.persistently(partial(manager.save_record, entry, OLD))
        return folder

    return made


@pytest.fixture
def process(kind: str, place: Callable[..., Path], tmp_path: Path) -> Iterator[Zygote]:
    with zygote(tmp_path / "log", f"{kind} {place('warm')}") as started:
        yield started


@pytest.mark.parametrize("begins", [REPLACING, FIRST])
@pytest.mark.parametrize("kind", [KEYRING, VAULT])
def test_a_save_killed_at_any_call_leaves_the_old_record_or_the_new(
    kind: str, process: Zygote, place: Callable[..., Path], keeper: Keeper, begins: str
) -> None:
    go_through(kind, process, place, keeper, begins, {KILL: CHANGES})


@pytest.mark.parametrize("kind", [KEYRING, VAULT])
def test_a_save_with_any_call_failing_leaves_the_old_record_or_the_new_and_raises_errors_of_the_store(
    kind: str, process: Zygote, place: Callable[..., Path], keeper: Keeper
) -> None:
    # A save in a keyring makes a thousand calls; what it reads is broken off at some of them in test_os_keyring_crash.
    ways = {ERROR: CHANGES_OR_CONNECTS if kind == "secret_service" else ANY, "error=ENOSPC": TAKES_ROOM}
    go_through(kind, process, place, keeper, REPLACING, ways)


def go_through(
    kind: str,
    process: Zygote,
    place: Callable[..., Path],
    keeper: Keeper,
    begins: str,
    ways: dict[str, re.Pattern[str]],
) -> None:
    """Save once for every call, and look at what is left."""

    def check(outcome: Outcome, folder: Path) -> str | None:
        before = OLD if begins == REPLACING else None
        allowed: list[object] = [NEW] if outcome.status == DONE else [before, NEW]
        # How often a connection is asked again differs: a call that is not made this time must not be missed.
        badly = None if outcome.status == DONE and not outcome.injected else ended_badly(outcome)
        return badly or keeper.look(lambda: left_badly(SERVICES[kind](folder), allowed, [NEIGHBOUR], patience=10))

    def spoiled(outcome: Outcome) -> bool:
        return not outcome.injected and outcome.status == REFUSED and keeper.aborted

    cases, wrong = every_call(
        process,
        kind,
        "save",
        place=lambda name: place(name, begins=begins),
        check=check,
        ways=ways,
        at_once=1 if kind == "secret_service" else 2,
        spoiled=spoiled,
    )
    assert not wrong, "\n".join(wrong)
    assert cases > 20


# The keyring may be what goes wrong, but only by itself


@pytest.fixture
def kept(secret_service: SecretService, tmp_path: Path) -> TokenManager:
    (tmp_path / SERVER).write_text(json.dumps({"address": secret_service.address}))
    manager = SERVICES["secret_service"](tmp_path)
    for name in (NAME, NEIGHBOUR):
        manager.save_record(name, OLD)
    return manager


def end(service: SecretService, how: signal.Signals) -> None:
    pid = service.pid
    assert pid is not None
    os.kill(pid, how)
    while service.pid == pid:
        pass


@pytest.mark.secret_service
@pytest.mark.parametrize(
    ("how", "lost", "is_wrong"),
    [(signal.SIGABRT, False, False), (signal.SIGABRT, True, True), (signal.SIGKILL, False, True)],
    ids=["by itself", "by itself, and the store lost a record", "killed"],
)
def test_a_keyring_that_ends_while_it_is_looked_at_is_looked_at_once_more_only_where_it_ended_by_itself(
    secret_service: SecretService, kept: TokenManager, how: signal.Signals, lost: bool, is_wrong: bool
) -> None:
    looks = []

    def what_is_wrong() -> str | None:
        looks.append(1)
        if len(looks) == 1:
            if lost:
                kept.delete_record(NEIGHBOUR)
            end(secret_service, how)
        return left_badly(kept, [OLD], [NEIGHBOUR])

    wrong = Keeper(secret_service).look(what_is_wrong)
    assert (wrong is not None) is is_wrong, wrong
    assert len(looks) == (2 if how == signal.SIGABRT else 1)


@pytest.mark.secret_service
def test_a_store_that_loses_a_record_while_the_keyring_is_well_is_looked_at_once(
    secret_service: SecretService, kept: TokenManager
) -> None:
    kept.delete_record(NEIGHBOUR)
    looks = []

    def what_is_wrong() -> str | None:
        looks.append(1)
        return left_badly(kept, [OLD], [NEIGHBOUR])

    assert Keeper(secret_service).look(what_is_wrong) is not None
    assert len(looks) == 1


@pytest.mark.secret_service
@pytest.mark.parametrize(("how", "is_forgiven"), [(signal.SIGABRT, True), (signal.SIGKILL, False)])
def test_a_call_is_made_once_more_only_where_the_keyring_ended_by_itself(
    secret_service: SecretService, kept: TokenManager, how: signal.Signals, is_forgiven: bool
) -> None:
    end(secret_service, how)
    if is_forgiven:
        assert secret_service.persistently(lambda: kept.load_record(NAME)) == OLD
    else:
        with pytest.raises(TokenStorageError):
            secret_service.persistently(lambda: kept.load_record(NAME))
