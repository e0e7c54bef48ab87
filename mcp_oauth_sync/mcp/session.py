"""``MCPSession``: what an MCP server offers, as methods that block. MCP "Server Features"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import requests

from ..urls import require_secure
from ..version import __version__
from .calls import Calls
from .elicitation import CAPABILITY, Elicitation, ElicitationReply
from .eras import Agreement
from .jsonrpc import Message, params_of
from .notices import LogMessage
from .operations import Operations
from .server_info import ServerInfo
from .signed import Auth
from .terms import HANDSHAKE, STATELESS, About, Terms
from .wire import ACCEPT, Wire


class _Default:
    """What stands for the sign-in that the server asks for."""


class MCPSession(Operations):
    """Speaks MCP to one server over requests: signs in, agrees on a revision, and waits for answers.

    One object serves any number of threads. As a context manager it ends what it began.

    Args:
        server_url: The MCP server.
        auth: Signs the requests; None leaves them unsigned. Not given: the session's, else ``OAuth(server_url)``.
        session: Carries the requests, with its proxies, CA bundle and adapters; None makes one.
        timeout: Seconds to wait for each answer; progress starts them anew, up to ten times as long in all.
        elicit: Asks the person what the server wants to know; None tells servers that nobody can be asked. It is
            called in the thread of the call, or in one of its own where a server does not say what it asks about.
        on_log: Hears what the server logs, in the same way; None asks for nothing.
        log_level: The least level that is logged.
        client_info: Name and version told to servers; None tells this library's.
        version: The revision of MCP to offer; None finds out what the server speaks. A server of handshakes may
            answer with an older one.

    Raises:
        InsecureURLError: ``server_url`` is neither https nor on the loopback interface.
        ValueError: ``version`` is none we speak.

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
        auth: Auth | _Default = _Default(),  # noqa: B008  (never changes)
        session: requests.Session | None = None,
        timeout: float = 60.0,
        elicit: Callable[[Elicitation], ElicitationReply] | None = None,
        on_log: Callable[[LogMessage], object] | None = None,
        log_level: str = "info",
        client_info: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> None:
        """Send nothing yet."""
        require_secure(server_url, "MCP server URL")
        if version not in (None, *STATELESS, *HANDSHAKE):
            raise ValueError(f"version is one of {', '.join(STATELESS + HANDSHAKE)}, or None to find out")
        self._own = requests.Session() if session is None else None
        carrier = session or self._own or requests.Session()
        if isinstance(auth, _Default):
            auth = None if carrier.auth else _sign_in(server_url, session)
        self._wire = Wire(server_url, carrier, auth, own=session is None)
        about = About(
            info=client_info or {"name": "mcp-oauth-sync", "version": __version__},
            capabilities={"elicitation": CAPABILITY} if elicit else {},
            log_level=log_level if on_log else None,
        )
        overhear = self._overhear if elicit or on_log else None
        agreement = Agreement(self._wire, about, version=version, timeout=timeout, overhear=overhear)
        calls = Calls(url=server_url, agreement=agreement, elicit=elicit, on_log=on_log, changed=self._changed)
        super().__init__(server_url, calls, authorization=self._wire.authorization, timeout=timeout)

    def __enter__(self) -> MCPSession:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        self.close()

    def close(self) -> None:
        """End the session at the server, and every call that still waits for an answer in another thread."""
        self._agreement.end()
        if self._own is not None:
            self._own.close()

    @property
    def server(self) -> ServerInfo:
        """What the server says of itself. Raises as :meth:`list_tools`."""
        terms = self._agreement.terms()
        if terms.stateless and not terms.server.supported_versions:
            terms = self._agreement.discover(terms.version)
        return terms.server

    def ping(self) -> None:
        """Have the server answer: by ``ping`` where it exists, else by ``server/discover``.

        Raises as :meth:`list_tools`.
        """
        terms = self._agreement.terms()
        if terms.stateless:
            self._agreement.discover(terms.version)
        else:
            self._call("ping", {})

    @property
    def agreed(self) -> bool:
        """Whether it is known what the server speaks."""
        return self._agreement.agreed

    def renew(self) -> None:
        """Forget what was agreed with the server: the next call agrees anew, and a session there begins anew."""
        self._agreement.renew()

    def dress(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return a JSON-RPC message of your own as this server wants it, and the headers to send it with.

        For requests that something else makes: the session is agreed on first, if need be.

        Args:
            message: The message, as a mapping.

        Raises as :meth:`list_tools`.
        """
        dressed, headers = self._agreement.terms().dress(dict(message))
        return dressed, {"Accept": ACCEPT, **headers}

    def _overhear(self, terms: Terms, said: Message) -> None:
        self._calls.overhear(terms, said)

    def _changed(self, said: Message) -> None:
        """Forget what a notification says has changed."""
        self._cache.hear(str(said.get("method")), params_of(said))


def _sign_in(server_url: str, session: requests.Session | None) -> Auth:
    from ..auth import OAuth

    return OAuth(server_url, session=session)
