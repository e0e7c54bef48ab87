"""A folder for a store, and a quick way to derive keys from passwords where the number of rounds is not the matter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync.stores import sealing
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore

from .faults import Zygote, zygote


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
    monkeypatch.setattr(sealing, "ITERATIONS", 10)
    monkeypatch.setattr(sealing, "_derived", {})


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Give the prepared process whose children's system calls go wrong."""
    with zygote(tmp_path_factory.mktemp("faults")) as started:
        yield started
