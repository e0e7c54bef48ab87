"""What an attack is played on: two servers, a person, a store with something in it, and the rule for refusals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import requests

from mcp_oauth_sync import CallbackPrompt, ClientRegistration, OAuth, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationTimeoutError, OAuthError
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import AuthorizationServer, McpServer, Origin, Person
from .memory import MEMORY, peak, uncollected

#: Seconds that any refusal may take; the real limits are lowered where a server never ends its answer.
BOUND = 8.0
#: Seconds for a whole exchange with an endpoint that hangs or drips.
HURRY = 0.25
NEIGHBOUR = ServerRecord(
    server_url="https://other.example.com/mcp",
    issuer="https://login.example.com",
    token_endpoint="https://login.example.com/token",
    registration=ClientRegistration(client_id="other", issuer="https://login.example.com"),
    tokens=OAuthTokens(
        access_token="other-Access-0123456789abcdefghijklmn", refresh_token="other-Refresh-0123456789abc"
    ),
)


def readable(error: BaseException) -> str:
    """Return all that an error says to a person, having checked that a terminal may show it."""
    said = [str(error), *map(str, getattr(error, "tried", ()))]
    said += [str(getattr(error, name, None) or "") for name in ("message", "hint", "error", "error_description")]
    for text in said:
        assert all(line.isprintable() for line in text.split("\n")), "characters that no terminal should get"
    return "\n".join(said)


@attrs.define
class Stage:
    """One MCP server, its authorization server, and somebody else who must never hear from us.

    Attributes:
        asked: The URLs that a person was asked to open.
        person: Who opens them.
        answer: Does it instead, as the function of a ``CallbackPrompt`` does.
        folder: Where the store lies.
    """

    mcp: McpServer
    server: AuthorizationServer
    elsewhere: Origin
    folder: Path
    asked: list[str] = attrs.field(factory=list)
    person: Person = attrs.field(factory=Person)
    answer: Callable[[str], str | None] | None = None
    ca: Path | None = None
    manager: TokenManager = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.manager = TokenManager(token_dir=self.folder)
        self.manager.save_record("neighbour", NEIGHBOUR)

    def prompt(self) -> CallbackPrompt:
        """Return a prompt behind which the person sits."""
        return CallbackPrompt(self._show)

    def _show(self, url: str) -> str | None:
        self.asked.append(url)
        if self.answer is not None:
            return self.answer(url)
        redirect = self.person.redirect_only(url)
        assert redirect is not None, "the browser ended on a page"
        return redirect

    def auth(self, **options: Any) -> OAuth:
        """Return a door to the MCP server."""
        return OAuth(self.mcp.mcp_url, prompt=self.prompt(), token_manager=self.manager, **options)

    def call(self, auth: OAuth) -> requests.Response:
        """Make one request as an application does."""
        with requests.Session() as session:
            session.verify = True if self.ca is None else str(self.ca)
            return session.post(self.mcp.mcp_url, json={"hello": 1}, auth=auth, timeout=20)

    def snapshot(self) -> dict[str, bytes]:
        """Return the store, byte by byte; lock files hold nothing."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def sent(self, name: str) -> list[Any]:
        """Return what reached an endpoint of the authorization server."""
        return self.server.requests(self.server.paths[name])

    @contextmanager
    def refusing(self, *kinds: type[OAuthError], shown: int = 0, redeemed: int = 0) -> Iterator[list[OAuthError]]:
        """Expect a refusal: typed, in bounds, readable, nothing sent elsewhere, the store as it was, byte by byte.

        Args:
            kinds: What may be raised.
            shown: How often a person is asked before.
            redeemed: How often the token endpoint hears from us before.
        """
        before, asked, tokens = self.snapshot(), len(self.asked), len(self.sent("token"))
        errors: list[OAuthError] = []
        started, held = time.monotonic(), peak(reset=True)
        with uncollected(), pytest.raises(OAuthError) as caught:
            yield errors
        assert time.monotonic() - started < BOUND
        assert peak() - held < MEMORY
        errors.append(caught.value)
        assert isinstance(caught.value, kinds), repr(caught.value)
        readable(caught.value)
        assert len(self.asked) - asked == shown, f"{len(self.asked) - asked} browsers opened"
        assert len(self.sent("token")) - tokens == redeemed, f"{len(self.sent('token')) - tokens} token requests"
        after = self.snapshot()
        if isinstance(caught.value, AccessDeniedError | AuthorizationTimeoutError):  # the next try is the same client
            after = {name: after[name] for name in after if name in before or not name.startswith("unfinished.d/")}
        assert after == before, "the store has changed"
        self.nothing_went_elsewhere()

    def nothing_went_elsewhere(self) -> None:
        """Check what must hold after everything."""
        assert (self.elsewhere.connections, self.elsewhere.log) == (0, [])
        violations = self.server.violations + self.mcp.violations
        assert not violations, violations


def hurry(patch: pytest.MonkeyPatch, path: str) -> None:
    """Lower the limit for a whole exchange with one endpoint; all others keep theirs, however busy the machine."""
    send = Transport.send

    def hurried(http: Transport, method: str, url: str, **options: Any) -> Any:
        here = urlsplit(url).path == path
        return send(attrs.evolve(http, deadline=HURRY) if here else http, method, url, **options)

    patch.setattr(Transport, "send", hurried)


def impatient(patch: pytest.MonkeyPatch) -> None:
    """Let a refresh that failed for now be tried once in a request, and never waited for."""
    patch.setattr("mcp_oauth_sync.authorizer.refresh.BACKOFF", ())
