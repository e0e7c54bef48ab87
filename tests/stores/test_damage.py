"""Damaged, swapped and odd files: told apart from "nothing there", left as they are, and in nobody's way."""

from __future__ import annotations

import os
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.stores import TokenManager
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .folders import snapshot

SECRET = "the value"


@pytest.fixture
def path(files: EncryptedFileStore) -> Path:
    """Return the file of the entry "k", which has a neighbour."""
    files.store_generic("k", SECRET, namespace="oauth")
    files.store_generic("neighbour", "fine", namespace="oauth")
    return files.path("k")


def refused(
    files: EncryptedFileStore, kind: type[TokenStorageError] = StoreCorruptError, *, reads: bool = False
) -> None:
    """See that the entry is refused for reading and writing, that nothing changes, and that others are not bothered.

    ``reads`` means that it can still be read.
    """
    before = snapshot(files.directory)
    for store in (files, EncryptedFileStore(files.directory)):
        for use in (
            lambda store=store: store.retrieve_generic("k", namespace="oauth"),
            lambda store=store: store.store_generic("k", "new", namespace="oauth"),
        )[reads:]:
            with pytest.raises(TokenStorageError) as caught:
                use()
            assert type(caught.value) is kind
            assert (caught.value.store, caught.value.name) in ((files.name, "k"), (None, "k"))
            assert caught.value.hint
            assert SECRET not in str(caught.value)
        assert store.retrieve_generic("neighbour", namespace="oauth") == "fine"
    assert snapshot(files.directory) == before


@pytest.mark.parametrize("left", [0, 1, 31, 32, 47, 48, 63, 64, -17, -1])
def test_a_truncated_file_is_refused(files: EncryptedFileStore, path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    refused(files)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: bytes(len(data)),
        lambda data: data + b"\0",
        lambda data: b"\0" + data,
        lambda data: data[:48] + bytes(len(data) - 48),
        lambda data: data[:-16] + bytes(16),
        lambda data: data + data,
        lambda data: b'{"access_token": "in plain text", "schema": 1}' * 3,
        lambda data: b"\xff" * 200,
    ],
    ids=["zeroed", "longer", "shifted", "body zeroed", "tag zeroed", "twice", "plain", "foreign"],
)
def test_a_damaged_file_is_refused(files: EncryptedFileStore, path: Path, damage: Callable[[bytes], bytes]) -> None:
    path.write_bytes(damage(path.read_bytes()))
    refused(files)


def test_a_file_with_any_one_bit_flipped_is_refused(files: EncryptedFileStore, path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(StoreCorruptError):
            files.retrieve_generic("k", namespace="oauth")
    path.write_bytes(whole)
    assert files.retrieve_generic("k", namespace="oauth") == SECRET


def test_a_file_of_the_neighbour_is_refused(files: EncryptedFileStore, path: Path) -> None:
    path.write_bytes(files.path("neighbour").read_bytes())
    refused(files)


def test_a_file_of_another_store_is_refused(files: EncryptedFileStore, path: Path, tmp_path: Path) -> None:
    other = EncryptedFileStore(tmp_path / "other")
    other.store_generic("k", "another value", namespace="oauth")
    path.write_bytes(other.path("k").read_bytes())
    refused(files)


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> EncryptedFileStore:
    store = EncryptedFileStore(tmp_path_factory.mktemp("store") / "store")
    store.store_generic("neighbour", "fine", namespace="oauth")
    return store


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(content=st.binary(max_size=300))
def test_no_bytes_whatever_open_or_break_the_store(one_store: EncryptedFileStore, content: bytes) -> None:
    one_store.path("k").write_bytes(content)
    with pytest.raises(StoreCorruptError):
        one_store.retrieve_record("k")
    assert one_store.path("k").read_bytes() == content
    assert one_store.retrieve_generic("neighbour", namespace="oauth") == "fine"


def test_a_damaged_sign_in_can_be_removed_and_made_anew(files: EncryptedFileStore, path: Path) -> None:
    path.write_bytes(b"damaged")
    manager = TokenManager(store=files)
    tokens = OAuthTokens(access_token="acc")
    for use in (lambda: manager.save_tokens("k", tokens), lambda: manager.delete_tokens("k")):
        with pytest.raises(StoreCorruptError, match="mcp-oauth-sync clear k"):
            use()
    assert path.read_bytes() == b"damaged"
    assert manager.delete_record("k") is True
    manager.save_tokens("k", tokens)
    assert manager.load_tokens("k") == tokens


def test_a_damaged_link_is_removed_with_the_sign_in_of_its_url(files: EncryptedFileStore) -> None:
    manager, url = TokenManager(store=files), "https://mcp.example.com/mcp"
    manager.save_tokens("notion", OAuthTokens(access_token="acc"))
    manager.link(url, "notion")
    files.path(url, "links").write_bytes(b"damaged")
    for use in (lambda: manager.name_for(url), lambda: manager.link(url, "notion")):
        with pytest.raises(StoreCorruptError, match=f"mcp-oauth-sync clear {url}"):
            use()
    assert manager.delete_record(url) is True
    assert manager.delete_record(url) is False
    assert manager.name_for(url) == url
    assert manager.load_tokens("notion") is not None


# Odd things in the place of a file


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return somebody's file that nobody may touch."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    return victim


@pytest.fixture
def untouched(victim: Path) -> Iterator[Path]:
    """Return the victim, and see in the end that it is as it was."""
    before = victim.stat()
    yield victim
    after = victim.stat()
    assert victim.read_text() == "precious"
    assert (after.st_mode, after.st_mtime_ns, after.st_ino) == (before.st_mode, before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("target", ["victim", "missing", "/dev/zero"])
def test_a_symbolic_link_is_neither_followed_nor_replaced(
    files: EncryptedFileStore, path: Path, untouched: Path, target: str
) -> None:
    path.unlink()
    path.symlink_to(untouched.with_name(target) if target != "/dev/zero" else target)
    refused(files)
    assert not untouched.with_name("missing").exists()
    assert files.delete_generic("k", namespace="oauth") is True  # the link, not what it points to


def test_a_symbolic_link_to_a_good_file_is_not_followed_either(files: EncryptedFileStore, path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")
    refused(files)


def test_a_hard_link_to_a_foreign_file_is_left_alone(files: EncryptedFileStore, path: Path, untouched: Path) -> None:
    path.unlink()
    path.hardlink_to(untouched)
    refused(files)


def test_a_hard_link_to_a_good_file_is_parted_from_it_on_writing(
    files: EncryptedFileStore, path: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    backup.hardlink_to(path)
    before = backup.read_bytes()
    files.store_generic("k", "new", namespace="oauth")
    assert backup.read_bytes() == before
    assert files.retrieve_generic("k", namespace="oauth") == "new"


def test_a_pipe_is_refused_at_once(files: EncryptedFileStore, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)
    refused(files)


def test_a_directory_is_refused_and_not_removed(files: EncryptedFileStore, path: Path) -> None:
    path.unlink()
    path.mkdir()
    refused(files)
    with pytest.raises(TokenStorageError, match="could not be removed"):
        files.delete_generic("k", namespace="oauth")
    assert path.is_dir()


def test_a_socket_is_refused(files: EncryptedFileStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.unlink()
    monkeypatch.chdir(path.parent)  # the name of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
        refused(files)


def test_a_huge_file_is_refused_without_reading_it(files: EncryptedFileStore, path: Path) -> None:
    with path.open("wb") as huge:
        huge.truncate(1 << 30)
    tracemalloc.start()
    try:
        refused(files)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
    with pytest.raises(StoreCorruptError, match="could not be read: it is larger than 1048576 bytes"):
        files.retrieve_generic("k", namespace="oauth")


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_an_odd_key_file_is_refused(files: EncryptedFileStore, path: Path, untouched: Path, kind: str) -> None:
    key = files.directory / "store.key"
    key.unlink()
    {"link": lambda: key.symlink_to(untouched), "pipe": lambda: os.mkfifo(key), "directory": key.mkdir}[kind]()
    before, later = snapshot(files.directory), EncryptedFileStore(files.directory)
    for use in (lambda: later.retrieve_generic("k", namespace="oauth"), lambda: later.store_generic("new", "v")):
        with pytest.raises(StoreCorruptError):
            use()
    assert {**snapshot(files.directory), "generic.d": ""} == {**before, "generic.d": ""}


def test_a_key_file_with_a_second_name_elsewhere_is_not_closed_or_written(
    files: EncryptedFileStore, path: Path, untouched: Path
) -> None:
    key = files.directory / "store.key"
    key.unlink()
    key.hardlink_to(untouched)
    later = EncryptedFileStore(files.directory)
    for use in (lambda: later.retrieve_generic("k", namespace="oauth"), lambda: later.store_generic("new", "v")):
        with pytest.raises(StoreUnavailableError, match="is damaged"):
            use()


def test_a_folder_of_a_namespace_that_is_a_link_is_refused(
    files: EncryptedFileStore, path: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (files.directory / "links.d").symlink_to(elsewhere)
    for use in (
        lambda: files.store_generic("k", "v", namespace="links"),
        lambda: files.retrieve_generic("k", namespace="links"),
        lambda: files.delete_generic("k", namespace="links"),
    ):
        with pytest.raises(StoreCorruptError, match="symbolic link"):
            use()
    assert list(elsewhere.iterdir()) == []
    assert elsewhere.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["locks", "locks/oauth.d"])
def test_a_folder_of_locks_that_is_a_link_is_refused(
    files: EncryptedFileStore, path: Path, tmp_path: Path, name: str
) -> None:
    elsewhere, folder = tmp_path / "elsewhere", files.directory / name
    elsewhere.mkdir(mode=0o755)
    if folder.exists():
        folder.rename(tmp_path / "locks")
    folder.symlink_to(elsewhere)
    with pytest.raises(TokenStorageError, match="symbolic link"):
        TokenManager(store=files).save_tokens("k", OAuthTokens(access_token="acc"))
    assert list(elsewhere.iterdir()) == []
    assert elsewhere.stat().st_mode & 0o777 == 0o755
    assert files.retrieve_generic("k", namespace="oauth") == SECRET


def test_the_lock_of_the_store_that_is_a_link_is_refused(
    files: EncryptedFileStore, path: Path, untouched: Path
) -> None:
    lock = files.directory / "locks" / "store.lock"
    lock.unlink()
    lock.symlink_to(untouched)
    refused(files, TokenStorageError, reads=True)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "huge"])
def test_an_odd_name_of_an_entry_is_refused_and_takes_no_time(
    files: EncryptedFileStore, path: Path, untouched: Path, kind: str
) -> None:
    name = "x" * 200
    files.store_generic(name, "v", namespace="oauth")
    noted = files.path(name).with_suffix(".name")
    noted.unlink()
    {
        "link": lambda: noted.symlink_to("/dev/zero"),
        "pipe": lambda: os.mkfifo(noted),
        "directory": noted.mkdir,
        "huge": lambda: os.truncate(os.open(noted, os.O_CREAT | os.O_WRONLY), 1 << 30),
    }[kind]()
    before = snapshot(files.directory)
    assert sorted(files.list_generic(namespace="oauth")) == [("oauth", "k"), ("oauth", "neighbour")]
    assert files.retrieve_generic(name, namespace="oauth") == "v"
    with pytest.raises(StoreCorruptError):
        files.store_generic(name, "new", namespace="oauth")
    assert snapshot(files.directory) == before


@pytest.mark.parametrize("kind", ["link", "dangling link", "hard link", "pipe", "directory"])
def test_an_odd_lock_file_is_refused(files: EncryptedFileStore, path: Path, untouched: Path, kind: str) -> None:
    lock = files.directory / "locks" / "oauth.d" / "k.refresh.lock"
    lock.parent.mkdir(mode=0o700)
    {
        "link": lambda: lock.symlink_to(untouched),
        "dangling link": lambda: lock.symlink_to(untouched.with_name("missing")),
        "hard link": lambda: lock.hardlink_to(untouched),
        "pipe": lambda: os.mkfifo(lock),
        "directory": lock.mkdir,
    }[kind]()
    manager = TokenManager(store=files)
    with pytest.raises(TokenStorageError, match=r"k.refresh.lock cannot be used: it is not a regular file") as caught:
        manager.save_tokens("k", OAuthTokens(access_token="acc"))
    assert caught.value.name == "k"
    assert files.retrieve_generic("k", namespace="oauth") == SECRET
    assert not untouched.with_name("missing").exists()
