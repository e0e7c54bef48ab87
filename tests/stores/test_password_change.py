"""Changing the password of encrypted files: all or, when broken off, each entry with one of the two."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores import TokenManager, password_change
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .fault_child import NEW_PASSWORD, OLD_PASSWORD
from .faults import DONE, ERROR, KILL, WAYS, Outcome, Zygote, copies, ended_badly, every_call
from .folders import snapshot
from .opener import parts

pytestmark = pytest.mark.usefixtures("few_rounds")

#: Entries by namespace and name; one name is too long for a file.
ENTRIES = {("oauth", "notion"): "sign-in", ("my app", "é" * 99): ""}
KINDS = {"password": OLD_PASSWORD, "key": None}


def filled(folder: Path, password: str | None) -> EncryptedFileStore:
    store = EncryptedFileStore(folder, password=password)
    for (namespace, key), value in ENTRIES.items():
        store.store_generic(key, value, namespace=namespace)
    return store


def read(store: EncryptedFileStore) -> dict[tuple[str, str], str | None]:
    """Return what a store opens."""
    found = {}
    for namespace, key in store.list_generic():
        try:
            found[namespace, key] = store.retrieve_generic(key, namespace=namespace)
        except (StoreCorruptError, StoreUnavailableError):
            continue
    return found


def opens_all(folder: Path, password: str | None) -> bool:
    return read(EncryptedFileStore(folder, password=password)) == ENTRIES


@pytest.mark.parametrize("old", ["password", "key"])
@pytest.mark.parametrize("new", [NEW_PASSWORD, None], ids=["new password", "new key"])
def test_afterwards_the_new_password_opens_every_entry_and_the_old_one_none(
    folder: Path, old: str, new: str | None
) -> None:
    store = filled(folder, KINDS[old])
    old_key = (folder / "store.key").read_bytes() if old == "key" else b""
    before = {path.name: parts(path.read_bytes()) for path in folder.rglob("*.enc")}
    assert store.change_password(new) == []
    assert read(store) == ENTRIES, "this store goes on"
    assert opens_all(folder, new)
    after = {path.name: parts(path.read_bytes()) for path in folder.rglob("*.enc")}
    assert before.keys() == after.keys()
    for name, (salt, iv, _) in after.items():
        assert salt != before[name][0]
        assert iv != before[name][1]
    assert sorted(path.name for path in folder.glob("store.*")) == (
        ["store.check"] if new is not None else ["store.check", "store.key"]
    )
    if new is None:
        assert (folder / "store.key").read_bytes() != old_key
    if old == "password" or new is not None:
        assert read(EncryptedFileStore(folder, password=KINDS[old])) == {}
    else:
        (folder / "store.key").write_bytes(old_key)
        assert read(EncryptedFileStore(folder)) == {}


def test_who_still_has_the_old_password_gets_errors_and_changes_nothing(folder: Path) -> None:
    store = filled(folder, OLD_PASSWORD)
    other = EncryptedFileStore(folder, password=OLD_PASSWORD)
    assert read(other) == ENTRIES
    store.change_password(NEW_PASSWORD)
    before = snapshot(folder)
    for use in (
        lambda: other.retrieve_generic("notion", namespace="oauth"),
        lambda: other.store_generic("notion", "mine", namespace="oauth"),
        lambda: other.store_generic("another", "mine", namespace="oauth"),
        lambda: other.change_password("a third"),
    ):
        with pytest.raises((StoreCorruptError, StoreUnavailableError)):
            use()
    assert snapshot(folder) == before


@pytest.mark.parametrize("wrong", ["wrong", None], ids=["password", "key"])
def test_a_wrong_old_password_is_told_before_anything_is_changed(folder: Path, wrong: str | None) -> None:
    filled(folder, OLD_PASSWORD)
    before = snapshot(folder)
    with pytest.raises(StoreUnavailableError) as caught:
        EncryptedFileStore(folder, password=wrong).change_password(NEW_PASSWORD)
    assert caught.value.hint
    assert snapshot(folder) == before


def test_an_empty_new_password_is_refused(folder: Path) -> None:
    store = filled(folder, OLD_PASSWORD)
    with pytest.raises(StoreUnavailableError, match="empty"):
        store.change_password("")


def test_the_same_password_again_does_no_harm(folder: Path) -> None:
    store = filled(folder, OLD_PASSWORD)
    assert store.change_password(OLD_PASSWORD) == []
    assert opens_all(folder, OLD_PASSWORD)
    assert list(folder.rglob("*.next")) == []


def test_what_cannot_be_opened_is_reported_and_left_as_it_is(folder: Path) -> None:
    store = filled(folder, OLD_PASSWORD)
    store.store_generic("damaged", "v", namespace="oauth")
    store.store_generic("pipe", "v", namespace="oauth")
    damaged, pipe = store.path("damaged"), store.path("pipe")
    damaged.write_bytes(b"damaged" * 20)
    pipe.unlink()
    os.mkfifo(pipe)
    assert store.change_password(NEW_PASSWORD) == [("oauth", "damaged"), ("oauth", "pipe")]
    assert damaged.read_bytes() == b"damaged" * 20
    assert pipe.is_fifo()
    assert opens_all(folder, NEW_PASSWORD)


def test_an_entry_whose_name_is_lost_is_told_before_anything_is_changed(folder: Path) -> None:
    store = filled(folder, OLD_PASSWORD)
    [name] = folder.rglob("*.name")
    name.unlink()
    before = snapshot(folder)
    with pytest.raises(StoreCorruptError, match=r"The name of the entry in .* is not known") as caught:
        store.change_password(NEW_PASSWORD)
    assert "Use it once by its name" in (caught.value.hint or "")
    assert snapshot(folder) == before
    assert store.retrieve_generic("é" * 99, namespace="my app") == ""
    assert store.change_password(NEW_PASSWORD) == []
    assert opens_all(folder, NEW_PASSWORD)


def test_an_empty_store_gets_the_new_password_too(folder: Path) -> None:
    store = EncryptedFileStore(folder)
    assert store.change_password(NEW_PASSWORD) == []
    store.store_generic("k", "v")
    assert EncryptedFileStore(folder, password=NEW_PASSWORD).retrieve_generic("k") == "v"
    assert not (folder / "store.key").exists()


def test_a_change_waits_for_a_refresh_under_way_and_keeps_what_it_brought(folder: Path) -> None:
    manager = TokenManager(folder, "encrypted_file", password=OLD_PASSWORD)
    manager.save_tokens("notion", OAuthTokens(access_token="acc-1", refresh_token="ref-1"))
    store = EncryptedFileStore(folder, password=OLD_PASSWORD)
    changing = threading.Thread(target=store.change_password, args=(NEW_PASSWORD,))
    with manager.exclusive("notion"):
        changing.start()
        while not store.check.next_path.exists():
            changing.join(0.005)
        manager.save_tokens("notion", OAuthTokens(access_token="acc-2", refresh_token="ref-2"))
        with pytest.raises(StoreUnavailableError, match="is being changed"):
            manager.save_tokens("linear", OAuthTokens(access_token="acc"))
    changing.join()
    tokens = TokenManager(folder, "encrypted_file", password=NEW_PASSWORD).load_tokens("notion")
    assert tokens is not None
    assert tokens.refresh_token == "ref-2"


def test_what_is_written_or_removed_between_looking_and_sealing_is_not_undone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = filled(folder, OLD_PASSWORD), EncryptedFileStore(folder, password=OLD_PASSWORD)
    unseal, seen = password_change.unseal, []

    def others_act(*arguments: object) -> object:
        opened = unseal(*arguments)  # type: ignore[arg-type]
        if arguments[2] not in seen:
            seen.append(arguments[2])
            if arguments[2] == "oauth/notion":
                other.store_generic("notion", "newer", namespace="oauth")
            if str(arguments[2]).startswith("my%20app/"):
                other.delete_generic("é" * 99, namespace="my app")
        return opened

    monkeypatch.setattr(password_change, "unseal", others_act)
    assert store.change_password(NEW_PASSWORD) == []
    later = EncryptedFileStore(folder, password=NEW_PASSWORD)
    assert read(later) == {("oauth", "notion"): "newer"}


# Broken off


def broken_off_badly(outcome: Outcome, folder: Path, old: str | None, new: str | None) -> str | None:
    """Say what is wrong with what a change that broke off has left, or with completing it."""
    if wrong := ended_badly(outcome):
        return wrong
    with_old, with_new = (read(EncryptedFileStore(folder, password=password)) for password in (old, new))
    if {**with_old, **with_new} != ENTRIES:
        return f"some cannot be read any more, only {sorted({**with_old, **with_new})}"
    if outcome.status == DONE and with_new != ENTRIES:
        return "it was done, but the new password does not open everything"
    complete = with_new == ENTRIES and not list(folder.glob("*.next"))
    again = EncryptedFileStore(folder, password=new if complete else old)
    try:
        if again.change_password(new) != []:
            return "not everything could be opened the second time"
        EncryptedFileStore(folder, password=new).store_generic("another", "v")
    except TokenStorageError as failure:
        return f"it cannot be completed: {failure}"
    left = sorted(path.name for path in folder.glob("store.*"))
    if left != (["store.check"] if new is not None else ["store.check", "store.key"]):
        return f"left over: {left}"
    found = read(EncryptedFileStore(folder, password=new))
    return None if found == {**ENTRIES, ("generic", "another"): "v"} else f"completed, there is {found}"


KILLS = {KILL: WAYS[KILL]}
ERRORS = {ERROR: re.compile(r"(openat|read|getdents64|mkdir|write|fsync|rename|unlink|flock)\(")}


@pytest.mark.strace
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("store", "act", "old", "new", "ways"),
    [
        ("encrypted_file_with_password", "change_password", OLD_PASSWORD, NEW_PASSWORD, KILLS),
        ("encrypted_file_with_password", "drop_password", OLD_PASSWORD, None, KILLS),
        ("encrypted_file", "change_password", None, NEW_PASSWORD, KILLS),
        ("encrypted_file", "change_password", None, NEW_PASSWORD, ERRORS),
        ("encrypted_file", "drop_password", None, None, KILLS),
    ],
    ids=["password to password", "password to key", "key to password", "key to password, errors", "key to key"],
)
def test_a_change_that_breaks_off_anywhere_leaves_every_entry_readable_and_is_completed_by_doing_it_again(
    tmp_path: Path,
    process: Zygote,
    store: str,
    act: str,
    old: str | None,
    new: str | None,
    ways: dict[str, re.Pattern[str]],
) -> None:
    filled(tmp_path / "template", old)

    def check(outcome: Outcome, folder: Path) -> str | None:
        return broken_off_badly(outcome, folder, old, new)

    place = copies(tmp_path / "template", tmp_path)
    cases, wrong = every_call(process, store, act, place=place, check=check, ways=ways)
    assert not wrong, "\n".join(wrong)
    assert cases > 50
