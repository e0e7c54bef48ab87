"""Which store is taken when nobody chose one, when that is found out, and what is said about it."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mcp_oauth_sync import OAuthTokens, TokenManager, TokenStoreBackend, TokenStoreFactory
from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError, UnsavedTokensWarning
from mcp_oauth_sync.stores import SecureTokenStore, choosing, table
from mcp_oauth_sync.stores.auto import AutoStore
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore
from mcp_oauth_sync.stores.settings import StoreSettings

from .damages import IN_PLACE_OF_A_FILE
from .folders import snapshot

TOKENS = OAuthTokens(access_token="at-of-these-tests", refresh_token="rt-of-these-tests")


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCP_OAUTH_SYNC_BACKEND")


class Keyring(MemoryStore):
    """Stands where the keyring of the system stands; what is kept outlives the object."""

    name = "a keyring"
    kept: ClassVar[dict[tuple[str, str], Any]] = {}
    opened = 0
    trouble: BaseException | None = None

    def __init__(self) -> None:
        super().__init__()
        self._values = self.kept
        type(self).opened += 1

    @classmethod
    def priority(cls) -> float:
        return 50

    @classmethod
    def open(cls, settings: StoreSettings) -> SecureTokenStore:
        if cls.trouble is not None:
            raise cls.trouble
        return cls()


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> type[Keyring]:
    """Put a keyring that works into the place of this system's."""

    class Ours(Keyring):
        kept: ClassVar[dict[tuple[str, str], Any]] = {}

    for name in ("keychain", "credential_manager", "secret_service"):
        monkeypatch.setitem(table._BUILT_IN, name, "memory:MemoryStore")
    chosen = table.store_class
    monkeypatch.setattr(table, "store_class", lambda name: Ours if name == "secret_service" else chosen(name))
    monkeypatch.setattr(choosing, "store_class", table.store_class)
    return Ours


def test_nothing_is_tried_out_or_written_as_long_as_nothing_is_to_be_kept(keyring: type[Keyring], home: Path) -> None:
    manager = TokenManager()
    assert isinstance(manager.store, AutoStore)
    assert manager.load_tokens("notion") is None
    assert manager.names() == []
    assert manager.store.retrieve_generic("key") is None
    assert manager.store.delete_generic("key") is False
    assert keyring.opened == 0
    assert list(home.iterdir()) == []


def test_the_keyring_of_the_system_comes_before_files(keyring: type[Keyring], home: Path) -> None:
    manager = TokenManager()
    manager.save_tokens("notion", TOKENS)
    assert manager.store.name == "a keyring"
    assert ("oauth", "notion") in keyring.kept
    assert not any(space == "probe" for space, _ in keyring.kept)
    assert list(home.rglob("*.enc")) == []


def test_a_turn_is_enough_to_try_the_store_out_before_anybody_is_asked(keyring: type[Keyring]) -> None:
    manager = TokenManager()
    with manager.exclusive("notion", purpose="sign-in"):
        assert keyring.opened == 1


def test_without_a_keyring_files_are_taken_and_that_is_said_once_with_the_reason(
    caplog: pytest.LogCaptureFixture, home: Path
) -> None:
    manager = TokenManager()
    for name in ("notion", "linear"):
        manager.save_tokens(name, TOKENS)
    TokenManager().save_tokens("github", TOKENS)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1
    assert str(home / "store") in said[0]
    assert "secret_service" in said[0]
    assert "D-Bus" in said[0]
    assert TokenManager().names() == ["github", "linear", "notion"]


def test_trying_files_out_leaves_nothing_behind(home: Path) -> None:
    manager = TokenManager()
    with manager.exclusive("notion", purpose="sign-in"):
        pass
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert files == []


def test_a_later_process_keeps_to_the_store_of_the_first_sign_in(keyring: type[Keyring]) -> None:
    TokenManager().save_tokens("notion", TOKENS)
    later = TokenManager()
    assert type(later.store) is keyring
    assert later.load_tokens("notion") == TOKENS


def test_a_later_process_without_that_store_says_where_the_sign_ins_are_and_takes_no_other(
    keyring: type[Keyring], home: Path
) -> None:
    TokenManager().save_tokens("notion", TOKENS)
    keyring.trouble = StoreUnavailableError("There is no session bus.")
    for use in (TokenManager, TokenStoreFactory.create, TokenStoreFactory.detect_backend):
        with pytest.raises(StoreUnavailableError, match=r"kept in 'secret_service'.*no session bus") as caught:
            use()
        assert "MCP_OAUTH_SYNC_BACKEND=encrypted_file" in (caught.value.hint or "")
    assert list(home.rglob("*.enc")) == []


def test_who_started_with_files_stays_with_files_when_a_keyring_comes_up(keyring: type[Keyring], home: Path) -> None:
    TokenManager(backend="encrypted_file").save_tokens("notion", TOKENS)
    manager = TokenManager()
    assert type(manager.store) is EncryptedFileStore
    assert manager.load_tokens("notion") == TOKENS
    assert keyring.opened == 0


def test_a_process_that_was_there_before_the_first_sign_in_finds_what_another_one_kept(keyring: type[Keyring]) -> None:
    early = TokenManager()
    assert early.load_tokens("notion") is None
    TokenManager().save_tokens("notion", TOKENS)
    assert early.load_tokens("notion") == TOKENS


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ("raises", "RuntimeError: out of order"),
        ("raises typed", "The collection is locked."),
        ("drops", "does not return what was stored"),
        ("hangs", "did not answer within 0.2 seconds"),
    ],
)
def test_a_keyring_that_does_not_work_is_found_out_before_the_sign_in(
    keyring: type[Keyring],
    defect: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    released = threading.Event()
    monkeypatch.setattr(choosing, "PROBE_TIMEOUT", 0.2 if defect == "hangs" else 5.0)

    def store_generic(self: Keyring, key: str, value: str, *, namespace: str = "generic") -> None:
        if defect == "raises":
            raise RuntimeError("out of order")
        if defect == "raises typed":
            raise TokenStorageError("The collection is locked.")
        if defect == "hangs":
            released.wait(20)

    monkeypatch.setattr(keyring, "store_generic", store_generic)
    manager = TokenManager()
    with manager.exclusive("notion", purpose="sign-in"):
        assert manager.store.name.startswith("encrypted files")
    released.set()
    assert [reason in record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [True]


def test_where_no_store_works_sign_ins_end_with_the_process_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("MCP_OAUTH_SYNC_HOME", str(tmp_path / "a file"))
    manager = TokenManager()
    with pytest.warns(UnsavedTokensWarning, match="end with this process") as said:
        manager.save_tokens("notion", TOKENS)
    assert "encrypted_file" in str(said[0].message)
    assert manager.load_tokens("notion") == TOKENS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manager.save_tokens("linear", TOKENS)
    assert (tmp_path / "a file").read_text() == "in the way"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"token_dir": "s"}, "encrypted_file"),
        ({"password": "open sesame"}, "encrypted_file"),
        ({"vault_url": "http://127.0.0.1:8200", "vault_token": "t"}, "vault"),
        ({"backend_config": {"vault_url": "http://127.0.0.1:8200", "vault_token": "t"}}, "vault"),
    ],
)
def test_who_gives_settings_of_one_store_means_that_store_whatever_the_environment_names(
    keyring: type[Keyring], said: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "memory")
    assert type(TokenManager(**said).store) is table.store_class(kind)
    assert keyring.opened == 0


def test_the_environment_names_a_store(keyring: type[Keyring], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "memory")
    assert type(TokenManager().store) is MemoryStore
    assert TokenStoreFactory.detect_backend() is TokenStoreBackend.MEMORY
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "auto")
    assert isinstance(TokenManager().store, AutoStore)
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "diskette")
    with pytest.raises(StoreUnavailableError, match="MCP_OAUTH_SYNC_BACKEND names 'diskette'") as caught:
        TokenManager()
    assert re.search("one of these.*: keychain, .*memory", caught.value.hint or "")


def test_a_password_in_the_environment_means_files(keyring: type[Keyring], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "open sesame")
    assert type(TokenManager().store) is EncryptedFileStore
    assert TokenStoreFactory.detect_backend() is TokenStoreBackend.ENCRYPTED_FILE


def test_what_works_here_is_listed_best_first(keyring: type[Keyring]) -> None:
    best = [TokenStoreBackend.SECRET_SERVICE, TokenStoreBackend.ENCRYPTED_FILE, TokenStoreBackend.MEMORY]
    assert TokenStoreFactory.get_available_backends() == best
    assert TokenStoreFactory.detect_backend() is TokenStoreBackend.SECRET_SERVICE
    keyring.trouble = StoreUnavailableError("There is no session bus.")
    assert TokenStoreFactory.get_available_backends() == best[1:]
    assert TokenStoreFactory.detect_backend() is TokenStoreBackend.ENCRYPTED_FILE


@pytest.mark.parametrize("name", ["keychain", "credential_manager", "secret_service", "vault"])
def test_a_store_asked_for_by_name_is_never_replaced_by_another(name: str, home: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        TokenManager(backend=name).save_tokens("notion", TOKENS)
    assert list(home.rglob("*.enc")) == []


def test_the_environment_of_a_vault_is_enough_to_take_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("VAULT_ADDR", "http://127.0.0.1:9"), ("VAULT_TOKEN", "t")):
        monkeypatch.setenv(name, value)
    assert table.store_class("vault").priority() > EncryptedFileStore.priority()


def test_a_marker_that_makes_no_sense_is_an_error_and_not_a_second_store(home: Path) -> None:
    (home / "store").mkdir()
    (home / "store" / "backend").write_text("diskette")
    (home / "store" / "backend").chmod(0o600)
    with pytest.raises(StoreUnavailableError, match="kept in 'diskette'"):
        TokenManager()


@pytest.mark.parametrize("content", [b"", b" \n", bytes(14), b"secret\xffservice", "über".encode()])
def test_a_marker_that_is_damaged_is_an_error_and_not_a_second_store(home: Path, content: bytes) -> None:
    TokenManager().save_tokens("n", TOKENS)
    marker = home / "store" / "backend"
    marker.write_bytes(content)
    before = snapshot(home)
    with pytest.raises(StoreUnavailableError, match=r"store/backend, which says .* cannot be read") as caught:
        TokenManager()
    assert "MCP_OAUTH_SYNC_BACKEND" in (caught.value.hint or "")
    assert snapshot(home) == before


@pytest.mark.parametrize("kind", [kind for kind in IN_PLACE_OF_A_FILE if kind != "hard link"])
def test_something_odd_in_place_of_the_marker_is_an_error_and_not_a_second_store(
    home: Path, tmp_path: Path, kind: str
) -> None:
    TokenManager().save_tokens("n", TOKENS)
    marker, victim = home / "store" / "backend", tmp_path / "victim"
    victim.write_text("memory")
    marker.unlink(missing_ok=True)
    IN_PLACE_OF_A_FILE[kind](marker, victim)
    before = snapshot(home)
    with pytest.raises(StoreUnavailableError, match=r"store/backend, which says .* cannot be read"):
        TokenManager()
    assert (snapshot(home), victim.read_text(), victim.with_name("missing").exists()) == (before, "memory", False)


def test_a_home_that_is_somebody_elses_holds_no_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "read_private", refused)
    assert isinstance(TokenManager().store, AutoStore)


def refused(path: Path) -> bytes:
    raise PermissionError(13, "Permission denied")


def test_threads_that_need_the_first_store_at_once_choose_once(keyring: type[Keyring]) -> None:
    manager = TokenManager()
    threads = [threading.Thread(target=manager.save_tokens, args=(f"n{i}", TOKENS)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert keyring.opened == 1
    assert len(manager.names()) == 8
