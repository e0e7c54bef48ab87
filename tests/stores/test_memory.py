"""The store that forgets everything when the process ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import TokenManager
from mcp_oauth_sync.stores.memory import MemoryStore
from mcp_oauth_sync.stores.table import TokenStoreBackend


def test_two_stores_in_memory_do_not_share_anything() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.store_generic("k", "v")
    assert other.retrieve_generic("k") is None


def test_an_entry_in_memory_has_a_name_too() -> None:
    store = MemoryStore()
    for use in (store.retrieve_generic, store.delete_generic, lambda key, namespace: store.store_generic(key, "v")):
        with pytest.raises(TokenStorageError, match="not empty"):
            use("", namespace="generic")
    assert store.list_generic() == []


def test_values_in_memory_are_listed_by_namespace_and_do_not_show_themselves() -> None:
    store = MemoryStore()
    store.store_generic("k", "the value", namespace="one")
    store.store_generic("k", "the value", namespace="two")
    assert sorted(store.list_generic()) == [("one", "k"), ("two", "k")]
    assert store.list_generic(namespace="two") == [("two", "k")]
    assert "the value" not in repr(vars(store))


def test_nothing_in_memory_reaches_the_disk(home: Path, tmp_path: Path) -> None:
    manager = TokenManager(token_dir=tmp_path / "store", backend=TokenStoreBackend.MEMORY)
    manager.save_tokens("notion", OAuthTokens(access_token="acc"))
    manager.link("https://mcp.example.com/mcp", "notion")
    assert manager.load_tokens("notion") is not None
    assert manager.delete_record("notion") is True
    assert sorted(path.name for path in tmp_path.rglob("*")) == [home.name]
