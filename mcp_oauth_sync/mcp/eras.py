"""Which revision of MCP a server and we speak, and what each message says of it.

MCP versioning, "Backward Compatibility"; the handshake is the lifecycle of the revisions until 2025-11-25.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

import attrs

from ..exceptions import MCPError, OAuthError, printable
from ..urls import without_query
from .conversation import Channel, ask
from .deadline import Deadline
from .jsonrpc import (
    UNSUPPORTED_VERSION,
    Message,
    build_notification,
    build_request,
)
from .refusal import MODERN, select_version, session_is_gone, tells_the_era
from .server_info import ServerInfo
from .streamable import Streamable
from .terms import HANDSHAKE, STATELESS, About, Terms
from .wire import Wire

logger = logging.getLogger(__name__)

#: Seconds to wait until a server hears that we listen: what it says before is lost.
_ATTENTION = 2.0

#: What servers were found to speak, by URL, for later sessions of this process.
_remembered: dict[str, str] = {}


class Agreement:
    """Finds out what a server speaks, once for all threads, and anew when that has changed.

    Args:
        wire: Reaches the server.
        about: What we say of ourselves.
        version: The revision to offer; None finds out what the server speaks.
        timeout: Seconds to wait for each answer.
        overhear: Hears what a server of handshakes says outside of calls, in a thread of its own; None does not listen.
    """

    def __init__(
        self,
        wire: Wire,
        about: About,
        *,
        version: str | None,
        timeout: float,
        overhear: Callable[[Terms, Message], None] | None,
    ) -> None:
        """Send nothing yet."""
        self._overhear = overhear
        self._wire, self._about, self._pinned, self._timeout = wire, about, version, timeout
        self._url, self._lock, self._ids = wire.url, threading.Lock(), itertools.count(1)
        self._terms: Terms | None = None

    def number(self) -> int:
        """Return an id for a request."""
        return next(self._ids)

    def terms(self) -> Terms:
        """Return what is agreed. Raises as a call does."""
        terms = self._terms
        if terms is None:
            with self._lock:
                terms = self._terms = self._terms or self._agree()
        return terms

    @property
    def agreed(self) -> bool:
        """Whether anything is agreed."""
        return self._terms is not None

    def renew(self) -> None:
        """Forget what is agreed; what the server speaks is remembered."""
        with self._lock:
            self._terms = None

    def improve(self, used: Terms, refusal: MCPError) -> bool:
        """Tell whether a refused request has a chance now, because the two sides agree anew."""
        wanted = _remembered.get(self._url)
        if used.stateless and refusal.code == UNSUPPORTED_VERSION:
            wanted = select_version(refusal, (self._pinned,) if self._pinned else STATELESS + HANDSHAKE)
            if wanted is None:
                return False
        elif session_is_gone(used.channel.session_id, refusal):
            logger.info("%s has ended the session; beginning another", without_query(self._url))
        elif used.proven or not tells_the_era(refusal):
            return False
        else:
            wanted = None
        with self._lock:
            if self._terms is used:
                self._terms = None
                self._remember(wanted)
        return True

    def end(self) -> None:
        """End the session at the server, if there is one."""
        terms, self._terms = self._terms, None
        if terms is not None:
            terms.channel.end(terms.headers("notifications/cancelled"))

    def discover(self, version: str) -> Terms:
        """Ask a server of the stateless revisions what it is.

        Raises as a call does. What other servers say to everything has the status 200.
        """
        terms = self._stateless(version)
        request = build_request(self.number(), "server/discover", {"_meta": terms.meta()})
        deadline = Deadline(self._url, self._timeout)
        found = ask(terms.channel, request, headers=terms.headers("server/discover"), deadline=deadline)
        if not found.get("supportedVersions"):
            raise MCPError(f"{without_query(self._url)} does not say which revisions it speaks.", status=200)
        return attrs.evolve(terms, server=ServerInfo.from_discover(found, protocol_version=version), proven=True)

    def _agree(self) -> Terms:
        wanted = self._pinned or _remembered.get(self._url)
        if wanted is None:
            return self._probe()
        if wanted in STATELESS:
            return self._stateless(wanted)
        try:
            return self._shake_hands(wanted)
        except MCPError as refusal:
            if self._pinned or not tells_the_era(refusal):
                raise
            return self._probe()

    def _probe(self) -> Terms:
        """Try a stateless request. Whoever does not know it wants a handshake."""
        version, offered = STATELESS[0], None
        for _ in range(2):
            try:
                terms = self.discover(version)
            except MCPError as refusal:
                if refusal.code != UNSUPPORTED_VERSION and (refusal.code in MODERN or not tells_the_era(refusal)):
                    raise
                offered = select_version(refusal, STATELESS + HANDSHAKE)
            else:
                offered = next((known for known in STATELESS if known in terms.server.supported_versions), None)
                if offered == version:
                    self._remember(version)
                    return terms
                offered = offered or next((v for v in HANDSHAKE if v in terms.server.supported_versions), None)
            if offered not in STATELESS:
                break
            version = offered
        return self._shake_hands(offered or HANDSHAKE[0])

    def _stateless(self, version: str) -> Terms:
        channel, proven = Streamable(self._wire, stateful=False), self._pinned is not None
        return Terms(
            version=version, channel=channel, server=ServerInfo.bare(version), about=self._about, proven=proven
        )

    def _shake_hands(self, version: str) -> Terms:
        channel: Channel = Streamable(self._wire, stateful=True)
        try:
            server = self._initialize(channel, version)
        except MCPError as refusal:
            other = None if self._pinned else select_version(refusal, HANDSHAKE)
            if other is not None and other != version:
                channel = Streamable(self._wire, stateful=True)
            elif refusal.status in (400, 404, 405) and refusal.code is None:
                channel = self._older_transport(refusal)
            else:
                raise
            server = self._initialize(channel, other or version)
        terms = Terms(version=server.protocol_version, channel=channel, server=server, about=self._about)
        if terms.version not in HANDSHAKE:
            channel.end({})
            raise MCPError(
                f"{without_query(self._url)} speaks MCP {printable(terms.version, 20)}, which we do not.",
                hint=f"We speak {', '.join(STATELESS + HANDSHAKE)}.",
            )
        self._remember(terms.version)
        self._introduce(terms)
        return terms

    def _older_transport(self, refusal: MCPError) -> Channel:
        """Return the transport of 2024-11-05, where a server has it; else the error is that it has no newer one."""
        from .http_sse import HttpSse

        try:
            return HttpSse(self._wire, self._timeout)
        except MCPError as failure:
            logger.debug("%s", failure.message)
            raise refusal from None

    def _initialize(self, channel: Channel, version: str) -> ServerInfo:
        hello = {"protocolVersion": version, "capabilities": self._about.capabilities, "clientInfo": self._about.info}
        request = build_request(self.number(), "initialize", hello)
        return ServerInfo.from_initialize(
            ask(channel, request, headers={}, deadline=Deadline(self._url, self._timeout))
        )

    def _introduce(self, terms: Terms) -> None:
        """Say that we are ready, and what we want to hear."""
        done = build_notification("notifications/initialized")
        terms.channel.tell(done, headers=terms.headers(done["method"]), deadline=Deadline(self._url, self._timeout))
        if self._about.log_level is not None and "logging" in terms.server.capabilities:
            request = build_request(self.number(), "logging/setLevel", {"level": self._about.log_level})
            headers, deadline = terms.headers(request["method"]), Deadline(self._url, self._timeout)
            with suppress(MCPError):  # what it does not tell is missed, nothing else
                ask(terms.channel, request, headers=headers, deadline=deadline)

        if self._overhear is not None:
            ready = threading.Event()
            threading.Thread(
                target=self._listen, args=(terms, ready), name="mcp-oauth-sync listener", daemon=True
            ).start()
            ready.wait(_ATTENTION)

    def _listen(self, terms: Terms, ready: threading.Event) -> None:
        assert self._overhear is not None  # noqa: S101
        try:
            for said in terms.channel.listen(headers=terms.headers("notifications/initialized"), ready=ready.set):
                self._overhear(terms, said)
        except OAuthError as failure:
            logger.debug("%s: not listening any more: %s", without_query(self._url), failure.message)
        finally:
            ready.set()

    def _remember(self, version: str | None) -> None:
        if version is None:
            _remembered.pop(self._url, None)
        else:
            _remembered[self._url] = version
