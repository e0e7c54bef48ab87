"""What one test finds out about a server is forgotten before the next: it may get the same port."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.mcp import eras


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the test a memory of its own of which server speaks what, and return it."""
    memory: dict[str, str] = {}
    monkeypatch.setattr(eras, "_remembered", memory)
    return memory
