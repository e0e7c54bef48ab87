"""The door for requests: ``requests.get(url, auth=OAuth(server_url))``. RFC 6750 section 2.1, MCP authorization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import requests

from .authorizer import Authorizer
from .elsewhere import SignsInElsewhere
from .models.options import AS_PUBLISHED, Published, SignInOptions
from .models.tokens import OAuthTokens
from .protocol.presented import require_same_origin
from .protocol.transport import Transport, guard_of
from .signing import plain_prefix
from .stores import TokenManager, default_manager
from .urls import is_loopback, require_secure, without_query

if TYPE_CHECKING:
    from .grants.base import Grant
    from .models.client_key import ClientKey
    from .models.client_metadata import ClientMetadata
    from .prompts import Prompt


class OAuth(SignsInElsewhere):
    """Signs requests to one MCP server, and signs the person in when the server asks for it.

    One object serves any number of requests, sessions and threads.

    Args:
        server_url: The MCP server. Requests to its origin get the token, no others.
        name: Name of the sign-in in the store; None finds it by the server's URL.
        scopes: Replaces every other choice of scopes; None follows the server.
        extra_scopes: Added to whatever is chosen.
        client_id: A client registered by hand; None uses the other ways to be known.
        client_secret: Its secret; None for public clients.
        client_key: Its private key, for ``private_key_jwt``; None for clients without one.
        token_endpoint_auth_method: Its method; None chooses what the server offers.
        issuer: The authorization server ``client_id`` belongs to, and the one to use where the server names none;
            None binds the client to the first one met.
        client_id_metadata_url: https URL of a client-id metadata document; None when there is none.
        client_metadata: What to register as; None registers as this library.
        initial_access_token: Credential for a protected registration endpoint.
        authorize_params: Further parameters of the authorization request.
        token_params: Further parameters of every token request.
        prompt: How a person is asked; None chooses by what this process is.
        grant: How tokens are obtained; None sends a person to the authorization server.
        callback_port: Port of the loopback redirect, or several to try in order; 0 takes a free one.
        callback_host: 127.0.0.1, ::1 or localhost, as it appears in the redirect URI; None: 127.0.0.1, or localhost at
            a server that refuses addresses.
        callback_bind: Address of the interface to listen on (0.0.0.0 in a container); None: the loopback one.
        redirect_uri: The whole redirect URI, https behind a proxy or ``myapp://...``; None makes one.
        offline_access: False never adds the scope ``offline_access`` by itself.
        sign_in_timeout: Seconds to wait for the person.
        oauth_headers: Further headers per origin for OAuth requests.
        resource: The ``resource`` to send instead of the published one; None sends none.
        expected_resource: A published resource to accept although it is another one than ``server_url``.
        metadata_url: Where the authorization server's metadata is; None looks at the well-known places.
        assume_pkce: Whether, or at which issuers, PKCE is used though the metadata does not promise it.
        allow_missing_iss: Whether, or from which issuers, an answer without the promised ``iss`` is taken.
        dpop: True insists on sender-constrained tokens, False never asks for them; None: where both servers offer them.
        public_only: True contacts public addresses over https only: for programs whose users choose the servers. Your
            own requests need ``PublicOnlyAdapter`` for that.
        token_manager: Where the sign-in is kept; None takes the default store.
        profile: The account to use, where there are several on one server; None takes the manager's, which is
            that of MCP_OAUTH_SYNC_PROFILE, else "default".
        session: Its proxies, CA bundle, client certificate and adapters reach the OAuth endpoints; None
            takes those of the requests to the server, and the environment's before the first one.

    Raises:
        InsecureURLError: ``server_url`` is neither https nor on the loopback interface.
        NotPublicError: ``public_only`` is on, and ``server_url`` certainly is at no public address, or not https.
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
        client_key: ClientKey | None = None,
        token_endpoint_auth_method: str | None = None,
        issuer: str | None = None,
        client_id_metadata_url: str | None = None,
        client_metadata: ClientMetadata | None = None,
        initial_access_token: str | None = None,
        authorize_params: Mapping[str, str] | None = None,
        token_params: Mapping[str, str] | None = None,
        prompt: Prompt | None = None,
        grant: Grant | None = None,
        callback_port: int | Iterable[int] = 0,
        callback_host: str | None = None,
        callback_bind: str | None = None,
        redirect_uri: str | None = None,
        offline_access: bool = True,
        sign_in_timeout: float = 300.0,
        oauth_headers: Mapping[str, Mapping[str, str]] | None = None,
        resource: str | Published | None = AS_PUBLISHED,
        expected_resource: str | None = None,
        metadata_url: str | None = None,
        assume_pkce: bool | str | Iterable[str] = False,
        allow_missing_iss: bool | str | Iterable[str] = False,
        dpop: bool | None = None,
        public_only: bool = False,
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
            client_key=client_key,
            token_endpoint_auth_method=token_endpoint_auth_method,
            issuer=issuer,
            client_id_metadata_url=client_id_metadata_url,
            client_metadata=client_metadata,
            initial_access_token=initial_access_token,
            authorize_params=authorize_params or {},
            token_params=token_params or {},
            callback_port=callback_port,
            callback_host=callback_host,
            callback_bind=callback_bind,
            redirect_uri=redirect_uri,
            offline_access=offline_access,
            sign_in_timeout=sign_in_timeout,
            oauth_headers=oauth_headers or {},
            resource=resource,
            expected_resource=expected_resource,
            metadata_url=metadata_url,
            assume_pkce=assume_pkce,
            allow_missing_iss=allow_missing_iss,
            dpop=dpop,
            public_only=public_only,
        )
        http = Transport(
            session=session or requests.Session(),
            headers_for=options.headers_for,
            allow_loopback=is_loopback(parts.hostname),
            guard=guard_of(server_url, public_only=public_only),
        )
        manager = token_manager or default_manager()
        authorizer = Authorizer(
            server_url,
            manager=manager if profile is None else manager.in_profile(profile),
            name=name,
            options=options,
            prompt=prompt,
            grant=grant,
            http=http,
        )
        super().__init__(server_url, plain_prefix(server_url), authorizer, http, own_way=session is not None)

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

    def headers(self, method: str = "GET", url: str | None = None) -> dict[str, str]:
        """Return the headers for a request that another library makes, signing in or renewing first if need be.

        A token that is bound to a key (DPoP) comes with a proof for this one request: ask anew for each.

        Args:
            method: The request's method.
            url: Where it goes, on the server's origin; None means the server's own URL. The ``wss:`` URL of a WebSocket
                stands for the ``https:`` request that opens it, and ``ws:`` for ``http:``.

        Raises:
            InsecureURLError: ``url`` is on another origin than the server.
            OAuthError: There is no good token and none could be got; the subclass says why.

        Example::

            url = "wss://mcp.example.com/live"
            connect(url, additional_headers=oauth.headers("GET", url))
        """
        where = require_same_origin(url, self.server_url)
        return self._authorizer.ensure_presented().headers(method, where)

    def take_nonce(self, headers: Mapping[str, str]) -> bool:
        """Take the nonce of an answer that another library got from the server. RFC 9449 section 8.2.

        After a 401 with the error ``use_dpop_nonce`` it belongs into the next proof: ask for :meth:`headers` again.

        Args:
            headers: The headers of the answer.

        Returns:
            Whether a nonce was among them.
        """
        return self._authorizer.held.provers.heard.hear_nonce(self.server_url, headers)

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
            forget: Remove the registration too: here, and at the server where it was made by us, the server lets its
                owner do that (RFC 7592), and no other sign-in is the same client.

        Raises:
            TokenStorageError: They could not be removed here.
        """
        return self._authorizer.sign_out(forget=forget)
