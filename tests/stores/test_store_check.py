"""A mistyped password seals nothing: it is held against the store before anything new is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .folders import snapshot
from .processes import children

RIGHT, WRONG = "right-canary", "wrong-canary"

pytestmark = pytest.mark.usefixtures("few_rounds")


@pytest.fixture
def store(folder: Path) -> EncryptedFileStore:
    """Return a store that holds one entry."""
    store = EncryptedFileStore(folder, password=RIGHT)
    store.store_generic("k", "v")
    return store


def refused(folder: Path, password: str | None = WRONG, *, message: str = "is not the one of") -> None:
    """See that a new entry is refused, in an old namespace and in a new one, and that nothing changes."""
    before = snapshot(folder)
    for namespace in ("generic", "oauth", "new"):
        with pytest.raises(StoreUnavailableError, match=message) as caught:
            EncryptedFileStore(folder, password=password).store_generic("new", "v", namespace=namespace)
        assert caught.value.hint
        assert "canary" not in f"{caught.value!r}{caught.value}"
    assert snapshot(folder) == before


def test_a_wrong_password_does_not_seal_a_new_entry(store: EncryptedFileStore) -> None:
    refused(store.directory)
    refused(store.directory, None, message=r"store\.key is missing")
    assert store.list_generic() == [("generic", "k")]


def test_another_key_does_not_seal_a_new_entry(files: EncryptedFileStore, tmp_path: Path) -> None:
    files.store_generic("k", "v")
    refused(files.directory, WRONG)
    other = EncryptedFileStore(tmp_path / "other")
    other.store_generic("k", "v")
    (other.directory / "store.key").replace(files.directory / "store.key")
    refused(files.directory, None)


def test_a_store_from_before_checks_is_told_by_its_entries_and_gets_one(store: EncryptedFileStore) -> None:
    store.check.path.unlink()
    refused(store.directory)
    store.path("damaged", "oauth").write_bytes(b"damaged" * 20)
    EncryptedFileStore(store.directory, password=RIGHT).store_generic("new", "v")
    assert store.check.path.exists()


@pytest.mark.parametrize("damage", [b"", b"damaged", b"\0" * 200])
def test_a_damaged_check_keeps_nobody_out_and_lets_nobody_in(store: EncryptedFileStore, damage: bytes) -> None:
    whole = store.check.path.read_bytes()
    store.check.path.write_bytes(damage)
    refused(store.directory)
    store.store_generic("another", "v")
    assert len(store.check.path.read_bytes()) == len(whole)
    refused(store.directory)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_an_odd_check_is_refused_and_the_entries_that_are_there_go_on(store: EncryptedFileStore, kind: str) -> None:
    path = store.check.path
    path.unlink()
    {"link": lambda: path.symlink_to("/dev/zero"), "pipe": lambda: os.mkfifo(path), "directory": path.mkdir}[kind]()
    before = snapshot(store.directory)
    with pytest.raises(StoreCorruptError):
        store.store_generic("new", "v")
    assert snapshot(store.directory) == before
    store.store_generic("k", "newer")
    assert store.retrieve_generic("k") == "newer"


def test_a_store_that_was_emptied_may_get_another_password_or_key(store: EncryptedFileStore) -> None:
    for password in (WRONG, None, RIGHT):
        later = EncryptedFileStore(store.directory, password=password)
        assert EncryptedFileStore(store.directory, password=RIGHT).delete_generic("k") is True
        later.store_generic("k", "v")
        assert EncryptedFileStore(store.directory, password=password).retrieve_generic("k") == "v"


def test_a_key_file_that_went_missing_from_an_empty_store_is_made_anew(files: EncryptedFileStore) -> None:
    files.store_generic("k", "v")
    files.delete_generic("k")
    (files.directory / "store.key").unlink()
    later = EncryptedFileStore(files.directory)
    later.store_generic("k", "v")
    assert later.retrieve_generic("k") == "v"


def test_of_processes_that_use_a_new_folder_with_two_passwords_at_once_one_password_wins(folder: Path) -> None:
    commands = [("first_with", folder, f"{password}-{number}", password) for password in "ab" for number in range(2)]
    with children(*commands) as started:
        for child in started:
            assert child.hears() == "ready"
        for child in started:
            child.go_on()
        said = [child.hears() for child in started]
    assert sorted(said) == ["StoreUnavailableError", "StoreUnavailableError", "done", "done"]
    winner = "ab"[said.index("done") // 2]
    entries = EncryptedFileStore(folder).list_generic()
    assert sorted(entries) == [("generic", f"{winner}-0"), ("generic", f"{winner}-1")]


def test_the_check_is_not_read_where_nothing_new_is_kept(
    store: EncryptedFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.check.path.unlink()
    os.mkfifo(store.check.path)
    later = EncryptedFileStore(store.directory, password=RIGHT)
    assert later.retrieve_generic("k") == "v"
    later.store_generic("k", "newer")
    assert later.delete_generic("k") is True
    with pytest.raises(TokenStorageError):
        later.store_generic("k", "v")
