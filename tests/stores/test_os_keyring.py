"""The store in the keyring of the system: who may be one, what fails and how that is told, and nothing that hangs."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keyring.backend
import keyring.core
import pytest
from keyring import errors
from keyring.backends import chainer, fail, null
from secretstorage import exceptions as secretstorage

from mcp_oauth_sync import TokenManager
from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.models.stored import TokenType
from mcp_oauth_sync.stores.os_keyring import calls as keyring_calls
from mcp_oauth_sync.stores.os_keyring.systems import (
    CredentialManagerStore,
    KeychainStore,
    KeyringStore,
    SecretServiceStore,
)
from mcp_oauth_sync.stores.registry import TokenRegistry
from mcp_oauth_sync.stores.settings import StoreSettings
from mcp_oauth_sync.stores.table import open_store

from .keyrings import HangingKeyring, Life, PlainKeyring, macos, windows
from .processes import ROOT, environment

SECRET = "s3cr3t-0f-th1s-t3st-w1th-m4ny-ch4r4ct3rs"


@pytest.fixture
def backend() -> PlainKeyring:
    return PlainKeyring()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingKeyring]:
    """Give a keyring that can be made to hang, of which nobody expects an answer for longer than a moment."""
    monkeypatch.setattr(keyring_calls, "LIMIT", 0.3)
    monkeypatch.setattr(keyring_calls, "_GRACE", 0.05)
    made = HangingKeyring()
    yield made
    made.answers.set()


def python(code: str, **env: str) -> Any:
    """Run code in a fresh interpreter and return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**environment(), **env}, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Who is a keyring here


@pytest.mark.parametrize(
    ("platform", "store"), [("darwin", KeychainStore), ("win32", CredentialManagerStore), ("linux", SecretServiceStore)]
)
def test_a_keyring_is_the_first_choice_on_its_own_system_and_says_why_not_elsewhere(
    monkeypatch: pytest.MonkeyPatch, platform: str, store: type[KeyringStore]
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setattr(sys, "platform", platform)
    assert store.priority() == 50
    for other in {KeychainStore, CredentialManagerStore, SecretServiceStore} - {store}:
        with pytest.raises(StoreUnavailableError, match="only on"):
            other.priority()
        with pytest.raises(StoreUnavailableError, match="only on"):
            other.open(StoreSettings())


def test_a_bus_is_found_by_its_socket_too(home: Path) -> None:
    import socket

    with pytest.raises(StoreUnavailableError, match="no D-Bus session"):
        SecretServiceStore.priority()
    (home / "bus").write_bytes(b"")
    with pytest.raises(StoreUnavailableError, match="no D-Bus session"):
        SecretServiceStore.priority()
    (home / "bus").unlink()
    with socket.socket(socket.AF_UNIX) as bus:
        os.chdir(home)  # the address of a socket must not be long
        bus.bind("bus")
        assert SecretServiceStore.priority() == 50
    os.chdir(ROOT)


@pytest.mark.parametrize("package", ["keyring", "secretstorage"])
def test_without_its_package_it_is_not_available(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setitem(sys.modules, package, None)
    for name in ("gi", "dbus"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StoreUnavailableError, match=f"{package} is not installed"):
        SecretServiceStore.priority()


def test_a_package_that_is_there_but_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        SecretServiceStore().retrieve_generic("k")


@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
def test_who_has_switched_keyrings_off_gets_none(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    with pytest.raises(StoreUnavailableError, match=f"switched off by PYTHON_KEYRING_BACKEND={backend}"):
        SecretServiceStore.priority()


def test_keyring_is_not_imported_unless_it_is_used(home: Path) -> None:
    code = (
        "import json, sys\n"
        "from mcp_oauth_sync import TokenManager, OAuthTokens\n"
        "from mcp_oauth_sync.stores.table import store_class\n"
        "manager = TokenManager(); manager.save_tokens('x', OAuthTokens(access_token='t'))\n"
        "for name in ('keychain', 'credential_manager', 'secret_service'): store_class(name)\n"
        "store_class('secret_service').open\n"
        "print(json.dumps([manager.store.name, 'keyring' in sys.modules, 'secretstorage' in sys.modules]))\n"
    )
    env = {"HOME": str(home), "MCP_OAUTH_SYNC_HOME": str(home / "store"), "MCP_OAUTH_SYNC_BACKEND": "auto"}
    assert python(code, **env) == [f"encrypted files in {home / 'store'}", False, False]


def test_a_likely_keyring_is_found_without_importing_it(home: Path) -> None:
    code = (
        "import json, sys\n"
        "from mcp_oauth_sync.stores.table import store_class\n"
        "rank = store_class('secret_service').priority()\n"
        "print(json.dumps([rank, 'keyring' in sys.modules]))\n"
    )
    assert python(code, DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere") == [50, False]


# Who is refused


class PlaintextKeyring(PlainKeyring):
    """Goes by the name of the one in keyrings.alt."""

    __module__ = "keyrings.alt.file"
    priority = 0.5


class EncryptedKeyring(PlainKeyring):
    __module__ = "keyrings.alt.file"
    priority = 0.6


class Chain(PlainKeyring):
    __module__ = "keyring.backends.chainer"
    __qualname__ = "ChainerBackend"
    backends: tuple[Any, ...] = ()
    priority = 10


def chain(*backends: Any) -> Chain:
    made = Chain()
    made.backends = backends
    return made


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (null.Keyring(), "forgets everything"),
        (fail.Keyring(), "no keyring at all"),
        (PlaintextKeyring(), "plain text"),
    ],
)
def test_a_keyring_that_keeps_nothing_or_keeps_it_in_plain_text_is_refused_at_once(backend: Any, reason: str) -> None:
    with pytest.raises(StoreUnavailableError, match=reason) as caught:
        KeyringStore(backend=backend)
    assert type(backend).__module__ in caught.value.message
    with pytest.raises(StoreUnavailableError, match=reason):
        open_store("secret_service", StoreSettings(config={"backend": backend}))


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (EncryptedKeyring(), "priority 0.6"),
        (chain(PlainKeyring(), PlaintextKeyring()), "plain text"),
        (chain(null.Keyring()), "forgets everything"),
        (chain(), "no keyring to pass them on to"),
    ],
)
def test_a_keyring_that_is_not_recommended_is_refused_before_it_gets_anything(backend: Any, reason: str) -> None:
    store = KeyringStore(backend=backend)
    for use in (
        lambda: store.store_generic("k", SECRET),
        lambda: store.retrieve_generic("k"),
        lambda: store.delete_generic("k"),
        store.probe,
    ):
        with pytest.raises(StoreUnavailableError, match=reason):
            use()
    assert backend.kept == {}
    assert store.list_generic() == []


def test_a_chain_of_good_keyrings_is_taken(backend: PlainKeyring) -> None:
    store = KeyringStore(backend=chain(backend))
    store.store_generic("k", SECRET)
    assert store.retrieve_generic("k") == SECRET


@pytest.mark.parametrize("chosen", [null.Keyring, fail.Keyring, chainer.ChainerBackend])
def test_what_keyring_is_configured_for_is_looked_at_too(monkeypatch: pytest.MonkeyPatch, chosen: Any) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", chosen())
    monkeypatch.setattr(keyring.backend, "get_all_keyring", list)
    with pytest.raises(StoreUnavailableError, match="not used"):
        KeyringStore().store_generic("k", SECRET)


def test_what_keyring_is_configured_for_is_used(monkeypatch: pytest.MonkeyPatch, backend: PlainKeyring) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    KeyringStore.open(StoreSettings(service_name="my-app")).store_generic("k", SECRET)
    assert [service for service, _ in backend.kept] == ["my-app"]
    assert KeyringStore.priority() == 0


# What it does


def test_each_entry_is_one_item_under_the_service_name(backend: PlainKeyring) -> None:
    store = KeyringStore("my-app", backend=backend)
    for key, space in (("https://mcp.example.com/mcp", "oauth"), ("k", "generic"), ("k", "other")):
        for value in ("first", f"{key} {space}"):
            store.store_generic(key, value, namespace=space)
    assert sorted(backend.kept) == [
        ("my-app", "generic/k"),
        ("my-app", "oauth/https://mcp.example.com/mcp"),
        ("my-app", "other/k"),
    ]
    assert store.retrieve_generic("k", namespace="other") == "k other"
    assert sorted(store.list_generic()) == [("generic", "k"), ("oauth", "https://mcp.example.com/mcp"), ("other", "k")]
    assert store.list_generic(namespace="oauth") == [("oauth", "https://mcp.example.com/mcp")]
    assert store.delete_generic("k") is True
    assert store.delete_generic("k") is False
    assert store.retrieve_generic("k") is None
    assert store.list_generic(namespace="generic") == []


def test_applications_with_service_names_of_their_own_do_not_see_each_other(backend: PlainKeyring) -> None:
    one, other = KeyringStore("one", backend=backend), KeyringStore("other", backend=backend)
    one.store_generic("k", SECRET)
    assert other.retrieve_generic("k") is None
    assert other.list_generic() == []
    assert one.identity != other.identity
    with pytest.raises(ValueError, match="service name"):
        KeyringStore("", backend=backend)


@pytest.mark.parametrize(("key", "namespace"), [("", "generic"), ("k", "")])
def test_an_entry_needs_a_name(backend: PlainKeyring, key: str, namespace: str) -> None:
    store = KeyringStore(backend=backend)
    for use in (store.retrieve_generic, store.delete_generic):
        with pytest.raises(TokenStorageError, match="needs a name"):
            use(key, namespace=namespace)
    with pytest.raises(TokenStorageError, match="needs a name"):
        store.store_generic(key, "value", namespace=namespace)


def test_trying_it_out_leaves_nothing_behind(backend: PlainKeyring, home: Path) -> None:
    store = KeyringStore(backend=backend)
    store.probe()
    assert backend.kept == {}
    assert store.list_generic() == []
    assert [path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_what_the_token_manager_tells_of_an_entry_survives_a_new_save_and_a_listing(backend: PlainKeyring) -> None:
    store = KeyringStore(backend=backend)
    store.store_generic("k", "old", namespace="oauth")
    registry = TokenManager(store=store).registry
    assert registry is not None
    registry.register("k", TokenType.OAUTH, "oauth", {"server_url": "https://mcp.example.com/mcp"})
    store.store_generic("k", "new", namespace="oauth")
    backend.raises = errors.KeyringLocked("locked")
    with pytest.raises(TokenStorageError):
        store.delete_generic("k", namespace="oauth")
    backend.raises = None
    assert store.list_generic() == [("oauth", "k")]
    entry = registry.get_entry("k", "oauth")
    assert entry is not None
    assert entry["metadata"] == {"server_url": "https://mcp.example.com/mcp"}


def test_a_listing_does_not_ask_the_keyring_about_what_is_settled(backend: PlainKeyring) -> None:
    store = KeyringStore(backend=backend)
    store.store_generic("k", SECRET)
    backend.raises = errors.KeyringLocked("locked")
    assert store.list_generic() == [("generic", "k")]
    TokenRegistry(store.folder_for("registry")).expect("cut short", "generic")
    with pytest.raises(TokenStorageError, match="locked"):
        store.list_generic()
    assert store.list_generic(namespace="other") == []


def test_an_index_that_cannot_be_written_keeps_no_secret_from_being_stored(
    monkeypatch: pytest.MonkeyPatch, backend: PlainKeyring, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "file").write_text("not a folder")
    monkeypatch.setenv("MCP_OAUTH_SYNC_HOME", str(home / "file" / "store"))
    store = KeyringStore(backend=backend)
    store.store_generic("k", SECRET)
    assert store.retrieve_generic("k") == SECRET
    assert store.delete_generic("k") is True
    assert backend.kept == {}
    assert {record.levelno for record in caplog.records if record.name.startswith("mcp_oauth_sync")} == {
        logging.WARNING
    }


# What fails


def _win32_error() -> Exception:
    class error(Exception):  # noqa: N801
        winerror, funcname = 1783, "CredWrite"

    return error(1783, "CredWrite", "The stub received bad data.")


def _dbus_error(name: str) -> Exception:
    from types import SimpleNamespace

    from jeepney import DBusErrorResponse, HeaderFields

    header = SimpleNamespace(fields={HeaderFields.error_name: name})
    return DBusErrorResponse(SimpleNamespace(header=header, body=("what the bus says",)))


FAILURES: list[tuple[Callable[[], BaseException], type[TokenStorageError], str]] = [
    (lambda: errors.KeyringLocked("Failed to unlock the collection!"), TokenStorageError, "is locked"),
    (lambda: secretstorage.LockedException("Item is locked!"), TokenStorageError, "is locked"),
    (lambda: secretstorage.PromptDismissedException("Prompt dismissed."), TokenStorageError, "is locked"),
    (lambda: _dbus_error("org.freedesktop.Secret.Error.IsLocked"), TokenStorageError, "is locked"),
    (lambda: errors.InitError("Failed to create the collection"), TokenStorageError, "not set up yet"),
    (lambda: errors.NoKeyringError("none"), StoreUnavailableError, "cannot be reached"),
    (lambda: secretstorage.SecretServiceNotAvailableException("gone"), StoreUnavailableError, "cannot be reached"),
    (lambda: FileNotFoundError(2, "No such file"), StoreUnavailableError, "cannot be reached"),
    (lambda: ConnectionResetError(104, "reset"), StoreUnavailableError, "cannot be reached"),
    (lambda: RuntimeError("no kwalletd"), StoreUnavailableError, "cannot be reached"),
    (lambda: errors.PasswordSetError("no room"), TokenStorageError, "failed"),
    (lambda: errors.KeyringError("something"), TokenStorageError, "failed"),
    (lambda: secretstorage.ItemNotFoundException("always"), TokenStorageError, "failed"),
    (lambda: _dbus_error("org.freedesktop.DBus.Error.LimitsExceeded"), TokenStorageError, "failed"),
    (_win32_error, TokenStorageError, "CredWrite"),
    (lambda: ZeroDivisionError(), TokenStorageError, "failed"),
]


@pytest.mark.parametrize(("make", "kind", "said"), FAILURES, ids=lambda value: getattr(value, "__name__", None))
def test_every_kind_of_failure_becomes_an_error_that_says_what_to_do_and_changes_nothing(
    backend: PlainKeyring, make: Callable[[], BaseException], kind: type[TokenStorageError], said: str
) -> None:
    store = KeyringStore(backend=backend)
    store.store_generic("k", SECRET)
    before = dict(backend.kept)
    backend.raises = make()
    for done, use in (
        ("stored", lambda: store.store_generic("k", "another")),
        ("read", lambda: store.retrieve_generic("k")),
        ("removed", lambda: store.delete_generic("k")),
    ):
        with pytest.raises(TokenStorageError, match=said) as caught:
            use()
        assert type(caught.value) is kind
        assert f"could not be {done}" in caught.value.message
        assert caught.value.hint
        assert (caught.value.name, caught.value.store) == ("k", store.name)
    backend.raises = None
    assert backend.kept == before
    assert store.list_generic() == [("generic", "k")]
    assert store.retrieve_generic("k") == SECRET


@pytest.mark.parametrize(
    "passing", [errors.InitError("Prompt dismissed.."), secretstorage.ItemNotFoundException("Item does not exist!")]
)
def test_what_is_over_in_a_moment_is_waited_for(backend: PlainKeyring, passing: Exception) -> None:
    store = KeyringStore(backend=backend)
    store.store_generic("k", SECRET)
    left = [passing] * 3

    class Passing(Life):
        def step(self) -> None:
            if left:
                raise left.pop()

    for use in (
        lambda: store.retrieve_generic("k") == SECRET,
        lambda: store.store_generic("k", "new") is None,
        lambda: store.delete_generic("k"),
    ):
        left[:] = [passing] * 3
        backend.life = Passing()
        assert use()
        assert left == []


@pytest.mark.parametrize("told", ["{}", "cannot store {}: sorry", "...{}"])
def test_a_backend_that_repeats_the_secret_in_its_error_is_not_quoted(told: str) -> None:
    class Blabbing(PlainKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise ValueError(told.format(password[10:]))

    with pytest.raises(TokenStorageError, match="ValueError") as caught:
        KeyringStore(backend=Blabbing()).store_generic("k", SECRET)
    link: BaseException | None = caught.value
    while link is not None:
        assert SECRET[-12:] not in f"{link!s}{link!r}"
        link = link.__cause__ if link.__cause__ or link.__suppress_context__ else link.__context__


def test_no_frame_of_the_backend_is_kept_with_the_error(backend: PlainKeyring) -> None:
    backend.raises = ValueError("no")
    with pytest.raises(TokenStorageError) as caught:
        KeyringStore(backend=backend).store_generic("k", SECRET)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__cause__.__traceback__ is None


def test_nothing_of_a_value_is_logged_and_the_store_does_not_show_it(
    backend: PlainKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = KeyringStore(backend=backend)
    store.store_generic("k", SECRET)
    value = store.retrieve_generic("k")
    assert SECRET not in f"{caplog.text}{store!r}{vars(store)}{value!r}"


def test_a_locked_keychain_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    mac, _ = macos(monkeypatch, Life())
    store = KeychainStore(backend=mac)
    store.store_generic("k", SECRET)
    mac.acted.locked = True
    for use in (
        lambda: store.retrieve_generic("k"),
        lambda: store.store_generic("k", "x"),
        lambda: store.delete_generic("k"),
    ):
        with pytest.raises(TokenStorageError, match="is locked"):
            use()
    mac.acted.locked = False
    assert store.retrieve_generic("k") == SECRET


def test_the_platforms_own_backend_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    macos(monkeypatch, Life())
    windows(monkeypatch, Life())
    for platform, kind in (("darwin", KeychainStore), ("win32", CredentialManagerStore)):
        monkeypatch.setattr(sys, "platform", platform)
        store = kind.open(StoreSettings(service_name="my-app"))
        store.probe()
        store.store_generic("k", SECRET)
        assert kind("my-app").retrieve_generic("k") == SECRET
        assert store.name.endswith("(my-app)")


# What hangs


def test_the_limit_leaves_an_answer_within_five_seconds() -> None:
    assert keyring_calls.LIMIT + keyring_calls._GRACE <= 5.0


def test_a_keyring_that_hangs_gives_a_typed_error_in_time_and_works_again_afterwards(hanging: HangingKeyring) -> None:
    store = KeyringStore(backend=hanging)
    store.store_generic("k", "old")
    hanging.answers.clear()
    for use in (
        lambda: store.retrieve_generic("k"),
        lambda: store.store_generic("k", "new"),
        lambda: store.delete_generic("k"),
    ):
        began = time.monotonic()
        with pytest.raises(TokenStorageError, match="did not answer within"):
            use()
        assert time.monotonic() - began < 3
    assert len([thread for thread in threading.enumerate() if thread.name == "mcp-oauth-sync keyring"]) == 1
    hanging.answers.set()
    assert store.retrieve_generic("k") == "old"
    store.store_generic("k", "new")
    assert store.retrieve_generic("k") == "new"


def test_an_operation_that_was_given_up_takes_no_further_step(hanging: HangingKeyring) -> None:
    store = KeyringStore(backend=hanging)
    hanging.answers.clear()
    with pytest.raises(TokenStorageError, match="did not answer"):
        store.store_generic("k", SECRET)
    hanging.answers.set()
    assert store.retrieve_generic("k") is None  # queues behind the one that was given up
    assert hanging.kept == {}
    assert store.list_generic() == []


def test_many_threads_at_a_keyring_that_hangs_all_get_their_error_and_leave_one_call_behind(
    hanging: HangingKeyring,
) -> None:
    store = KeyringStore(backend=hanging)
    hanging.answers.clear()

    def read(_: int) -> str:
        with pytest.raises(TokenStorageError) as caught:
            store.retrieve_generic("k")
        return caught.value.message

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(read, range(32)))
    assert time.monotonic() - began < 10
    assert all("did not answer" in message for message in said)
    assert len([thread for thread in threading.enumerate() if thread.name == "mcp-oauth-sync keyring"]) == 1


def test_one_keyring_that_hangs_does_not_hold_up_another(hanging: HangingKeyring, backend: PlainKeyring) -> None:
    hanging.answers.clear()
    with pytest.raises(TokenStorageError, match="did not answer"):
        KeyringStore(backend=hanging).retrieve_generic("k")
    KeyringStore(backend=backend).store_generic("k", SECRET)
    assert KeyringStore(backend=backend).retrieve_generic("k") == SECRET


def test_a_package_that_hangs_while_it_is_imported_is_given_up(
    monkeypatch: pytest.MonkeyPatch, hanging: HangingKeyring
) -> None:
    hanging.answers.clear()
    monkeypatch.setattr(SecretServiceStore, "find", lambda store: hanging.get_password("", "") or hanging)
    with pytest.raises(TokenStorageError, match="did not answer"):
        SecretServiceStore().retrieve_generic("k")


def test_an_interrupted_caller_leaves_nothing_that_holds_up_others(
    monkeypatch: pytest.MonkeyPatch, hanging: HangingKeyring
) -> None:
    store = KeyringStore(backend=hanging)
    hanging.answers.clear()
    hanging.asked.clear()
    monkeypatch.setattr(keyring_calls, "LIMIT", 20.0)

    def interrupt() -> None:
        assert hanging.asked.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        store.retrieve_generic("k")
    thread.join()
    with pytest.raises(TokenStorageError, match="did not answer"):
        store.retrieve_generic("k")
    hanging.answers.set()
    assert store.retrieve_generic("k") is None


# Many at once


def test_threads_that_write_the_same_long_value_leave_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    win, kept = windows(monkeypatch, Life())
    stores = [CredentialManagerStore(backend=win) for _ in range(4)]
    values = [str(number) * 2600 for number in range(4)]
    seen: list[str | None] = []

    def write(number: int) -> None:
        for _ in range(5):
            stores[number].store_generic("k", values[number])
            seen.append(stores[number].retrieve_generic("k"))
            stores[number].store_generic(f"own {number}", values[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert set(seen) <= set(values)
    assert stores[0].retrieve_generic("k") in values
    assert sorted(stores[0].list_generic()) == [("generic", key) for key in ("k", *(f"own {n}" for n in range(4)))]
    assert len(kept) == 5 * 4


def test_a_forked_child_is_not_stuck_on_a_call_of_another_thread(home: Path) -> None:
    code = (
        "import json, os, threading\n"
        "from tests.stores.keyrings import HangingKeyring\n"
        "from mcp_oauth_sync.stores.os_keyring.systems import KeyringStore\n"
        "keyring = HangingKeyring(); store = KeyringStore(backend=keyring)\n"
        "store.store_generic('k', 'value'); keyring.answers.clear(); keyring.asked.clear()\n"
        "other = threading.Thread(target=lambda: store.store_generic('k', 'other'))\n"
        "other.start(); keyring.asked.wait()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    status = 1\n"
        "    try:\n"
        "        keyring.answers = threading.Event(); keyring.answers.set()\n"
        "        status = 0 if store.retrieve_generic('k') == 'value' else 2\n"
        "    finally: os._exit(status)\n"
        "code = os.waitpid(child, 0)[1]\n"
        "keyring.answers.set(); other.join()\n"
        "print(json.dumps([code, store.retrieve_generic('k')]))\n"
    )
    assert python(code, MCP_OAUTH_SYNC_HOME=str(home / "store")) == [0, "other"]
