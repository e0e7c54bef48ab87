"""A session with the official SDK's server, signed in, in both eras."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync import CallbackPrompt, MCPSession, OAuth, TokenManager, TokenStoreBackend
from tests.real.sdk import SdkServer
from tests.servers import Person

pytestmark = pytest.mark.demo


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    with SdkServer() as running:
        yield running


@pytest.mark.parametrize(
    ("version", "spoken"), [(None, "2026-07-28"), ("2026-07-28", "2026-07-28"), ("2025-11-25", "2025-11-25")]
)
def test_the_official_server_lists_its_tools_and_runs_one(server: SdkServer, version: str | None, spoken: str) -> None:
    person = Person()
    manager = TokenManager(backend=TokenStoreBackend.MEMORY)
    auth = OAuth(server.mcp_url, token_manager=manager, prompt=CallbackPrompt(person.in_thread))
    with MCPSession(server.mcp_url, auth=auth, version=version) as mcp:
        assert {tool.name for tool in mcp.list_tools()} == {"list_notes", "whoami", "add_note"}
        said = mcp.call_tool("whoami").raise_for_error().text
        assert mcp.server.protocol_version == spoken
        person.join()
    assert said.startswith("You are Ada.")
