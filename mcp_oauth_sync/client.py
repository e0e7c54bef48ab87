"""The steps for one MCP server, each callable alone: discover, register, authorize, exchange, refresh, revoke.

MCP authorization; RFC 9728, RFC 8414, RFC 7591, RFC 6749, RFC 7009.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import attrs
import requests

from .discovery import choose_resource, fetch_challenge, find_resource_metadata, find_server
from .exceptions import AuthorizationError, RevocationError, TokenRefreshError
from .grants.base import Grant
from .grants.refresh_token import renew
from .models.client import ClientRegistration
from .models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from .models.options import SignInOptions
from .models.record import ServerRecord
from .models.tokens import OAuthTokens
from .prompts import Prompt
from .protocol.authorization import read_response
from .protocol.challenge import Challenge, select_challenge
from .protocol.documents import Trace
from .protocol.revocation import revoke_token
from .protocol.scopes import select_scopes
from .protocol.transport import Transport
from .sign_in import PendingSignIn, SignIn
from .urls import is_loopback, require_secure

logger = logging.getLogger(__name__)


class MCPOAuthClient:
    """Signs in at one MCP server, step by step or all at once.

    Args:
        server_url: The MCP server.
        redirect_uri: Loopback redirect; None follows the options. Without a port a free one is taken.
        authorization_url: Authorization endpoint, for servers without metadata; needs ``token_url``.
        token_url: Token endpoint, for servers without metadata.
        options: Everything else a caller may choose.
        prompt: How a person is asked; None chooses by what this process is.
        session: Supplies proxies, CA bundle, client certificate and adapters.
        http: A transport made already; wins over ``session``.
        grant: How tokens are obtained; None asks a person.
        record: What an earlier sign-in left behind.

    Attributes:
        protected_resource: What the MCP server says about itself; None until asked, or when it says nothing.
        authorization_server: What its authorization server says; None until asked.
        registration: Who we are there; None until known.
        resource: The ``resource`` that is sent; None until known.
        record: Everything to keep of the sign-in.

    Raises:
        InsecureURLError: A URL is neither https nor on the loopback interface.
        ValueError: Only one of the two endpoints was given.

    Example::

        client = MCPOAuthClient("https://mcp.example.com/mcp")
        tokens = client.authorize(["notes:read"])
    """

    def __init__(
        self,
        server_url: str,
        redirect_uri: str | None = None,
        *,
        authorization_url: str | None = None,
        token_url: str | None = None,
        options: SignInOptions | None = None,
        prompt: Prompt | None = None,
        session: requests.Session | None = None,
        http: Transport | None = None,
        grant: Grant | None = None,
        record: ServerRecord | None = None,
    ) -> None:
        """Check the URLs; nothing is sent yet."""
        self.server_url = server_url
        self.options = options or SignInOptions()
        local = is_loopback(require_secure(server_url, "MCP server URL").hostname)
        self.http = http or Transport(
            session=session or requests.Session(), headers_for=self.options.headers_for, allow_loopback=local
        )
        self.record = record or ServerRecord(server_url=server_url)
        self.registration = self.record.registration
        self.resource = self.record.resource
        self.protected_resource: ProtectedResourceMetadata | None = None
        self.authorization_server: AuthorizationServerMetadata | None = None
        if authorization_url or token_url:
            if not authorization_url or not token_url:
                raise ValueError("authorization_url and token_url go together")
            require_secure(authorization_url, "authorization_url", allow_loopback=local)
            require_secure(token_url, "token_url", allow_loopback=local)
            self.authorization_server = AuthorizationServerMetadata.spelled_out(authorization_url, token_url)
        self._redirect_uri, self._prompt, self._grant = redirect_uri, prompt, grant
        self._challenge = Challenge()
        self._trace = Trace()
        self._pending: PendingSignIn | None = None

    @property
    def tokens(self) -> OAuthTokens | None:
        """The tokens last obtained, or None."""
        return self.record.tokens

    @property
    def tried(self) -> tuple[str, ...]:
        """One line per URL tried while discovering."""
        return tuple(self._trace.lines)

    def discover_protected_resource(self, prm_url: str | None = None) -> ProtectedResourceMetadata | None:
        """Fetch what the MCP server says about itself. RFC 9728.

        Args:
            prm_url: Where it is; None looks where the challenge said, else at the well-known places.

        Returns:
            The document, or None when there is none.

        Raises:
            DiscoveryError: It is missing where one was promised, malformed, about something else, or out of reach.
            InsecureURLError: A URL may not be contacted.
        """
        named = prm_url or self._challenge.resource_metadata
        self.protected_resource = find_resource_metadata(self.http, self.server_url, named=named, trace=self._trace)
        self.resource = choose_resource(self.server_url, self.protected_resource)
        return self.protected_resource

    def discover_from_error_response(self, response: requests.Response) -> ProtectedResourceMetadata | None:
        """Take the challenge of a 401 or 403 answer, then do as :meth:`discover_protected_resource`.

        Args:
            response: The answer of the MCP server.
        """
        self._challenge = select_challenge([response.headers.get("WWW-Authenticate", "")])
        return self.discover_protected_resource()

    def discover_authorization_server(self) -> AuthorizationServerMetadata:
        """Fetch what the authorization server says about itself, finding out which one it is first. RFC 8414.

        Raises:
            DiscoveryError: It cannot be found out.
            InsecureURLError: A URL may not be contacted.
        """
        if not self._trace.lines:
            self.discover_protected_resource()
        known = (self.options.issuer, self.registration.issuer if self.registration else None)
        prefer = [issuer for issuer in known if issuer]
        self.authorization_server = find_server(
            self.http, self.server_url, self.protected_resource, prefer=prefer, trace=self._trace
        )
        return self.authorization_server

    def register_client(
        self, client_name: str | None = None, redirect_uris: Iterable[str] | None = None
    ) -> ClientRegistration:
        """Become known to the authorization server. RFC 7591.

        Args:
            client_name: Shown on the consent page; None takes what the options say.
            redirect_uris: The redirect URI (the first counts); None takes the one of this client.

        Raises:
            RegistrationError: It refused, or registers nobody.
        """
        if client_name is not None:
            metadata = attrs.evolve(self.options.client_metadata, client_name=client_name)
            self.options = attrs.evolve(self.options, client_metadata=metadata)
        uri = next(iter(redirect_uris or ()), None) or self._manual_redirect()
        self._redirect_uri = uri
        self.registration = attrs.evolve(self._sign_in(None), saved=None).register(uri)
        return self.registration

    def get_authorization_url(self, scopes: Iterable[str] | None = None) -> str:
        """Return the URL the person has to open; the next two steps complete it. RFC 6749 section 4.1.1.

        Args:
            scopes: Scopes to ask for; None follows the server.

        Raises:
            AuthorizationError: The server lacks PKCE or an endpoint.
            RegistrationError: We could not be registered.
        """
        self._pending = self._sign_in(scopes).start(self._manual_redirect())
        self.registration = self._pending.registration
        return str(self._pending.request.url)

    def read_authorization_response(self, redirect: str) -> str:
        """Return the code of the redirect that answers :meth:`get_authorization_url`, state and issuer checked.

        Args:
            redirect: The URL the browser came back to.

        Raises:
            AuthorizationError: It is not an answer to our request, or it is a refusal.
        """
        return read_response(redirect, self._started().request)

    def exchange_code_for_token(self, code: str) -> OAuthTokens:
        """Redeem a code; the verifier it belongs to is forgotten, so this works once. RFC 6749 section 4.1.3.

        Args:
            code: The authorization code, from :meth:`read_authorization_response`.

        Raises:
            TokenExchangeError: It was not accepted.
            AuthorizationError: No sign-in is under way, or the server has no token endpoint.
        """
        pending, self._pending = self._started(), None
        return self._keep(pending.redeem(code))

    def authorize(
        self,
        scopes: Iterable[str] | None = None,
        *,
        challenge: Challenge | None = None,
        held: tuple[str, ...] = (),
    ) -> OAuthTokens:
        """Do all of it: discover, register, ask the person, redeem the code.

        Args:
            scopes: Scopes to ask for; None follows the server.
            challenge: The challenge to answer; None asks the server for one.
            held: Scopes asked for and granted before, on a step-up.

        Raises:
            DiscoveryError: The authorization server cannot be found out.
            RegistrationError: We could not be registered.
            AuthorizationError: The person declined or did not answer, or the answer is not ours.
            TokenExchangeError: The code was not accepted.
            InsecureURLError: A URL may not be contacted or opened.
        """
        if self.authorization_server is None:
            self._challenge = challenge or fetch_challenge(self.http, self.server_url) or Challenge()
        return self._keep(self._sign_in(scopes, held).run())

    def refresh_token(self, refresh_token: str | None = None) -> OAuthTokens:
        """Renew the access token. RFC 6749 section 6.

        Args:
            refresh_token: The refresh token; None takes the one held.

        Raises:
            RefreshRejectedError: It will never work again.
            TokenRefreshError: It did not work now, or there is nothing to refresh with.
        """
        held = self.tokens
        if refresh_token is not None:
            held = attrs.evolve(held or OAuthTokens(access_token="", scope=None), refresh_token=refresh_token)
        if held is None or not held.refresh_token or self.registration is None:
            raise TokenRefreshError("There is nothing to refresh with.", hint="Sign in first.")
        record = attrs.evolve(self.record, tokens=held, registration=self.registration)
        if record.token_endpoint is None:
            server = self.authorization_server or self.discover_authorization_server()
            record = attrs.evolve(
                record, issuer=server.issuer, resource=self.resource, token_endpoint=server.token_endpoint
            )
        return self._keep(renew(self.http, record, extra=self.options.token_params))

    def revoke_token(self, token: str, token_type_hint: str | None = None) -> bool:
        """Revoke a token; tell whether the server confirmed it. RFC 7009.

        Args:
            token: An access or refresh token of this server.
            token_type_hint: "access_token", "refresh_token" or None.
        """
        server = self.authorization_server
        endpoint = self.record.revocation_endpoint or (server.revocation_endpoint if server else None)
        if not endpoint or self.registration is None:
            return False
        try:
            revoke_token(self.http, endpoint, self.registration, token, token_type_hint=token_type_hint)
        except RevocationError as failure:
            logger.warning("%s", failure.message)
            return False
        return True

    def _sign_in(self, scopes: Iterable[str] | None, held: tuple[str, ...] = ()) -> SignIn:
        server = self.authorization_server or self.discover_authorization_server()
        chosen = select_scopes(
            self.options if scopes is None else attrs.evolve(self.options, scopes=scopes),
            challenged=self._challenge.scopes,
            resource=self.protected_resource,
            server=server,
            held=held,
        )
        return SignIn(
            http=self.http,
            server=server,
            server_url=self.server_url,
            resource=self.resource or choose_resource(self.server_url, None),
            scopes=chosen,
            options=self.options,
            prompt=self._prompt,
            grant=self._grant,
            saved=self.registration,
            redirect_uri=self._redirect_uri,
        )

    def _manual_redirect(self) -> str:
        return self._redirect_uri or self.options.redirect_uri.replace(":0/", "/")

    def _started(self) -> PendingSignIn:
        if self._pending is None:
            raise AuthorizationError(
                "No sign-in is under way on this client.", hint="Call get_authorization_url() first."
            )
        return self._pending

    def _keep(self, record: ServerRecord) -> OAuthTokens:
        self.record, self.registration = record, record.registration
        assert record.tokens is not None  # noqa: S101  (every caller has just obtained some)
        return record.tokens
