"""Which store is taken, and where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_oauth_sync import TokenStoreBackend, TokenStoreFactory
from mcp_oauth_sync.exceptions import StoreUnavailableError
from mcp_oauth_sync.stores import TokenManager, default_manager
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore
from mcp_oauth_sync.stores.places import default_directory


@pytest.mark.parametrize(
    ("backend", "kind"),
    [
        (TokenStoreBackend.AUTO, EncryptedFileStore),
        (TokenStoreBackend.ENCRYPTED_FILE, EncryptedFileStore),
        (TokenStoreBackend.MEMORY, MemoryStore),
        ("auto", EncryptedFileStore),
        ("encrypted_file", EncryptedFileStore),
        ("memory", MemoryStore),
    ],
)
def test_a_store_is_chosen_by_its_kind_or_by_the_name_of_the_kind(backend: TokenStoreBackend, kind: type) -> None:
    assert type(TokenStoreFactory.create(backend)) is kind
    assert type(TokenManager(backend=backend).store) is kind


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="diskette"):
        TokenStoreFactory.create("diskette")


def test_a_store_of_ones_own_is_used_as_it_is() -> None:
    own = MemoryStore()
    assert TokenManager(store=own, backend=TokenStoreBackend.ENCRYPTED_FILE).store is own


def test_the_folder_may_be_text_or_a_path(tmp_path: Path) -> None:
    for given in (tmp_path / "s", str(tmp_path / "s")):
        store = TokenStoreFactory.create("encrypted_file", token_dir=given)
        assert isinstance(store, EncryptedFileStore)
        assert store.directory == tmp_path / "s"


def test_the_default_folder_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert default_directory() == home / "store"
    monkeypatch.delenv("MCP_OAUTH_SYNC_HOME")
    assert default_directory().name == "mcp-oauth-sync"
    assert default_directory().is_relative_to(home)


def test_opening_a_store_touches_nothing(home: Path) -> None:
    manager = default_manager()
    assert manager.load_record("notion") is None
    assert manager.has_valid_tokens("notion") is False
    assert list(home.iterdir()) == []


def test_the_default_manager_is_one_per_process_folder_and_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = default_manager()
    assert default_manager() is first
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "open sesame")
    second = default_manager()
    monkeypatch.setenv("MCP_OAUTH_SYNC_HOME", str(tmp_path / "elsewhere"))
    third = default_manager()
    assert len({id(first), id(second), id(third)}) == 3
    assert default_manager() is third


def test_an_empty_password_in_the_environment_makes_the_default_store_unavailable(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("MCP_OAUTH_SYNC_PASSWORD", "")
    with pytest.raises(StoreUnavailableError, match="empty"):
        default_manager()
    assert list(home.iterdir()) == []
