"""A real gnome-keyring: unlocked, locked, stopped, killed, never unlocked, and not there at all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from keyring.backends.SecretService import Keyring

from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.models.record import ServerRecord
from mcp_oauth_sync.models.tokens import OAuthTokens
from mcp_oauth_sync.stores.os_keyring import calls as keyring_calls
from mcp_oauth_sync.stores.os_keyring.systems import KeyringStore, SecretServiceStore
from tests.real.secret_service import SecretService, keyring_daemon, secret_service

from .processes import ROOT, environment

__all__ = ["keyring_daemon", "secret_service"]

pytestmark = pytest.mark.secret_service


@pytest.fixture
def store(secret_service: SecretService) -> SecretServiceStore:
    return SecretServiceStore()


def uses(store: KeyringStore) -> list[Callable[[], object]]:
    return [
        lambda: store.store_generic("k", "new"),
        lambda: store.retrieve_generic("k"),
        lambda: store.delete_generic("k"),
        store.probe,
    ]


def child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stores.keyring_child", *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> Any:
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    return json.loads(told)


# Unlocked


def test_an_entry_is_one_item_that_a_person_can_recognise(
    store: SecretServiceStore, secret_service: SecretService
) -> None:
    url = "https://mcp.example.com/mcp"
    for token in ("first", "second"):
        store.store_record(url, ServerRecord(tokens=OAuthTokens(access_token=token, refresh_token="r" * 2000)))
    (name,) = secret_service.items()
    assert name == f"mcp-oauth-sync|oauth/{url}"
    record = SecretServiceStore().retrieve_record(url)
    assert record is not None
    assert record.tokens is not None
    assert record.tokens.access_token == "second"
    assert store.list_generic() == [("oauth", url)]
    assert store.delete_generic(url, namespace="oauth") is True
    assert store.delete_generic(url, namespace="oauth") is False
    assert secret_service.items() == {}
    assert store.list_generic() == []


@pytest.mark.parametrize("value", ["", "x" * 8192, "\N{GRINNING FACE}" * 2000, "x\0y\n", "\udc80"], ids=ascii)
def test_any_value_comes_back(store: SecretServiceStore, value: str) -> None:
    store.store_generic("k", value)
    assert SecretServiceStore().retrieve_generic("k") == value


def test_a_value_of_a_megabyte_comes_back_and_is_one_item(
    store: SecretServiceStore, secret_service: SecretService
) -> None:
    value = "0123456789abcdef" * 65536
    store.store_generic("k", value)
    assert store.retrieve_generic("k") == value
    assert len(secret_service.items()) == 1


def test_what_is_kept_outlives_the_daemon(store: SecretServiceStore, secret_service: SecretService) -> None:
    store.store_generic("k", "value")
    secret_service.kill()
    secret_service.unlock()
    assert store.retrieve_generic("k") == "value"


def test_a_configured_keyring_can_be_given(secret_service: SecretService) -> None:
    store = KeyringStore("my-app", backend=Keyring())
    store.store_generic("k", "value")
    assert list(secret_service.items()) == ["my-app|generic/k"]
    assert SecretServiceStore("my-app").retrieve_generic("k") == "value"
    assert SecretServiceStore().retrieve_generic("k") is None


# Locked, stopped, killed


def test_a_locked_keyring_gives_a_typed_error_and_changes_nothing(
    store: SecretServiceStore,
    secret_service: SecretService,
) -> None:
    store.store_generic("k", "old")
    before = secret_service.items()
    secret_service.lock()
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    for use in uses(store):
        began = time.monotonic()
        with pytest.raises(TokenStorageError, match="is locked") as caught:
            use()
        assert time.monotonic() - began < 5
        assert "Unlock it" in str(caught.value)
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_files
    assert store.list_generic() == [("generic", "k")]
    secret_service.unlock()
    assert secret_service.items() == before
    assert store.retrieve_generic("k") == "old"


def test_a_stopped_keyring_gives_a_typed_error_within_five_seconds_and_works_when_it_goes_on(
    store: SecretServiceStore,
    secret_service: SecretService,
) -> None:
    store.store_generic("k", "old")
    secret_service.stop()
    for use in uses(store):
        began = time.monotonic()
        with pytest.raises(TokenStorageError, match=r"did not answer within 4\.5 seconds"):
            use()
        assert time.monotonic() - began < 5.5
    assert len([thread for thread in threading.enumerate() if thread.name == "mcp-oauth-sync keyring"]) == 1
    secret_service.go_on()
    assert store.retrieve_generic("k") == "old"
    store.store_generic("k", "new")
    assert store.retrieve_generic("k") == "new"


def test_a_keyring_that_stops_in_the_middle_leaves_the_old_value_or_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
    store: SecretServiceStore,
    secret_service: SecretService,
) -> None:
    monkeypatch.setattr(keyring_calls, "LIMIT", 0.4)
    for number in range(6):
        store.store_generic("k", "old")
        stopper = threading.Timer(0.01 + number * 0.02, secret_service.stop)
        stopper.start()
        try:
            store.store_generic("k", "new")
            expected = {"new"}
        except TokenStorageError:
            expected = {"old", "new"}
        stopper.join()
        secret_service.go_on()
        monkeypatch.setattr(keyring_calls, "LIMIT", 4.5)
        assert store.retrieve_generic("k") in expected
        monkeypatch.setattr(keyring_calls, "LIMIT", 0.4)


def test_a_killed_keyring_is_started_again_and_locked(store: SecretServiceStore, secret_service: SecretService) -> None:
    store.store_generic("k", "old")
    secret_service.kill()
    for use in uses(store):
        with pytest.raises(TokenStorageError, match="is locked"):
            use()
    assert secret_service.pid is not None
    secret_service.unlock()
    assert store.retrieve_generic("k") == "old"


def test_a_keyring_killed_at_random_moments_of_saves_leaves_the_old_value_or_the_new_one(
    store: SecretServiceStore,
    secret_service: SecretService,
) -> None:
    known = {"0"}
    store.store_generic("k", "0")
    for number in range(1, 7):
        killer = threading.Timer(0.005 * number, secret_service.kill)
        killer.start()
        try:
            store.store_generic("k", str(number))
            known = {str(number)}
        except TokenStorageError:
            known.add(str(number))
        killer.join()
        secret_service.unlock()
        found = store.retrieve_generic("k")
        assert found in known
        known = {found}


def test_a_keyring_that_nobody_ever_unlocked_gives_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecretService(unlocked=False) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        for use in uses(SecretServiceStore()):
            with pytest.raises(TokenStorageError, match="locked or not set up yet"):
                use()


def test_without_a_bus_or_with_a_dead_one_it_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    store = SecretServiceStore()
    for use in uses(store):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            use()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={home}/gone")
    for use in uses(store):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            use()


def test_a_bus_that_has_ended_since_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecretService() as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        store = SecretServiceStore()
        store.store_generic("k", "value")
    for use in uses(store):
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            use()


# Many at once


def test_many_threads_use_it_at_once_and_lose_nothing(store: SecretServiceStore) -> None:
    def use(number: int) -> str | None:
        store.store_generic(f"k{number}", f"value {number}")
        store.store_generic("shared", f"value {number}")
        return store.retrieve_generic(f"k{number}")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(8))) == [f"value {number}" for number in range(8)]
    assert store.retrieve_generic("shared") in {f"value {number}" for number in range(8)}
    assert len(store.list_generic()) == 9


def test_two_processes_take_turns_and_lose_no_change(store: SecretServiceStore) -> None:
    children = [child("count", "6") for _ in range(2)]
    assert [said(process) for process in children] == ["done", "done"]
    assert store.retrieve_generic("counter") == "12"


def test_what_one_process_writes_another_one_reads_whole(store: SecretServiceStore) -> None:
    store.store_generic("k", "first")
    writer = child("save", "k", "v" * 3000, "8")
    seen = {store.retrieve_generic("k")}
    while writer.poll() is None:
        seen.add(store.retrieve_generic("k"))
    assert said(writer) == "done"
    assert seen <= {"first", *("v" * 3000 + "." * number for number in range(8))}
    assert store.list_generic() == [("generic", "k")]


def test_forked_children_use_it_while_threads_of_the_parent_do(store: SecretServiceStore) -> None:
    store.store_generic("k", "of the parent")
    codes, listed = said(child("fork", "k"))
    assert codes == [0] * 5
    assert listed == [*(f"child {number}" for number in range(5)), "k"]
