"""Places that do not do what a store wants: another user's, read-only, full, slow, and swapped under its feet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import TokenManager, encrypted_file
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .child import NOBODY
from .folders import snapshot
from .processes import children, environment, run

#: A user namespace, so that the test may mount something; nothing outside it sees the mount.
OWN_MOUNTS = ("unshare", "--map-root-user", "--mount")


def test_a_folder_that_may_not_be_changed_can_be_read_and_says_so_when_written(files: EncryptedFileStore) -> None:
    files.store_generic("k", "the value")
    TokenManager(store=files).save_tokens("k", OAuthTokens(access_token="acc"))
    everything = [*files.directory.rglob("*"), files.directory]
    for path in everything:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o500 if path.is_dir() else 0o600)
    before = snapshot(files.directory)
    try:
        [outcome] = run("use_read_only", files.directory, "k")
    finally:
        for path in everything:
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert outcome == {
        "read": "the value",
        "read nothing": "None",
        "valid": "True",
        "write": "TokenStorageError",
        "write another": "TokenStorageError",
        "delete": "TokenStorageError",
        "turn": "TokenStorageError",
    }
    assert snapshot(files.directory) == before


def test_a_disk_that_is_full_keeps_the_old_value(tmp_path: Path) -> None:
    refusal, found, later = run("fill_up", tmp_path, before=OWN_MOUNTS)
    assert refusal[0] == "refused"
    assert "could not be written: No space left on device" in refusal[1]
    assert refusal[2] == "k"
    assert found == ["old value", True]
    assert later == "new value"


def test_a_mount_that_became_read_only_can_be_read_also_with_loose_modes(tmp_path: Path) -> None:
    assert run("read_only_mount", tmp_path, before=OWN_MOUNTS) == [["old value", "TokenStorageError"]]


@pytest.mark.parametrize("folder", ["/proc/self/nothing", "/dev/null/store"])
def test_a_place_where_no_folder_can_be_made_is_told(folder: str) -> None:
    manager = TokenManager(folder)
    for use in (
        lambda: manager.store.store_generic("k", "v"),
        lambda: manager.save_tokens("k", OAuthTokens(access_token="acc")),
    ):
        with pytest.raises(TokenStorageError) as caught:
            use()
        assert caught.value.name == "k"
        assert folder in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_folder_of_somebody_else_that_everybody_may_write_in_gets_no_secret(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    assert run("use_of_others", folder, "k") == [["TokenStorageError", "None"]]
    assert list(folder.iterdir()) == []


# A disk that is slow


def test_while_one_writes_to_a_slow_disk_everybody_reads_and_nobody_waits_longer_than_they_would(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = TokenManager(folder)
    for key in ("k", "neighbour"):
        manager.store.store_generic(key, "old value")
    monkeypatch.setattr(encrypted_file, "WRITING_TIMEOUT", 0.2)
    with children(("write_slowly", folder, "k")) as [child]:
        assert child.hears() == "writing"
        for key in ("k", "neighbour"):
            assert manager.store.retrieve_generic(key) == "old value"
        assert sorted(manager.store.list_generic()) == [("generic", "k"), ("generic", "neighbour")]
        with manager.exclusive("neighbour", timeout=0.2):
            pass
        for late in (
            lambda: manager.exclusive("k", timeout=0.2).__enter__(),
            lambda: manager.store.store_generic("neighbour", "new value"),
            lambda: manager.store.delete_generic("neighbour"),
        ):
            with pytest.raises(TokenStorageError, match=r"has been busy with .* for more than 0\.2 seconds"):
                late()
        child.go_on()
        assert child.hears() == "done"
    assert [manager.store.retrieve_generic(key) for key in ("k", "neighbour")] == ["new value", "old value"]
    manager.store.store_generic("neighbour", "new value")
    assert manager.store.retrieve_generic("neighbour") == "new value"


# A folder that is swapped for something else while it is used


@pytest.mark.parametrize("kind", ["empty", "other", "link", "file", "nothing"])
def test_a_folder_that_is_swapped_at_any_step_of_a_write_keeps_what_it_held(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    command = [sys.executable, "-m", "tests.stores.swap_child", str(tmp_path / "own"), kind]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) > 8
    for written, read, kept in told:
        assert written in ("None", "TokenStorageError", "StoreCorruptError", "StoreUnavailableError")
        assert read in ("None", "new value", "old value of other", "StoreCorruptError", "TokenStorageError")
        assert kept in ("old value of own", "new value")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "home", "other", "own"]
