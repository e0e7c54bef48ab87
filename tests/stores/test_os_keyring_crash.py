"""System calls that fail or are the last one: of a process that saves in the keyring, and of the keyring itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.os_keyring.systems import SecretServiceStore
from tests.real.secret_service import SecretService, keyring_daemon, secret_service

from .faults import KILLED, REFUSED
from .processes import ROOT, environment

__all__ = ["keyring_daemon", "secret_service"]

pytestmark = [pytest.mark.secret_service, pytest.mark.strace]


@pytest.fixture
def store(secret_service: SecretService) -> SecretServiceStore:
    return SecretServiceStore()


class Persistent:
    """The store; a call that met a keyring which ended by a fault of its own is made once more."""

    def __init__(self, store: SecretServiceStore, service: SecretService) -> None:
        self._store, self._service = store, service

    def keep(self, key: str, value: str) -> None:
        self._service.persistently(lambda: self._store.store_generic(key, value))

    def found(self, key: str) -> str | None:
        return self._service.persistently(lambda: self._store.retrieve_generic(key))

    def listed(self) -> list[tuple[str, str]]:
        return self._service.persistently(self._store.list_generic)


@pytest.fixture
def persistent(store: SecretServiceStore, secret_service: SecretService) -> Persistent:
    return Persistent(store, secret_service)


@pytest.fixture
def child(secret_service: SecretService, tmp_path: Path) -> Callable[..., tuple[int, int]]:
    """Run a child under strace; return how it ended and how many messages it sent."""
    log = tmp_path / "log"

    def run(*arguments: str, inject: str | None = None) -> tuple[int, int]:
        options = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=sendto,recvfrom,connect"]
        if inject is not None:
            options += ["-e", f"inject={inject}"]
        done = subprocess.run(
            [*options, sys.executable, "-m", "tests.stores.keyring_child", *arguments],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, log.read_text().count("sendto(")

    def until_it_is_broken(*arguments: str, inject: str | None = None) -> tuple[int, int]:
        code, sent = run(*arguments, inject=inject)
        if code == REFUSED and inject is not None and "KILL" in inject and secret_service.aborted:  # too early
            secret_service.recover()
            return run(*arguments, inject=inject)
        return code, sent

    return until_it_is_broken


@pytest.mark.parametrize("old", ["old", None], ids=["replaced", "first"])
def test_a_process_killed_at_any_message_of_a_save_leaves_the_old_value_or_the_new_one(
    persistent: Persistent, child: Callable[..., tuple[int, int]], old: str | None
) -> None:
    def prepared(key: str) -> str:
        if old is not None:
            persistent.keep(key, old)
        return key

    code, total = child("save_or_tell", prepared("k"), "new")
    assert code == 0
    assert total > 30
    found = []
    for message in [*range(3, total, 4), total]:
        key = prepared(f"k{message}")
        code, _ = child("save_or_tell", key, "new", inject=f"sendto:signal=KILL:when={message}")
        assert code == KILLED
        value = persistent.found(key)
        assert value in (old, "new")
        assert (("generic", key) in persistent.listed()) is (value is not None)
        persistent.keep(key, "newer")
        assert persistent.found(key) == "newer"
        found.append(value)
    assert found[0] == old
    assert found[-1] == "new"


@pytest.mark.parametrize("call", ["connect", "sendto", "recvfrom"])
def test_a_connection_that_breaks_in_a_save_gives_a_typed_error_and_leaves_the_old_value_or_the_new_one(
    persistent: Persistent, child: Callable[..., tuple[int, int]], call: str
) -> None:
    for number in range(3, 43, 8) if call != "connect" else range(1, 6):
        persistent.keep("k", "old")
        code, _ = child("save_or_tell", "k", "new", inject=f"{call}:error=ECONNRESET:when={number}")
        assert (code, persistent.found("k")) in {(0, "new"), (REFUSED, "old"), (REFUSED, "new")}


@pytest.mark.parametrize("known", [True, False], ids=["replaced", "first"])
@pytest.mark.parametrize("when", [1, 2])
@pytest.mark.parametrize("fault", ["rename:error=ENOSPC", "fsync:error=EIO", "rename:signal=KILL", "fsync:signal=KILL"])
def test_a_keyring_whose_disk_fails_or_that_dies_in_a_save_leaves_the_old_value_or_none(
    store: SecretServiceStore, secret_service: SecretService, fault: str, when: int, known: bool
) -> None:
    if known:
        store.store_generic("k", "old")
    with secret_service.tampered(f"{fault}:when={when}"), pytest.raises(TokenStorageError):
        store.store_generic("k", "new")
    secret_service.unlock()
    assert store.retrieve_generic("k") == ("old" if known else None)
    assert store.list_generic() == ([("generic", "k")] if known else [])
    store.store_generic("k", "newer")
    secret_service.unlock()
    assert store.retrieve_generic("k") == "newer"
