"""What the tests of the protocol share: a session, a transport, and replies made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import requests

from mcp_oauth_sync.protocol.reply import Reply
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import AuthorizationServer, Origin

MakeReply = Callable[..., Reply]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as running:
        yield running


@pytest.fixture
def http(session: requests.Session) -> Transport:
    return Transport(session=session)


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Origin]:
    """An origin that nobody has any business with."""
    with Origin() as running:
        yield running
        assert running.connections == 0, "somebody went where nobody should go"


@pytest.fixture
def reply() -> MakeReply:
    def make(status: int = 200, body: object = b"", headers: dict[str, str] | None = None) -> Reply:
        data = (
            body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        )
        return Reply(url="https://as.example.com/x", status=status, headers=headers or {}, body=data)

    return make
