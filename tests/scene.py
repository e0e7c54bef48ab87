"""A protected MCP server, its authorization server and a person with a browser: the stage of most tests here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync import CallbackPrompt, MCPOAuthClient, OAuth, OAuthHandler, ServerRecord, TokenManager
from mcp_oauth_sync.authorizer import refresh, unattended
from mcp_oauth_sync.stores import default_manager

from .servers import AuthorizationServer, Exchange, McpServer, Person, ProtectedServer

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
WRITE = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "write_note"}}
DAY, YEAR = 86400.0, 365 * 86400.0


class Scene:
    """Both servers, up within the `with` block; at its end nobody may have done what a correct client does not.

    Args:
        upstream: The endpoint of a server without OAuth that answers in place of the scripted one; None has it
            answer itself.
        options: For the authorization server.
    """

    def __init__(self, *, upstream: str | None = None, **options: Any) -> None:
        self.az = AuthorizationServer(**options)
        self.mcp = McpServer(self.az) if upstream is None else ProtectedServer(self.az, upstream)
        self.person = Person()
        self.shown: list[str] = []
        """The authorization URLs that a person was shown."""
        self.before_going: Callable[[], object] | None = None
        """Called between being shown a URL and opening it."""

    def __enter__(self) -> Scene:
        self.az.start()
        self.mcp.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.person.join()
        finally:
            self.mcp.__exit__(kind, error, trace)
            self.az.__exit__(kind, error, trace)
        if error is None and (noted := [*self.az.violations, *self.mcp.violations]):
            raise AssertionError(f"what a correct client does not do: {noted}")

    # The person

    def show(self, url: str) -> None:
        """Be shown a URL, and open it in the background."""
        self.shown.append(url)
        if self.before_going is not None:
            self.before_going()
        self.person.in_thread(url)

    @property
    def prompt(self) -> CallbackPrompt:
        """A way to ask this person."""
        return CallbackPrompt(self.show)

    # The servers

    def offer_binding(self, *, only: bool = False, nonces: bool = False) -> None:
        """Let both servers take tokens bound to keys.

        Args:
            only: Whether the MCP server takes no others.
            nonces: Whether both want nonces in proofs.
        """
        self.az.dpop.offered = self.mcp.binding.offered = True
        self.mcp.binding.only = only
        self.az.dpop.wants_nonce = self.mcp.binding.wants_nonce = nonces

    # The client

    @property
    def url(self) -> str:
        """The URL of the MCP server."""
        return self.mcp.mcp_url

    def oauth(self, **options: Any) -> OAuth:
        """Make the auth object of a fresh process: it holds nothing yet."""
        return OAuth(self.url, **{"prompt": self.prompt, **options})

    def client(self, *positional: Any, **options: Any) -> MCPOAuthClient:
        """Make a step-by-step client."""
        return MCPOAuthClient(self.url, *positional, **{"prompt": self.prompt, **options})

    def handler(self, **options: Any) -> OAuthHandler:
        """Make a handler."""
        return OAuthHandler(**{"prompt": self.prompt, **options})

    def post(self, auth: OAuth, body: Any = PING, timeout: Any = 10) -> requests.Response:
        """Call the MCP server."""
        with requests.Session() as session:
            return session.post(self.url, auth=auth, json=body, timeout=timeout)

    def sign_in(self, **options: Any) -> OAuth:
        """Sign in by a first call, and forget how it went."""
        auth = self.oauth(**options)
        assert self.post(auth).status_code == 200
        self.forget_log()
        return auth

    def forget_log(self) -> None:
        """Start counting anew."""
        self.person.join()
        self.az.clear()
        self.mcp.clear()
        self.shown.clear()

    # The store

    @property
    def manager(self) -> TokenManager:
        """The default store."""
        return default_manager()

    def record(self, name: str | None = None) -> ServerRecord:
        """Return what is stored for the server, or under a name."""
        record = self.manager.load_record(name or self.url)
        assert record is not None
        return record

    def change_record(self, **changes: Any) -> None:
        """Change what is stored for the server."""
        self.change_record_of(self.url, **changes)

    def change_record_of(self, name: str, **changes: Any) -> None:
        """Change what is stored under a name."""
        self.manager.save_record(name, attrs.evolve(self.record(name), **changes))

    def age(self, seconds: float) -> None:
        """Let the stored tokens have been issued that much earlier, by our clock."""
        tokens = self.record().tokens
        assert tokens is not None
        self.change_record(tokens=attrs.evolve(tokens, issued_at=tokens.issued_at - seconds))

    def expire(self) -> None:
        """End the life of every access token, by our clock and the server's."""
        self.az.expire_all_access_tokens()
        self.age(YEAR)

    def age_record(self, name: str, seconds: float) -> None:
        """Let the tokens stored under a name have been issued that much earlier, by our clock."""
        tokens = self.record(name).tokens
        assert tokens is not None
        self.change_record_of(name, tokens=attrs.evolve(tokens, issued_at=tokens.issued_at - seconds))

    def expire_record(self, name: str) -> None:
        """End the life of every access token at the server, and of those stored under a name by our clock."""
        self.az.expire_all_access_tokens()
        self.age_record(name, YEAR)

    # What happened

    @property
    def access_token(self) -> str:
        """The access token stored."""
        tokens = self.record().tokens
        assert tokens is not None
        return tokens.access_token

    def asked(self, path: str) -> list[Exchange]:
        """Return what arrived at a path of the authorization server."""
        return self.az.requests(path)


def paths(exchanges: Iterable[Exchange]) -> list[str]:
    """Return what was asked, in order."""
    return [f"{exchange.method} {exchange.path} {exchange.status}" for exchange in exchanges]


def stored() -> dict[str, bytes]:
    """Return every file of the default store, byte by byte; lock files hold nothing."""
    folder = Path(os.environ["MCP_OAUTH_SYNC_HOME"])
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def never_wait(monkeypatch: pytest.MonkeyPatch, *, attempts: int = 4) -> None:
    """Let requests for tokens be repeated at once."""
    for room in (refresh, unattended):
        monkeypatch.setattr(room, "BACKOFF", (0.0,) * (attempts - 1))


def shift_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Move the wall clock as this package sees it; the monotonic one never moves."""
    import time

    shifted = SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic)
    rooms = ("models.tokens", "models.client", "models.pending", "protocol.token_endpoint", "authorizer.asking")
    for module in (*rooms, "protocol.assertions", "authorizer.unattended", "stores.pending", "two_step"):
        monkeypatch.setattr(f"mcp_oauth_sync.{module}.time", shifted)
