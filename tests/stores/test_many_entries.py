"""Many entries, long names, and processes that are killed while they save."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_oauth_sync.stores import sealing
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.file_names import file_name

from .fault_child import encrypted_file
from .faults import KILLED, Zygote

#: Rounds of two writers that are killed.
ROUNDS = 200
LONG = ("x" * 181, "x" * 182, "é" * 500, "https://mcp.example.com/" + "path/" * 100, "\udc80" * 100)


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the names of the files that are opened, and of the folders that are looked through."""
    names: list[str] = []
    open_file = os.open

    def noted(path: str, *arguments: int) -> int:
        names.append(os.fspath(path))
        return open_file(path, *arguments)

    def noting(look: Callable[[str], object]) -> Callable[[str], object]:
        def looked_through(path: str) -> object:
            names.append(f"{os.fspath(path)}/")
            return look(path)

        return looked_through

    monkeypatch.setattr(os, "open", noted)
    for look in (os.scandir, os.listdir):
        monkeypatch.setattr(os, look.__name__, noting(look))
    return names


def stocked(store: EncryptedFileStore, count: int) -> None:
    """Put as many entries beside those of a store as if they had been kept there."""
    sealed = store.path("k").read_bytes()
    for number in range(count):
        (store.directory / f"{file_name(f'https://mcp-{number}.example.com')}.enc").write_bytes(sealed)


def test_loading_and_saving_one_touches_the_same_files_however_many_there_are(
    files: EncryptedFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.store_generic("k", "v", namespace="oauth")
    touched = []
    for count in (10, 2000):
        stocked(files, count)
        with monkeypatch.context() as patch:
            names = opened(patch)
            fresh = EncryptedFileStore(files.directory)
            assert fresh.retrieve_generic("k", namespace="oauth") == "v"
            assert [Path(name).name for name in names] == ["k.enc", "store.key"]
            fresh.store_generic("k", "v", namespace="oauth")
            fresh.store_generic(f"new {count}", "v", namespace="oauth")
            touched.append(len(names))
            assert [name for name in names if name.endswith("/")] == [f"{files.directory}/.tmp/"] * 2
    assert touched[0] == touched[1]


def test_listing_thousands_reads_none_of_them(files: EncryptedFileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    files.store_generic("k", "v", namespace="oauth")
    stocked(files, 2000)
    with monkeypatch.context() as patch:
        names = opened(patch)
        patch.setattr(sealing, "unseal", None)
        listed = EncryptedFileStore(files.directory).list_generic()
        assert [name for name in names if not name.endswith("/")] == []
    assert sorted(listed) == sorted(
        [("oauth", "k"), *(("oauth", f"https://mcp-{number}.example.com") for number in range(2000))]
    )


def test_names_and_namespaces_too_long_for_a_file_are_listed_like_any_other(files: EncryptedFileStore) -> None:
    places = [(space, key) for space in ("oauth", "generic", *LONG) for key in ("k", *LONG)]
    for namespace, key in places:
        files.store_generic(key, f"value of {key[:3]}", namespace=namespace)
    later = EncryptedFileStore(files.directory)
    assert sorted(later.list_generic()) == sorted(places)
    assert sorted(later.list_generic(namespace=LONG[0])) == sorted((LONG[0], key) for key in ("k", *LONG))
    for namespace, key in places:
        assert later.retrieve_generic(key, namespace=namespace) == f"value of {key[:3]}"
        assert later.delete_generic(key, namespace=namespace) is True
    assert later.list_generic() == []
    assert len([path for path in files.directory.rglob("*.name") if ".d." not in path.name]) == 0


def test_a_name_that_was_lost_is_noted_again_when_the_entry_is_used(files: EncryptedFileStore) -> None:
    for use in (files.retrieve_generic, lambda key: files.store_generic(key, "newer")):
        files.store_generic(LONG[0], "v")
        files.path(LONG[0], "generic").with_suffix(".name").write_bytes(b"somebody else")
        assert files.list_generic() == []
        use(LONG[0])
        assert files.list_generic() == [("generic", LONG[0])]


def test_what_is_foreign_in_the_folder_is_not_listed(files: EncryptedFileStore, tmp_path: Path) -> None:
    files.store_generic("k", "v", namespace="oauth")
    for name in ("Foreign.enc", "%2E.enc", "%zz.enc", ".enc", "notes.txt"):
        (files.directory / name).write_text("foreign")
    (files.directory / "a file.d").write_text("foreign")
    (files.directory / "a%20file.d").write_text("foreign")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.enc").write_text("foreign")
    (files.directory / "linked.d").symlink_to(tmp_path / "elsewhere")
    assert files.list_generic() == [("oauth", "k")]
    assert files.list_generic(namespace="linked") == []


def test_processes_that_are_killed_while_they_save_lose_nothing(folder: Path, process: Zygote, tmp_path: Path) -> None:
    written = kill_writers(process, folder, tmp_path / "told", rounds=ROUNDS, chance=random.Random(8))
    assert len(written) > ROUNDS / 2, "they did save"


def kill_writers(process: Zygote, folder: Path, told: Path, *, rounds: int, chance: random.Random) -> set[str]:
    """Kill one of two processes that save without a pause, again and again; return the values that were found.

    Args:
        process: The prepared process.
        folder: The store.
        told: Where a process says what went wrong but should not have.
        rounds: How many to kill.
        chance: When.
    """
    manager = encrypted_file(folder)
    names = [f"server-{number}" for number in range(3)]
    written: set[str] = set()
    started = [process.ask("fork", "encrypted_file", folder, "save_on", told) for _ in range(2)]
    for pid in started:
        process.ask("go", pid)
    while len(manager.names()) < 4:
        time.sleep(0.005)
    for _ in range(rounds):
        victim = started.pop(0)
        time.sleep(chance.uniform(0, 0.03))
        os.kill(victim, signal.SIGKILL)
        assert process.ask("wait", victim) == KILLED
        records = [manager.load_record(name) for name in names]
        assert None not in records
        values = [str(record.tokens.refresh_token) for record in records if record and record.tokens]
        assert all(re.fullmatch(r"[0-9]+-[0-9]+", value) for value in values)
        written |= set(values)
        assert set(manager.names()) - {"now and then"} == set(names)
        started.append(process.ask("fork", "encrypted_file", folder, "save_on", told))
        process.ask("go", started[-1])
    for pid in started:
        os.kill(pid, signal.SIGKILL)
        process.ask("wait", pid)
    assert not told.exists()
    with manager.exclusive("server-0", timeout=0):
        pass
    return written
