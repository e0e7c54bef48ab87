"""A folder for a store, and a quick way to derive keys from passwords where the number of rounds is not the matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_oauth_sync.stores import encrypted_file
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the store of the test lies; not made yet."""
    return tmp_path / "store"


@pytest.fixture
def files(folder: Path) -> EncryptedFileStore:
    """Return a store with a generated key."""
    return EncryptedFileStore(folder)


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys from passwords quickly."""
    monkeypatch.setattr(encrypted_file, "ITERATIONS", 10)
