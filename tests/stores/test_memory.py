"""The store that forgets everything when the process ends."""

from __future__ import annotations

from pathlib import Path

from mcp_oauth_sync import OAuthTokens
from mcp_oauth_sync.stores import TokenManager, TokenStoreBackend
from mcp_oauth_sync.stores.memory import MemoryStore


def test_two_stores_in_memory_do_not_share_anything() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.store_generic("k", "v")
    assert other.retrieve_generic("k") is None


def test_nothing_in_memory_reaches_the_disk(home: Path, tmp_path: Path) -> None:
    manager = TokenManager(token_dir=tmp_path / "store", backend=TokenStoreBackend.MEMORY)
    manager.save_tokens("notion", OAuthTokens(access_token="acc"))
    manager.link("https://mcp.example.com/mcp", "notion")
    assert manager.load_tokens("notion") is not None
    assert manager.delete_record("notion") is True
    assert sorted(path.name for path in tmp_path.rglob("*")) == [home.name]
