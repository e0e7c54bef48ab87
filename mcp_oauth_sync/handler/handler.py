"""The door for many servers by name, and for headers that another program sends. RFC 6750 section 2.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import requests

from ..authorizer import Authorizer
from ..authorizer.configured import Configured
from ..models.config import OAuthConfig
from ..models.options import SignInOptions
from ..models.tokens import OAuthTokens
from ..prompts import Prompt
from ..protocol.dpop import Heard
from ..protocol.presented import Presented, require_same_origin
from ..protocol.transport import Transport, guard_of
from ..signing import SignedRequests, plain_prefix
from ..stores import TokenManager, default_manager
from ..urls import is_loopback, require_secure
from .dressed import is_bare, say
from .headers import HeaderGiver
from .signed import Signed
from .two_step import SignsInElsewhere

if TYPE_CHECKING:
    from ..grants.base import Grant
    from ..mcp.session import MCPSession


class OAuthHandler(HeaderGiver, SignsInElsewhere):
    """Keeps the sign-ins of many servers, each under a name.

    Args:
        token_manager: Where they are kept; None takes the default store.
        options: What to choose at every sign-in.
        prompt: How a person is asked; None chooses by what this process is.
        grant: How tokens are obtained; None sends a person to the authorization server.
        session: Makes the requests, and supplies proxies, CA bundle and adapters; None makes one.
        profile: The accounts to use, where there are several on one server; None takes the manager's.

    Raises:
        ValueError: ``options`` say ``public_only``, and ``session`` is not guarded by ``PublicOnlyAdapter``.

    Example::

        handler = OAuthHandler()
        answer = handler.authenticated_request(
            "notion", "https://mcp.notion.com/mcp", "https://mcp.notion.com/mcp", method="POST", json={...}
        )
    """

    def __init__(
        self,
        token_manager: TokenManager | None = None,
        *,
        options: SignInOptions | None = None,
        prompt: Prompt | None = None,
        grant: Grant | None = None,
        session: requests.Session | None = None,
        profile: str | None = None,
    ) -> None:
        """Read and send nothing yet."""
        manager = token_manager or default_manager()
        self.token_manager = manager if profile is None else manager.in_profile(profile)
        self._options = options or SignInOptions()
        self._prompt, self._grant = prompt, grant
        self._session = session or requests.Session()
        if self._options.public_only:
            from ..protocol.public_only import guarded  # loaded where it is asked for

            self._session = guarded(session)
        self._authorizers: dict[tuple[str, str], Authorizer] = {}
        self._sessions: dict[tuple[str, str], MCPSession] = {}

    def ensure_authenticated_mcp(
        self, server_name: str, server_url: str, scopes: Iterable[str] | None = None
    ) -> OAuthTokens:
        """Return good tokens for an MCP server: stored, renewed, or from the person.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server.
            scopes: Scopes the tokens have to cover; None follows the server.

        Raises:
            OAuthError: There are none and none could be got; the subclass says why.
        """
        return self._authorizer(server_name, server_url).ensure(scopes)

    def ensure_authenticated(self, server_name: str, oauth_config: OAuthConfig) -> OAuthTokens:
        """Return good tokens from explicit endpoints: stored, renewed, or from the person.

        Args:
            server_name: Name of the sign-in.
            oauth_config: The endpoints, and who we are.

        Raises:
            OAuthError: There are none and none could be got; the subclass says why.
        """
        configured = Configured(
            manager=self.token_manager,
            name=server_name,
            config=oauth_config,
            prompt=self._prompt,
            grant=self._grant,
            session=self._session,
            patience=self._options.sign_in_timeout + 60,
        )
        return configured.ensure()

    def authenticated_request(
        self,
        server_name: str,
        server_url: str,
        url: str,
        method: str = "GET",
        scopes: Iterable[str] | None = None,
        retry_on_401: bool = True,
        **kwargs: Any,
    ) -> requests.Response:
        """Make a request with a good token; renew it and repeat once when the server refuses it.

        A JSON-RPC request to the server itself need not know which revision of MCP the server speaks: one that is
        refused for what it does not say, or for want of a session, is said again as :class:`MCPSession` says it.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server.
            url: Where to send the request; on the server's origin.
            method: HTTP method.
            scopes: Scopes the token has to cover; None follows the server.
            retry_on_401: Whether to repeat once after a 401.
            kwargs: As ``requests.Session.request`` takes them.

        Raises:
            InsecureURLError: ``url`` is on another origin than ``server_url``.
            requests.HTTPError: The answer is an error still.
            RequestNotRepeatedError: The new token is good, but the body was used up by the first attempt.
            OAuthError: As :meth:`ensure_authenticated_mcp`.
        """
        require_same_origin(url, server_url)
        authorizer = self._authorizer(server_name, server_url)

        def send(settings: Mapping[str, Any]) -> requests.Response:
            header = authorizer.ensure_presented(scopes)
            signed = Signed(authorizer, header, repeats=1 if retry_on_401 else 0)
            return self._session.request(method, url, auth=signed, **settings)

        if url == server_url and is_bare(method, kwargs):
            key = (server_name, server_url)

            def make() -> MCPSession:
                return self._sessions.get(key) or self._sessions.setdefault(key, self.mcp_session(*key))

            response = say(make, send, kwargs, known=self._sessions.get(key))
        else:
            response = send(kwargs)
        response.raise_for_status()
        return response

    def mcp_session(self, server_name: str, server_url: str, **options: Any) -> MCPSession:
        """Return a new session that speaks MCP with the sign-in kept under a name.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server.
            options: As :class:`MCPSession` takes them, but ``auth`` and ``session``.

        Raises:
            InsecureURLError: ``server_url`` is neither https nor on the loopback interface.
            ValueError: As :class:`MCPSession`.

        Example::

            with handler.mcp_session("notion", "https://mcp.notion.com/mcp") as mcp:
                print([tool.name for tool in mcp.list_tools()])
        """
        from ..mcp.session import MCPSession

        authorizer = self._authorizer(server_name, server_url)
        signed = SignedRequests(server_url, plain_prefix(server_url), authorizer, authorizer.http, own_way=True)
        return MCPSession(server_url, auth=signed, session=self._session, **options)

    def clear_tokens(self, server_name: str) -> bool:
        """Remove the tokens kept under a name, telling no server; tell whether there were any.

        Raises:
            TokenStorageError: They could not be removed.
        """
        self._forget(server_name)
        return self.token_manager.delete_tokens(server_name)

    def logout(self, server_name: str, server_url: str | None = None) -> bool:
        """Remove the tokens and revoke them at the server; they are gone here even if that fails.

        Args:
            server_name: Name of the sign-in.
            server_url: The MCP server; None takes it from the store.

        Returns:
            Whether the server confirmed that they are revoked.

        Raises:
            TokenStorageError: They could not be removed here.
        """
        record = self.token_manager.load_record(server_name)
        url = server_url or (record.server_url or record.token_endpoint if record else None)
        if not url:
            return False
        self._forget(server_name)
        return self._authorizer(server_name, url).sign_out()

    def _presented(self, server_name: str, server_url: str, scopes: Iterable[str] | None) -> Presented:
        return self._authorizer(server_name, server_url).ensure_presented(scopes)

    def _heard(self, server_name: str, server_url: str) -> Heard:
        return self._authorizer(server_name, server_url).held.provers.heard

    def _authorizer(self, server_name: str, server_url: str) -> Authorizer:
        host = require_secure(server_url, "MCP server URL").hostname
        key = (server_name, server_url)
        if key not in self._authorizers:
            http = Transport(
                session=self._session,
                headers_for=self._options.headers_for,
                allow_loopback=is_loopback(host),
                guard=guard_of(server_url, public_only=self._options.public_only),
            )
            made = Authorizer(
                server_url,
                manager=self.token_manager,
                name=server_name,
                options=self._options,
                prompt=self._prompt,
                grant=self._grant,
                http=http,
            )
            self._authorizers.setdefault(key, made)
        return self._authorizers[key]

    def _forget(self, server_name: str) -> None:
        for key in [key for key in list(self._authorizers) if key[0] == server_name]:
            self._authorizers.pop(key, None)
            self._sessions.pop(key, None)
