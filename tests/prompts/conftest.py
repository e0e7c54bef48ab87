"""Two servers and a person for every test of the prompts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import AuthorizationServer, McpServer, Person


@pytest.fixture
def az() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def mcp(az: AuthorizationServer) -> Iterator[McpServer]:
    with McpServer(az) as running:
        yield running


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person()
    yield person
    person.join()
