"""Places where a store can be read but not written: another user's folder, a read-only mount, a full disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import TokenManager
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .child import NOBODY
from .folders import snapshot
from .processes import run

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
