"""The stage of every attack, on real loopback sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..servers import AuthorizationServer, McpServer, Origin
from .stage import Stage


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with AuthorizationServer() as server, McpServer(server) as mcp, Origin() as elsewhere:
        made = Stage(mcp=mcp, server=server, elsewhere=elsewhere, folder=home / "store")
        yield made
        made.nothing_went_elsewhere()
