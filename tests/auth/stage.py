"""What the tests of the requests integration share: a session that signs in, what servers saw, an older token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync import CallbackPrompt, NoPrompt, OAuth
from mcp_oauth_sync.stores import manager
from tests.servers import Exchange, McpServer, Origin, Person

#: A call of the MCP server; any will do.
CALL = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
#: Where the person's browser goes; all else comes from the library.
PAGES = ("/authorize", "/consent")

METADATA = ("GET", "/.well-known/oauth-authorization-server", 200)
RESOURCE_METADATA = ("GET", "/.well-known/oauth-protected-resource/mcp", 200)


def auth_for(mcp: McpServer, person: Person | None = None, **options: Any) -> OAuth:
    """Return the auth object; without a person, nobody can be asked."""
    prompt = NoPrompt() if person is None else CallbackPrompt(person.redirect_only)
    return OAuth(mcp.mcp_url, **{"prompt": prompt, **options})


def session_for(mcp: McpServer, person: Person | None = None, **options: Any) -> requests.Session:
    """Return a session that carries the auth object."""
    session = requests.Session()
    session.auth = auth_for(mcp, person, **options)
    return session


def exchanges(origin: Origin) -> list[Exchange]:
    """Return what programs sent, the person's browser left out."""
    return [exchange for exchange in origin.requests() if exchange.path not in PAGES]


def steps(origin: Origin) -> list[tuple[str, str, int]]:
    """Return method, path and status of what programs sent, in order."""
    return [(exchange.method, exchange.path, exchange.status) for exchange in exchanges(origin)]


def connections(origin: Origin) -> int:
    """Count the connections programs used."""
    return len({exchange.connection for exchange in exchanges(origin)})


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process holds of the default store, as a new process would."""
    monkeypatch.setattr(manager, "_defaults", {})


def grow_old(url: str, seconds: float = 10_000) -> None:
    """Make the stored tokens of a server older, so that their time is over by the clock."""
    store = manager.default_manager()
    record = store.load_record(url)
    assert record is not None
    assert record.tokens is not None
    aged = attrs.evolve(record.tokens, issued_at=record.tokens.issued_at - seconds)
    store.save_record(url, attrs.evolve(record, tokens=aged))


def header_values(origins: Iterable[Origin], name: str) -> list[str]:
    """Return every value of a header that arrived at these origins, browsers left out."""
    found: list[str] = []
    for origin in origins:
        for exchange in exchanges(origin):
            found += exchange.headers.get_all(name) or []
    return found


def challenge(mcp: McpServer, *, error: str = "invalid_token", scope: str | None = None) -> tuple[str, str]:
    """Return the header line a server refuses with."""
    text = f'Bearer error="{error}", resource_metadata="{mcp.prm_url}"'
    return ("WWW-Authenticate", text + (f', scope="{scope}"' if scope else ""))


Sender = Callable[..., requests.Response]
