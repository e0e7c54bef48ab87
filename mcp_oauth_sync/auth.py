"""The door for requests: ``requests.get(url, auth=OAuth(server_url))``. RFC 6750 section 2.1, MCP authorization."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import requests
from requests.auth import AuthBase

from .authorizer import Attempts, Authorizer
from .models.client import ClientMetadata
from .models.options import SignInOptions
from .models.tokens import OAuthTokens
from .prompts import Prompt
from .protocol.challenge import select_challenge
from .protocol.transport import Transport
from .repeat import closed_on_error, drain, repeat, shield_redirect
from .stores import TokenManager, default_manager
from .urls import is_loopback, require_secure, same_origin, without_query

logger = logging.getLogger(__name__)

#: Most repetitions of one request of the caller.
MAX_REPEATS = 3


class OAuth(AuthBase):
    """Signs requests to one MCP server, and signs the person in when the server asks for it.

    One object serves any number of requests, sessions and threads.

    Args:
        server_url: The MCP server. Requests to its origin get the token, no others.
        name: Name of the sign-in in the store; None finds it by the server's URL.
        scopes: Replaces every other choice of scopes; None follows the server.
        extra_scopes: Added to whatever is chosen.
        client_id: A client registered by hand; None uses the other ways to be known.
        client_secret: Its secret; None for public clients.
        token_endpoint_auth_method: Its method; None chooses what the server offers.
        issuer: The authorization server ``client_id`` belongs to; None binds it to the first one met.
        client_id_metadata_url: https URL of a client-id metadata document; None when there is none.
        client_metadata: What to register as; None registers as this library.
        initial_access_token: Credential for a protected registration endpoint.
        authorize_params: Further parameters of the authorization request.
        token_params: Further parameters of every token request.
        prompt: How a person is asked; None: the browser with a terminal or notebook, else nobody.
        callback_port: Port of the loopback redirect; 0 takes a free one.
        callback_host: 127.0.0.1, ::1 or localhost, as it appears in the redirect URI.
        offline_access: False never adds the scope ``offline_access`` by itself.
        sign_in_timeout: Seconds to wait for the person.
        oauth_headers: Further headers per origin for OAuth requests.
        token_manager: Where the sign-in is kept; None takes the default store.
        profile: The account to use, where there are several on one server; None takes the manager's, which is
            that of MCP_OAUTH_SYNC_PROFILE, else "default".
        session: Its proxies, CA bundle, client certificate and adapters reach the OAuth endpoints; None
            takes those of the requests to the server, and the environment's before the first one.

    Raises:
        InsecureURLError: ``server_url`` is neither https nor on the loopback interface.
        ValueError: An option is out of range or protected.

    Example::

        session = requests.Session()
        session.auth = OAuth("https://mcp.example.com/mcp")
        session.post("https://mcp.example.com/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    """

    def __init__(
        self,
        server_url: str,
        *,
        name: str | None = None,
        scopes: Iterable[str] | str | None = None,
        extra_scopes: Iterable[str] | str = (),
        client_id: str | None = None,
        client_secret: str | None = None,
        token_endpoint_auth_method: str | None = None,
        issuer: str | None = None,
        client_id_metadata_url: str | None = None,
        client_metadata: ClientMetadata | None = None,
        initial_access_token: str | None = None,
        authorize_params: Mapping[str, str] | None = None,
        token_params: Mapping[str, str] | None = None,
        prompt: Prompt | None = None,
        callback_port: int = 0,
        callback_host: str = "127.0.0.1",
        offline_access: bool = True,
        sign_in_timeout: float = 300.0,
        oauth_headers: Mapping[str, Mapping[str, str]] | None = None,
        token_manager: TokenManager | None = None,
        profile: str | None = None,
        session: requests.Session | None = None,
    ) -> None:
        """Check the options; nothing is read or sent yet."""
        parts = require_secure(server_url, "MCP server URL")
        options = SignInOptions(
            scopes=scopes,
            extra_scopes=extra_scopes,
            client_id=client_id,
            client_secret=client_secret,
            token_endpoint_auth_method=token_endpoint_auth_method,
            issuer=issuer,
            client_id_metadata_url=client_id_metadata_url,
            client_metadata=client_metadata,
            initial_access_token=initial_access_token,
            authorize_params=authorize_params or {},
            token_params=token_params or {},
            callback_port=callback_port,
            callback_host=callback_host,
            offline_access=offline_access,
            sign_in_timeout=sign_in_timeout,
            oauth_headers=oauth_headers or {},
        )
        self.server_url = server_url
        self._prefix = f"{parts.scheme}://{parts.netloc.lower()}/"
        self._session = session
        self._connection: object = None  # the adapter that reached the server last
        self._http = Transport(
            session=session or requests.Session(),
            headers_for=options.headers_for,
            allow_loopback=is_loopback(parts.hostname),
        )
        manager = token_manager or default_manager()
        self._authorizer = Authorizer(
            server_url,
            manager=manager if profile is None else manager.in_profile(profile),
            name=name,
            options=options,
            prompt=prompt,
            http=self._http,
        )

    def __repr__(self) -> str:
        """Name the server, and nothing secret."""
        return f"OAuth({without_query(self.server_url)!r})"

    @property
    def name(self) -> str:
        """The name of the sign-in in the store."""
        return self._authorizer.held.name

    @property
    def tokens(self) -> OAuthTokens | None:
        """The tokens held, or None when signed out."""
        return self._authorizer.held.tokens

    def headers(self) -> dict[str, str]:
        """Return the headers for a request that another library makes, signing in or renewing first if need be.

        Raises:
            OAuthError: There is no good token and none could be got; the subclass says why.
        """
        return {"Authorization": self._authorizer.ensure().get_authorization_header()}

    def sign_in(self, scopes: Iterable[str] | None = None) -> OAuthTokens:
        """Ask the person now, whatever is stored.

        Args:
            scopes: Scopes to ask for; None follows the server.

        Raises:
            OAuthError: The sign-in failed; the subclass says why.
        """
        return self._authorizer.sign_in(scopes)

    def sign_out(self, *, forget: bool = False) -> bool:
        """Remove the tokens here and revoke them at the server; tell whether the server confirmed it.

        Args:
            forget: Remove the registration too.

        Raises:
            TokenStorageError: They could not be removed here.
        """
        return self._authorizer.sign_out(forget=forget)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request to the server's origin, and watch for its answer."""
        url = request.url or ""
        if url.startswith(self._prefix) or same_origin(url, self.server_url):
            header = self._authorizer.current()
            if header is not None:
                request.headers["Authorization"] = header
            request.hooks["response"].append(self._after)
        return request

    def _after(self, response: requests.Response, **sent_with: Any) -> requests.Response:
        """Look at an answer; the hook travels along redirects, so the origin is looked at again."""
        connection = getattr(response, "connection", None)
        if response.status_code < 300 and connection is self._connection:
            return response
        if not same_origin(response.request.url or "", self.server_url):
            return response
        if connection is not self._connection:
            self._connection = connection
            self._authorizer.http = attrs.evolve(self._way_of(response, sent_with), timeout=None)
        if response.status_code in (401, 403):
            response = self._repeat_until_settled(response, sent_with)
        if response.is_redirect:
            shield_redirect(response, self.server_url)
        return response

    def _way_of(self, response: requests.Response, sent_with: Mapping[str, Any]) -> Transport:
        """Return what reaches the OAuth endpoints the way a request of the caller reached the server."""
        return self._http if self._session is not None else self._http.like(response, sent_with)

    def _repeat_until_settled(self, response: requests.Response, sent_with: Mapping[str, Any]) -> requests.Response:
        http, attempts = self._way_of(response, sent_with), Attempts()
        for _ in range(MAX_REPEATS):
            if response.status_code not in (401, 403):
                break
            challenge = select_challenge([response.headers.get("WWW-Authenticate", "")])
            if response.status_code == 403 and not challenge.insufficient_scope:
                break
            drain(response, sent_with)
            rejected = _bearer(response.request)
            with closed_on_error(response):
                header = self._authorizer.answer(challenge, rejected=rejected, attempts=attempts, http=http)
            if header is None:
                break
            response = repeat(response, header, sent_with)
        return response


def _bearer(request: requests.PreparedRequest) -> str | None:
    """Return the token value a request carried; what another hook of the caller put there is not one."""
    value = request.headers.get("Authorization")
    return value if isinstance(value, str) and value.startswith("Bearer ") else None
