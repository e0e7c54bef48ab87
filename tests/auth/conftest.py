"""One authorization server, one MCP server and one person for each test; both servers must stay content."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.servers import AuthorizationServer, McpServer, Person

from .stage import CALL, session_for


@pytest.fixture
def az() -> Iterator[AuthorizationServer]:
    """An authorization server that has nothing to object to in the end."""
    with AuthorizationServer() as server:
        yield server
        assert server.violations == []


@pytest.fixture
def mcp(az: AuthorizationServer) -> Iterator[McpServer]:
    """An MCP server that has nothing to object to in the end."""
    with McpServer(az) as server:
        yield server
        assert server.violations == []


@pytest.fixture
def person() -> Person:
    """Somebody who says yes."""
    return Person()


@pytest.fixture
def signed_in(az: AuthorizationServer, mcp: McpServer, person: Person) -> Iterator[requests.Session]:
    """A session whose person has signed in; the servers' logs are empty again."""
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
        mcp.clear()
        az.clear()
        person.visited.clear()
        yield session
