"""The MCP calls against the official SDK's server, signed in, with and without a handshake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync import CallbackPrompt, OAuth, TokenManager, TokenStoreBackend
from mcp_oauth_sync.mcp.calls import MCPCalls
from tests.real.sdk import SdkServer
from tests.servers import Person

pytestmark = pytest.mark.demo


@pytest.fixture(scope="module")
def server() -> Iterator[SdkServer]:
    with SdkServer() as running:
        yield running


@pytest.mark.parametrize("era", ["with a handshake", "stateless"])
def test_the_official_server_lists_its_tools_and_runs_one(server: SdkServer, era: str) -> None:
    person = Person()
    manager = TokenManager(backend=TokenStoreBackend.MEMORY)
    with requests.Session() as session:
        session.auth = OAuth(server.mcp_url, token_manager=manager, prompt=CallbackPrompt(person.in_thread))
        client = MCPCalls(server.mcp_url, session)
        if era == "stateless":
            client._go_stateless()  # this server speaks both, so it would never have to be tried
        assert {tool["name"] for tool in client.list_tools()} == {"list_notes", "whoami", "add_note"}
        said = client.call_tool("whoami", {})["content"][0]["text"]
        person.join()
    assert said.startswith("You are Ada.")
