"""Servers and a sign-in for the command line to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync import CallbackPrompt, OAuth
from tests.servers import AuthorizationServer, McpServer, Person

from .terminal import files_below, stand_in_browser


class Scene:
    """An authorization server, an MCP server, a person, and the store of the command line."""

    def __init__(self, az: AuthorizationServer, mcp: McpServer, store: Path) -> None:
        self.az, self.mcp, self.store = az, mcp, store
        self.person = Person()

    @property
    def url(self) -> str:
        """The MCP server's URL."""
        return self.mcp.mcp_url

    @property
    def files(self) -> dict[str, bytes]:
        """What the store holds."""
        return files_below(self.store)

    def sign_in(self, name: str = "notes", url: str | None = None) -> str:
        """Sign in under a name, leave no trace in the servers' logs, and return the access token."""
        auth = OAuth(url or self.url, name=name, prompt=CallbackPrompt(self.person.in_thread))
        tokens = auth.sign_in()
        self.person.join()
        self.az.clear()
        self.mcp.clear()
        self.mcp.tokens_seen.clear()
        return str(tokens.access_token)

    def quiet(self) -> bool:
        """Whether no server was asked anything."""
        return self.az.log == [] and self.mcp.log == []


@pytest.fixture
def scene(home: Path) -> Iterator[Scene]:
    with AuthorizationServer() as az, McpServer(az) as mcp:
        made = Scene(az, mcp, home / "store")
        yield made
        assert az.violations == []
        assert mcp.violations == []


@pytest.fixture
def browser(tmp_path: Path) -> Callable[[str], tuple[str, Path]]:
    """Make a value for BROWSER, and the file in which that browser notes what it was given to open."""
    return lambda decision: stand_in_browser(tmp_path, decision)
