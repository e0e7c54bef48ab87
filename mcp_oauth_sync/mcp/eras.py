"""Which revision of MCP a server and we speak.

MCP versioning, "Protocol Version Negotiation" and "Backward Compatibility".
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable

import attrs

from ..exceptions import MCPError, OAuthError
from ..urls import without_query
from .conversation import ask
from .deadline import Deadline
from .handshake import Handshake
from .jsonrpc import UNSUPPORTED_VERSION, Message, build_request
from .refusal import (
    MODERN,
    era_may_have_changed,
    nothing_in_common,
    select_version,
    session_is_gone,
    supported_by,
    tells_the_era,
)
from .server_info import ServerInfo
from .streamable import Streamable
from .terms import HANDSHAKE, STATELESS, About, Terms
from .wire import Wire

logger = logging.getLogger(__name__)

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
        self._wire, self._about, self._pinned, self._timeout = wire, about, version, timeout
        self._url, self._lock, self._ids = wire.url, threading.Lock(), itertools.count(1)
        self._terms: Terms | None = None
        self._handshake = Handshake(wire=wire, about=about, number=self.number, timeout=timeout, overhear=overhear)

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

    def improve(self, used: Terms, refusal: MCPError) -> bool:
        """Tell whether a refused request has a chance now, because the two sides agree anew.

        Never where the server may have acted on it.

        Args:
            used: What was agreed when it was sent.
            refusal: How the server refused it.

        Raises:
            MCPError: The two sides have no revision in common any more.
        """
        if session_is_gone(used.channel.session_id, refusal):
            logger.info("%s has ended the session; beginning another", without_query(self._url))
            return self._replace(used, None)
        if used.stateless and refusal.code == UNSUPPORTED_VERSION:
            ours = (self._pinned,) if self._pinned else STATELESS + HANDSHAKE
            wanted = select_version(refusal, ours)
            if wanted is None:
                raise nothing_in_common(self._url, theirs=supported_by(refusal), ours=ours, refusal=refusal)
            if wanted == used.version:  # one of several machines may be older than the others: once more
                return not used.again and self._replace(used, attrs.evolve(used, again=True))
            _remembered[self._url] = wanted
            return self._replace(used, None)
        return era_may_have_changed(used, refusal) and self._has_changed(used)

    def end(self) -> None:
        """End every wait, and the session at the server, if there is one."""
        terms, self._terms = self._terms, None
        self._wire.close()
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
        version, theirs, refused = STATELESS[0], list[object](), None
        for _ in range(2):
            try:
                terms = self.discover(version)
            except MCPError as refusal:
                refused = refusal.with_traceback(None)  # whose frames would hold it, and all they know
                if refusal.code != UNSUPPORTED_VERSION:
                    if refusal.code in MODERN or not tells_the_era(refusal):
                        raise
                    return self._shake_hands(HANDSHAKE[0])
                theirs = supported_by(refusal)
            else:
                theirs = list(terms.server.supported_versions)
                if version in theirs:
                    _remembered[self._url] = version
                    return terms
            offered = next((known for known in STATELESS + HANDSHAKE if known in theirs), None)
            if offered in HANDSHAKE:
                return self._shake_hands(offered)
            if offered is None:
                break
            version = offered
        raise nothing_in_common(self._url, theirs=theirs, ours=STATELESS + HANDSHAKE, refusal=refused)

    def _stateless(self, version: str) -> Terms:
        channel, proven = Streamable(self._wire, stateful=False), self._pinned is not None
        return Terms(
            version=version, channel=channel, server=ServerInfo.bare(version), about=self._about, proven=proven
        )

    def _shake_hands(self, version: str) -> Terms:
        terms = self._handshake.begin(version, firm=self._pinned is not None)
        _remembered[self._url] = terms.version
        return terms

    def _replace(self, used: Terms, by: Terms | None) -> bool:
        with self._lock:
            if self._terms is used:
                self._terms = by
        return True

    def _has_changed(self, used: Terms) -> bool:
        """Find out whether the server speaks another revision than before."""
        with self._lock:
            if self._terms is used and self._pinned is None:
                try:
                    self._terms = self._probe()
                except OAuthError:  # the refusal says more
                    return False
            return self._terms is None or self._terms.version != used.version
