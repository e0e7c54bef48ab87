"""System calls that fail or are the last one: of a process that saves in the keyring, and of the keyring itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.os_keyring.systems import SecretServiceStore
from tests.real.secret_service import SecretService, keyring_daemon, secret_service

from .processes import ROOT, environment

__all__ = ["keyring_daemon", "secret_service"]

pytestmark = [pytest.mark.secret_service, pytest.mark.strace]


@pytest.fixture
def store(secret_service: SecretService) -> SecretServiceStore:
    return SecretServiceStore()


def child(log: Path, *arguments: str, inject: str | None = None) -> tuple[int, int]:
    """Run a child under strace; return how it ended and how many messages it sent."""
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


@pytest.mark.parametrize("old", ["old", None], ids=["replaced", "first"])
def test_a_process_killed_at_any_message_of_a_save_leaves_the_old_value_or_the_new_one(
    store: SecretServiceStore, tmp_path: Path, old: str | None
) -> None:
    def prepared(key: str) -> str:
        if old is not None:
            store.store_generic(key, old)
        return key

    code, total = child(tmp_path / "log", "save_or_tell", prepared("k"), "new")
    assert code == 0
    assert total > 30
    found = []
    for message in [*range(3, total, 4), total]:
        key = prepared(f"k{message}")
        code, _ = child(tmp_path / "log", "save_or_tell", key, "new", inject=f"sendto:signal=KILL:when={message}")
        assert code != 0
        value = store.retrieve_generic(key)
        assert value in (old, "new")
        assert (("generic", key) in store.list_generic()) is (value is not None)
        store.store_generic(key, "newer")
        assert store.retrieve_generic(key) == "newer"
        found.append(value)
    assert found[0] == old
    assert found[-1] == "new"


@pytest.mark.parametrize("call", ["connect", "sendto", "recvfrom"])
def test_a_connection_that_breaks_in_a_save_gives_a_typed_error_and_leaves_the_old_value_or_the_new_one(
    store: SecretServiceStore, tmp_path: Path, call: str
) -> None:
    for number in range(3, 43, 8) if call != "connect" else range(1, 6):
        store.store_generic("k", "old")
        code, _ = child(tmp_path / "log", "save_or_tell", "k", "new", inject=f"{call}:error=ECONNRESET:when={number}")
        value = store.retrieve_generic("k")
        assert (code, value) in {(0, "new"), (3, "old"), (3, "new")}


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
