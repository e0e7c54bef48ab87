"""Encrypted files: the layout byte by byte, keys, salts and IVs, and what a wrong key may not do."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.kdf import hkdf, pbkdf2

from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores import TokenManager, entry_files, private_files, sealing
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .folders import modes, snapshot
from .opener import key_from_file, key_from_password, open_sealed, parts
from .processes import children


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> list[tuple[object, ...]]:
    """Note the arguments of every call of a class that derives keys."""
    calls: list[tuple[object, ...]] = []
    original: Callable[..., object] = getattr(owner, name)

    def counted(*arguments: object) -> object:
        calls.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(owner, name, counted)
    return calls


@pytest.fixture
def by_password(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    return count_calls(monkeypatch, pbkdf2, "PBKDF2HMAC")


@pytest.fixture
def by_key_file(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    return count_calls(monkeypatch, hkdf, "HKDF")


# The layout


def test_a_file_sealed_with_the_key_file_opens_as_documented(files: EncryptedFileStore) -> None:
    files.store_generic("notion", "tök-value", namespace="oauth")
    sealed = (files.directory / "notion.enc").read_bytes()
    assert len(sealed) == 32 + 16 + len("tök-value".encode()) + 16
    key_file = (files.directory / "store.key").read_bytes()
    assert len(base64.urlsafe_b64decode(key_file)) == 32
    key = key_from_file(key_file, sealed[:32])
    assert open_sealed(sealed, key, "oauth/notion") == "tök-value"
    with pytest.raises(InvalidTag):
        open_sealed(sealed, key, "oauth/linear")


def test_a_file_sealed_with_a_password_opens_as_documented_after_600_000_rounds(folder: Path) -> None:
    assert sealing.ITERATIONS == 600_000
    EncryptedFileStore(folder, password="öpen sesame").store_generic("Notion", "tok", namespace="my app")
    sealed = (folder / "my%20app.d" / "%4eotion.enc").read_bytes()
    key = key_from_password("öpen sesame", sealed[:32])
    assert open_sealed(sealed, key, "my%20app/Notion") == "tok"
    assert not (folder / "store.key").exists()


def test_another_store_with_the_same_key_reads_what_the_first_has_written(files: EncryptedFileStore) -> None:
    files.store_generic("k", "v")
    assert EncryptedFileStore(files.directory).retrieve_generic("k") == "v"


def test_the_password_may_come_from_the_environment(folder: Path, few_rounds: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "open sesame")
    EncryptedFileStore(folder).store_generic("k", "v")
    monkeypatch.delenv("MCP_OAUTH_SYNC_PASSWORD")
    assert EncryptedFileStore(folder, password="open sesame").retrieve_generic("k") == "v"
    assert not (folder / "store.key").exists()


def test_a_password_in_the_call_wins_over_the_environment(
    folder: Path, few_rounds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "from outside")
    EncryptedFileStore(folder, password="given").store_generic("k", "v")
    with pytest.raises(StoreCorruptError):
        EncryptedFileStore(folder).retrieve_generic("k")


def test_a_password_that_is_not_utf_8_works_too(folder: Path, few_rounds: None) -> None:
    password = b"caf\xe9".decode("utf-8", "surrogateescape")
    EncryptedFileStore(folder, password=password).store_generic("k", "v")
    assert EncryptedFileStore(folder, password=password).retrieve_generic("k") == "v"


def test_a_name_that_is_not_utf_8_is_a_name_like_any_other(files: EncryptedFileStore) -> None:
    files.store_generic("\udc80", "v")
    assert (files.retrieve_generic("\udc80"), files.retrieve_generic("\udc81")) == ("v", None)


# Salts, IVs, derivations


def test_a_rewrite_keeps_the_salt_and_takes_a_new_iv(files: EncryptedFileStore) -> None:
    files.store_generic("k", "one")
    before = parts(files.path("k", "generic").read_bytes())
    files.store_generic("k", "one")
    after = parts(files.path("k", "generic").read_bytes())
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert after[2] != before[2]


def test_a_thousand_writes_take_a_thousand_ivs(files: EncryptedFileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files.os, "fsync", lambda descriptor: None)
    ivs, path = set(), files.path("k", "generic")
    for _ in range(1000):
        files.store_generic("k", "the same")
        ivs.add(parts(path.read_bytes())[1])
    assert len(ivs) == 1000


def test_ten_thousand_seals_of_the_same_take_ten_thousand_ivs() -> None:
    sealed = [sealing.seal(bytes(32), bytes(32), "the same", "generic/k") for _ in range(10_000)]
    assert len({parts(one)[1] for one in sealed}) == 10_000
    assert len({parts(one)[2] for one in sealed}) == 10_000


def test_every_file_has_a_salt_of_its_own(files: EncryptedFileStore) -> None:
    for number in range(20):
        files.store_generic(str(number), "v")
    salts = {path.read_bytes()[:32] for path in files.directory.rglob("*.enc")}
    assert len(salts) == 20
    assert bytes(32) not in salts


def test_no_key_is_derived_before_something_is_read_or_written(
    folder: Path, by_password: list[tuple[object, ...]], by_key_file: list[tuple[object, ...]]
) -> None:
    for password in (None, "open sesame"):
        manager = TokenManager(folder, password=password)
        assert manager.load_record("notion") is None
        assert manager.has_valid_tokens("notion") is False
        assert manager.delete_tokens("notion") is False
        with manager.exclusive("notion"):
            pass
    assert (by_password, by_key_file) == ([], [])
    assert not (folder / "store.key").exists()


def test_a_key_is_derived_once_per_salt_and_process(
    folder: Path, few_rounds: None, by_password: list[tuple[object, ...]]
) -> None:
    store = EncryptedFileStore(folder, password="open sesame")
    for round_ in range(3):
        for name in ("a", "b"):
            store.store_generic(name, str(round_))
            assert store.retrieve_generic(name) == str(round_)
    assert len(by_password) == 3, "two entries and the check of the store"
    for again in (EncryptedFileStore(folder, password="open sesame") for _ in range(3)):
        assert [again.retrieve_generic("a"), again.retrieve_generic("b")] == ["2", "2"]
        again.store_generic("a", "2")
    assert len(by_password) == 3
    with pytest.raises(StoreCorruptError):
        EncryptedFileStore(folder, password="open sesamE").retrieve_generic("a")
    assert len(by_password) == 4


def test_what_is_remembered_of_a_derivation_holds_no_password_and_no_more_than_it_may(
    folder: Path, few_rounds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_REMEMBERED", 3)
    store = EncryptedFileStore(folder, password="open sesame")
    for number in range(6):
        store.store_generic(str(number), "v")
    assert len(sealing._derived) == 3
    assert {len(mark) for mark in sealing._derived} == {32}
    assert "sesame" not in repr(vars(sealing))
    assert [store.retrieve_generic(str(number)) for number in range(6)] == ["v"] * 6


def test_threads_that_need_the_same_key_at_once_derive_it_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, by_password: list[tuple[object, ...]]
) -> None:
    EncryptedFileStore(folder, password="open sesame").store_generic("k", "v")
    monkeypatch.setattr(sealing, "_derived", {})
    by_password.clear()
    store, read, start = EncryptedFileStore(folder, password="open sesame"), [], threading.Barrier(8)

    def use() -> None:
        start.wait()
        read.append(store.retrieve_generic("k"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == ["v"] * 8
    assert len(by_password) == 1


def test_a_store_with_a_key_file_never_pays_for_a_password(
    files: EncryptedFileStore, by_password: list[tuple[object, ...]], by_key_file: list[tuple[object, ...]]
) -> None:
    files.store_generic("k", "v")
    assert files.retrieve_generic("k") == "v"
    assert (len(by_password), len(by_key_file)) == (0, 2), "the entry and the check of the store"


# Bound to the name


def test_a_file_put_in_the_place_of_another_is_refused(files: EncryptedFileStore) -> None:
    files.store_generic("a", "value of a")
    files.store_generic("b", "value of b")
    files.path("a", "generic").replace(files.path("b", "generic"))
    with pytest.raises(StoreCorruptError, match="'b'"):
        files.retrieve_generic("b")
    assert files.retrieve_generic("a") is None


def test_a_file_moved_to_another_namespace_is_refused(files: EncryptedFileStore) -> None:
    files.store_generic("a", "value", namespace="one")
    files.store_generic("b", "value", namespace="two")
    files.path("a", "one").replace(files.path("a", "two"))
    with pytest.raises(StoreCorruptError):
        files.retrieve_generic("a", namespace="two")
    assert files.retrieve_generic("b", namespace="two") == "value"


def test_a_slash_cannot_make_one_place_out_of_two(files: EncryptedFileStore) -> None:
    files.store_generic("c", "value", namespace="a/b")
    files.store_generic("other", "value", namespace="a")
    files.path("c", "a/b").replace(files.path("b/c", "a"))
    with pytest.raises(StoreCorruptError):
        files.retrieve_generic("b/c", namespace="a")


@pytest.mark.parametrize(("key", "namespace"), [("", "generic"), ("", "oauth"), ("k", "")])
def test_an_entry_without_a_name_is_refused(files: EncryptedFileStore, key: str, namespace: str) -> None:
    for use in (files.retrieve_generic, files.delete_generic, lambda k, namespace: files.store_generic(k, "v")):
        if namespace:
            with pytest.raises(TokenStorageError, match="not empty"):
                use(key, namespace=namespace)
    with pytest.raises(TokenStorageError, match="not empty"):
        files.store_generic(key, "v", namespace=namespace)
    assert not files.directory.exists()


# Wrong keys


def test_a_wrong_password_is_told_changes_nothing_and_cannot_overwrite(folder: Path, few_rounds: None) -> None:
    EncryptedFileStore(folder, password="right-canary").store_generic("k", "v")
    before, wrong = snapshot(folder), EncryptedFileStore(folder, password="wrong-canary")
    for use in (lambda: wrong.retrieve_generic("k"), lambda: wrong.store_generic("k", "new")):
        with pytest.raises(StoreCorruptError, match="wrong password or key, or the file is damaged") as caught:
            use()
        assert (caught.value.store, caught.value.name) == (wrong.name, "k")
        assert "Use the right password" in (caught.value.hint or "")
        assert "canary" not in f"{caught.value!r}{caught.value}{vars(wrong)}"
    assert snapshot(folder) == before
    assert EncryptedFileStore(folder, password="right-canary").retrieve_generic("k") == "v"


def test_an_empty_password_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreUnavailableError, match="empty") as caught:
        EncryptedFileStore(folder, password="")
    assert "MCP_OAUTH_SYNC_PASSWORD" in (caught.value.hint or "")
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "")
    with pytest.raises(StoreUnavailableError, match="empty"):
        TokenManager(folder)
    assert not folder.exists()


def test_files_sealed_with_a_password_are_not_mixed_with_a_generated_key(folder: Path, few_rounds: None) -> None:
    EncryptedFileStore(folder, password="open sesame").store_generic("k", "v")
    before, without = snapshot(folder), EncryptedFileStore(folder)
    for use in (lambda: without.retrieve_generic("k"), lambda: without.store_generic("another", "v")):
        with pytest.raises(StoreUnavailableError, match="is missing, but there are files sealed") as caught:
            use()
        assert "set MCP_OAUTH_SYNC_PASSWORD" in (caught.value.hint or "")
        assert caught.value.store == without.name
    assert snapshot(folder) == before


@pytest.mark.parametrize("namespace", ["oauth", "generic"])
def test_a_key_file_that_went_missing_is_told_and_not_replaced(files: EncryptedFileStore, namespace: str) -> None:
    files.store_generic("k", "v", namespace=namespace)
    key = (files.directory / "store.key").read_bytes()
    (files.directory / "store.key").unlink()
    before, later = snapshot(files.directory), EncryptedFileStore(files.directory)
    for use in (
        lambda: later.retrieve_generic("k", namespace=namespace),
        lambda: later.store_generic("k", "new", namespace=namespace),
        lambda: later.store_generic("another", "new"),
    ):
        with pytest.raises(StoreUnavailableError, match=r"store\.key is missing"):
            use()
    left = {name: content for name, content in snapshot(files.directory).items() if not name.endswith(".d")}
    assert left == {name: content for name, content in before.items() if not name.endswith(".d")}
    (files.directory / "store.key").write_bytes(key)
    assert later.retrieve_generic("k", namespace=namespace) == "v"


@pytest.mark.parametrize(
    "damage",
    [lambda key: b"", lambda key: key[:-1], lambda key: key[:20], lambda key: bytes(44), lambda key: b"not a key\xff"],
    ids=["empty", "cut by one", "half", "zeroed", "foreign"],
)
def test_a_damaged_key_file_is_told_and_not_replaced(
    files: EncryptedFileStore, damage: Callable[[bytes], bytes]
) -> None:
    files.store_generic("k", "v")
    key = files.directory / "store.key"
    key.write_bytes(damage(key.read_bytes()))
    before, later = snapshot(files.directory), EncryptedFileStore(files.directory)
    for use in (lambda: later.retrieve_generic("k"), lambda: later.store_generic("another", "v")):
        with pytest.raises(StoreUnavailableError, match="is damaged"):
            use()
    assert snapshot(files.directory) == before


def test_another_key_in_place_of_the_key_file_opens_nothing(files: EncryptedFileStore, tmp_path: Path) -> None:
    files.store_generic("k", "v")
    EncryptedFileStore(tmp_path / "other").store_generic("k", "v")
    (tmp_path / "other" / "store.key").replace(files.directory / "store.key")
    later = EncryptedFileStore(files.directory)
    with pytest.raises(StoreCorruptError, match="wrong password or key"):
        later.store_generic("k", "new")


def test_processes_that_use_a_new_folder_at_once_agree_on_one_key(folder: Path) -> None:
    names = [f"server-{number}" for number in range(5)]
    with children(*(("first", folder, name) for name in names)) as started:
        for child in started:
            assert child.hears() == "ready"
        for child in started:
            child.go_on()
        for child in started:
            assert child.hears() == "done"
    later = EncryptedFileStore(folder)
    assert [later.retrieve_generic(name) for name in names] == [f"value of {name}" for name in names]
    assert list(folder.rglob(".tmp/*")) == []


# What lies on the disk


def test_every_file_and_folder_belongs_to_its_owner_alone(files: EncryptedFileStore) -> None:
    manager = TokenManager(store=files)
    files.store_generic("a", "v", namespace="oauth")
    files.store_generic("b", "v", namespace="my app")
    with manager.exclusive("a"):
        found = modes(files.directory)
    folders = (".", ".tmp", "my%20app.d", "my%20app.d/.tmp", "locks", "locks/oauth.d")
    assert {found.pop(name) for name in folders} == {"0o700"}
    names = (
        "a.enc",
        "my%20app.d/b.enc",
        "store.key",
        "store.check",
        "locks/store.lock",
        "locks/oauth.d/a.refresh.lock",
    )
    assert found == dict.fromkeys(names, "0o600")


def test_loose_modes_are_tightened_on_reading(files: EncryptedFileStore) -> None:
    files.store_generic("k", "v", namespace="oauth")
    tight = modes(files.directory)
    for path, mode in (("k.enc", 0o644), ("store.key", 0o666), (".", 0o777)):
        (files.directory / path).chmod(mode)
    assert EncryptedFileStore(files.directory).retrieve_generic("k", namespace="oauth") == "v"
    assert modes(files.directory) == tight


def test_loose_modes_are_tightened_on_writing(files: EncryptedFileStore) -> None:
    files.store_generic("k", "v", namespace="app")
    tight = modes(files.directory)
    for path, mode in (("app.d/k.enc", 0o604), ("store.key", 0o640), ("app.d", 0o711), (".", 0o755)):
        (files.directory / path).chmod(mode)
    EncryptedFileStore(files.directory).store_generic("k", "new", namespace="app")
    assert modes(files.directory) == tight


def test_what_its_owner_has_made_read_only_stays_so(files: EncryptedFileStore) -> None:
    files.store_generic("k", "v", namespace="oauth")
    files.path("k").chmod(0o444)
    files.directory.chmod(0o555)
    assert files.retrieve_generic("k", namespace="oauth") == "v"
    found = modes(files.directory)
    assert (found["."], found["k.enc"]) == ("0o500", "0o400")
    files.directory.chmod(0o700)


def test_a_value_too_large_to_be_read_again_is_not_written(files: EncryptedFileStore) -> None:
    files.store_generic("k", "v")
    before = snapshot(files.directory)
    with pytest.raises(TokenStorageError, match="larger than 1048576 bytes"):
        files.store_generic("k", "x" * private_files.MAX_FILE)
    assert snapshot(files.directory) == before


def test_the_folder_may_be_a_link_that_its_owner_has_made(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    EncryptedFileStore(tmp_path / "link").store_generic("k", "v")
    assert EncryptedFileStore(tmp_path / "elsewhere").retrieve_generic("k") == "v"


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("mine")
    store = EncryptedFileStore(tmp_path / "store")
    for use in (lambda: store.retrieve_generic("k"), lambda: store.store_generic("k", "v")):
        with pytest.raises(TokenStorageError, match="'k' in encrypted files in"):
            use()
    assert (tmp_path / "store").read_text() == "mine"


def test_a_key_file_that_goes_missing_between_looking_and_writing_is_not_made_anew(
    files: EncryptedFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.store_generic("k", "v")
    monkeypatch.setattr(files.check, "admit", lambda *_: (files.directory / "store.key").unlink())
    with pytest.raises(StoreUnavailableError, match=r"store\.key is missing"):
        files.store_generic("other", "v")
    assert not (files.directory / "store.key").exists()
    assert not files.path("other", "generic").exists()


def test_an_entry_that_is_removed_while_a_password_is_tried_tells_nothing_of_it(
    folder: Path, few_rounds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EncryptedFileStore(folder, password="right")
    for name in ("a", "b"):
        store.store_generic(name, "v")
    (folder / "store.check").unlink()
    monkeypatch.setattr(store.entries, "listed", lambda: [("generic", "gone"), ("generic", "a"), ("generic", "b")])
    assert list(store.tries(store._keys)) == [True, True]
    assert list(store.tries(store.keys_for("wrong"))) == [False, False]


def test_a_folder_that_does_not_keep_what_is_written_is_found_out_when_it_is_tried(
    files: EncryptedFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.probe()
    assert [path.name for path in files.directory.iterdir()] == [".tmp"]
    for name, answer in (("read_private", b"other"), ("read_private", None), ("remove_private", False)):
        with monkeypatch.context() as patch:
            patch.setattr(entry_files, name, lambda path, answer=answer: answer)
            with pytest.raises(
                TokenStorageError,
                match=r"^The entry '\*' in .* could not be tried out: what was written is not what is read",
            ):
                files.probe()


def test_what_was_opened_does_not_show_itself(files: EncryptedFileStore) -> None:
    files.store_generic("k", "the value")
    opened = sealing.unseal(files._keys, files.path("k", "generic").read_bytes(), "generic/k")
    assert (opened.text, repr(opened), f"{opened}") == ("the value", "<opened>", "<opened>")


def test_a_key_is_derived_once_for_a_file_that_is_read_again(
    files: EncryptedFileStore, by_key_file: list[tuple[object, ...]]
) -> None:
    files.store_generic("k", "v")
    fresh = EncryptedFileStore(files.directory)
    by_key_file.clear()
    for _ in range(3):
        assert fresh.retrieve_generic("k") == "v"
    first = len(by_key_file)
    assert fresh.retrieve_generic("k") == "v"
    assert len(by_key_file) == first == 1


def test_a_store_is_the_same_wherever_it_is_looked_at_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert EncryptedFileStore(Path("store")).identity == EncryptedFileStore(tmp_path / "store").identity
    assert EncryptedFileStore(Path("store")).identity == f"encrypted files in {tmp_path / 'store'}"


def test_of_several_keys_the_last_opens_as_well_as_the_first() -> None:
    class Three(sealing.Keys):
        def for_opening(self, salt: bytes) -> Iterator[bytes]:
            yield from (bytes([number]) * 32 for number in range(3))

        def for_sealing(self, salt: bytes) -> bytes:
            return bytes(32)

    for number in range(3):
        sealed = sealing.seal(bytes([number]) * 32, bytes(32), "the value", "k")
        assert sealing.unseal(Three(), sealed, "k").key == bytes([number]) * 32
    with pytest.raises(sealing.NotOpened):
        sealing.unseal(Three(), sealing.seal(b"3" * 32, bytes(32), "the value", "k"), "k")
