"""How a session begins at a server of the revisions with a handshake.

MCP 2025-11-25 lifecycle, "Initialization"; which transport it is, MCP Streamable HTTP, "HTTP+SSE Transport
(2024-11-05)".
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress

import attrs

from ..exceptions import MCPError, OAuthError, printable
from ..urls import without_query
from .channel import Channel
from .conversation import ask
from .deadline import Deadline
from .jsonrpc import Message, build_notification, build_request
from .refusal import may_be_older, nothing_in_common, select_version, supported_by
from .server_info import ServerInfo
from .streamable import Streamable
from .terms import HANDSHAKE, About, Terms
from .wire import Wire

logger = logging.getLogger(__name__)

#: Seconds to wait until a server hears that we listen: what it says before is lost.
_ATTENTION = 2.0


@attrs.frozen(kw_only=True)
class Handshake:
    """Begins sessions.

    Attributes:
        wire: Reaches the server.
        about: What we say of ourselves.
        number: Gives an id for a request.
        timeout: Seconds to wait for each answer.
        overhear: Hears what a server says outside of calls, in a thread of its own; None does not listen.
    """

    wire: Wire
    about: About
    number: Callable[[], int]
    timeout: float
    overhear: Callable[[Terms, Message], None] | None

    def begin(self, version: str, *, firm: bool) -> Terms:
        """Agree with the server and tell it that we are ready.

        Args:
            version: The revision to offer.
            firm: Whether no other is offered when the server refuses it.

        Raises:
            MCPError: The server refuses, or speaks no revision that we do.
            OAuthError: No good token could be got; the subclass says why.
        """
        channel: Channel = Streamable(self.wire, stateful=True)
        try:
            server = self._initialize(channel, version)
        except MCPError as refusal:
            other = None if firm else select_version(refusal, HANDSHAKE)
            if other not in (None, version):
                channel = Streamable(self.wire, stateful=True)
            elif may_be_older(refusal):
                channel = self._older_transport(refusal)
            elif supported_by(refusal) and other is None:
                theirs, ours = supported_by(refusal), (version,) if firm else HANDSHAKE
                raise nothing_in_common(self.wire.url, theirs=theirs, ours=ours, refusal=refusal) from None
            else:
                raise
            server = self._initialize(channel, other or version)
        if server.protocol_version not in HANDSHAKE:
            channel.end({})
            raise nothing_in_common(self.wire.url, theirs=[server.protocol_version], ours=HANDSHAKE)
        terms = Terms(version=server.protocol_version, channel=channel, server=server, about=self.about)
        try:
            self._introduce(terms)
        except OAuthError:
            terms.channel.end(terms.headers("notifications/cancelled"))
            raise
        return terms

    def _initialize(self, channel: Channel, version: str) -> ServerInfo:
        hello = {"protocolVersion": version, "capabilities": self.about.capabilities, "clientInfo": self.about.info}
        request = build_request(self.number(), "initialize", hello)
        try:
            return ServerInfo.from_initialize(ask(channel, request, headers={}, deadline=self._deadline()))
        except OAuthError:
            channel.end({})
            raise

    def _older_transport(self, refusal: MCPError) -> Channel:
        """Return the transport of 2024-11-05, where a server has it; else the error is that it has no newer one."""
        from .http_sse import ElsewhereError, HttpSse

        try:
            return HttpSse(self.wire, self.timeout)
        except ElsewhereError:
            raise
        except MCPError as failure:
            logger.debug("%s", failure.message)
            raise refusal from None

    def _introduce(self, terms: Terms) -> None:
        """Say that we are ready, and what we want to hear."""
        done = build_notification("notifications/initialized")
        terms.channel.tell(done, headers=terms.headers(done["method"]), deadline=self._deadline())
        if self.about.log_level is not None and "logging" in terms.server.capabilities:
            request = build_request(self.number(), "logging/setLevel", {"level": self.about.log_level})
            with suppress(MCPError):  # what it does not tell is missed, nothing else
                ask(terms.channel, request, headers=terms.headers(request["method"]), deadline=self._deadline())
        if self.overhear is not None:
            self.wire.watch()
            ready = threading.Event()
            threading.Thread(
                target=self._listen, args=(terms, ready), name="mcp-oauth-sync listener", daemon=True
            ).start()
            ready.wait(_ATTENTION)

    def _listen(self, terms: Terms, ready: threading.Event) -> None:
        assert self.overhear is not None  # noqa: S101
        try:
            for said in terms.channel.listen(headers=terms.headers("notifications/initialized"), ready=ready.set):
                asks = "elicitation" in self.about.capabilities and said.get("method") == "elicitation/create"
                with self.wire.patience() if asks else nullcontext():  # its call may wait for what the person says
                    self.overhear(terms, said)
        except OAuthError as failure:
            logger.debug("%s: not listening any more: %s", without_query(self.wire.url), printable(failure.message))
        finally:
            ready.set()

    def _deadline(self) -> Deadline:
        return Deadline(self.wire.url, self.timeout)
