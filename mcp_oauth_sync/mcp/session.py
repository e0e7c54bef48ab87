"""``MCPSession``: what an MCP server offers, as methods that block. MCP "Server Features"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.auth import AuthBase

from ..urls import require_secure
from ..version import __version__
from .bounds import Questions
from .calls import Call, Calls
from .dressing import Dressing
from .elicitation import CAPABILITY, Elicitation, ElicitationReply
from .eras import Agreement
from .jsonrpc import Message
from .listening import Listening
from .notices import LogMessage
from .server_info import ServerInfo
from .signed import Auth, SignedOnce, sign_in
from .terms import HANDSHAKE, STATELESS, About, Terms
from .wire import Wire


class _SignIn(AuthBase):
    """Stands for the sign-in that the server asks for."""

    def __repr__(self) -> str:
        """Say what it stands for, in signatures."""
        return "OAuth(server_url)"


_SIGN_IN = _SignIn()


class MCPSession(Listening, Dressing):
    """Speaks MCP to one server over requests: signs in, agrees on a revision, and waits for answers.

    One object serves any number of threads. As a context manager it ends what it began.

    Args:
        server_url: The MCP server.
        auth: Signs the requests; None leaves them unsigned. Not given: the session's, else ``OAuth(server_url)``.
        session: Carries the requests, with its proxies, CA bundle and adapters; None makes one.
        timeout: Seconds to wait for each answer; progress starts them anew, up to ten times as long in all.
        elicit: Asks the person what the server wants to know; None tells servers that nobody can be asked. It is
            called in the thread of the call, or in one of its own where a server does not say what it asks about.
            The time it takes does not count for the timeout of a call whose answer has begun.
        on_log: Hears what the server logs, in the same way; None asks for nothing.
        log_level: The least level that is logged.
        client_info: Name and version told to servers; None tells this library's.
        version: The revision of MCP to offer; None finds out what the server speaks. A server of handshakes may
            answer with an older one.
        public_only: True contacts public addresses over https only: for programs whose users choose the servers.
            A ``session`` has to be guarded by ``PublicOnlyAdapter`` then; an ``auth`` that says so has the same effect.

    Raises:
        InsecureURLError: ``server_url`` is neither https nor on the loopback interface.
        NotPublicError: ``public_only`` is on, and ``server_url`` certainly is at no public address, or not https.
        ValueError: ``version`` is none we speak; or ``public_only`` is on, and ``session`` or ``auth`` is not.

    Example::

        with MCPSession("https://mcp.example.com/mcp") as mcp:
            for tool in mcp.list_tools():
                print(tool.name, tool.description)
            result = mcp.call_tool("search", {"query": "roadmap"}, on_progress=print)
            print(result.raise_for_error().text)
    """

    def __init__(
        self,
        server_url: str,
        *,
        auth: Auth = _SIGN_IN,
        session: requests.Session | None = None,
        timeout: float = 60.0,
        elicit: Callable[[Elicitation], ElicitationReply] | None = None,
        on_log: Callable[[LogMessage], object] | None = None,
        log_level: str = "info",
        client_info: Mapping[str, Any] | None = None,
        version: str | None = None,
        public_only: bool = False,
    ) -> None:
        """Send nothing yet."""
        require_secure(server_url, "MCP server URL")
        if version not in (None, *STATELESS, *HANDSHAKE):
            raise ValueError(f"version is one of {', '.join(STATELESS + HANDSHAKE)}, or None to find out")
        carrier = requests.Session() if session is None else session
        signs = carrier.auth if auth is _SIGN_IN else auth
        if public_only or getattr(signs, "public_only", False):
            from .to_public import public_carrier  # loaded where it is asked for

            carrier, public_only = public_carrier(server_url, session, signs), True
        self._own = None if carrier is session else carrier
        if auth is None:
            auth = SignedOnce(None)
        elif auth is _SIGN_IN:
            auth = None if carrier.auth else sign_in(server_url, session, public_only=public_only)
        self._wire = Wire(server_url, carrier, auth, own=session is None)
        about = About(
            info=client_info or {"name": "mcp-oauth-sync", "version": __version__},
            capabilities={"elicitation": CAPABILITY} if elicit else {},
            log_level=log_level if on_log else None,
        )
        overhear = self._overhear if elicit or on_log else None
        agreement = Agreement(self._wire, about, version=version, timeout=timeout, overhear=overhear)
        asks = Questions(server_url, elicit) if elicit else None
        calls = Calls(
            url=server_url, agreement=agreement, timeout=timeout, elicit=asks, on_log=on_log, changed=self._changed
        )
        self._ears = []
        super().__init__(server_url, calls, authorization=self._wire.authorization)

    def __enter__(self) -> MCPSession:
        """Return the session."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Close the session."""
        self.close()

    def close(self) -> None:
        """End the session at the server, and every call that still waits for an answer in another thread.

        On a ``session`` that was given, a call whose answer has not begun yet ends with its timeout.
        """
        self._agreement.end()
        self._tell_ears(None)
        if self._own is not None:
            self._own.close()

    @property
    def server(self) -> ServerInfo:
        """What the server says of itself. Raises as :meth:`list_tools`."""
        terms = self._agreement.terms()
        if terms.stateless and not terms.server.supported_versions:
            found = self._cached(Call(method="server/discover"))
            return ServerInfo.from_discover(found, protocol_version=terms.version)
        return terms.server

    def ping(self) -> None:
        """Have the server answer: by ``ping`` where it exists, else by ``server/discover``.

        Raises as :meth:`list_tools`.
        """
        self._result(Call(method="server/discover" if self._agreement.terms().stateless else "ping"))

    def _overhear(self, terms: Terms, said: Message) -> None:
        self._calls.overhear(terms, said)
