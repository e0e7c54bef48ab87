"""What a client does to sign in at its MCP server: register, authorize, exchange. RFC 7591, RFC 6749."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import requests

from ..exceptions import AccessDeniedError, AuthorizationError, AuthorizationTimeoutError
from ..grants.advice import advise
from ..grants.base import Grant
from ..grants.patience import BACKOFF
from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.options import SignInOptions
from ..models.pending import LIFETIME, PendingSignIn, StartedSignIn
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from ..prompts import Prompt
from ..protocol.authorization import read_response
from ..protocol.challenge import Challenge
from ..protocol.transport import Transport
from ..sign_in import SignIn
from ..stores.known_issuers import KnownIssuers
from ..two_step import redeem, start
from ..urls import require_secure
from .renewing import RenewingClient


class MCPOAuthClient(RenewingClient):
    """Signs in at one MCP server, step by step or all at once.

    Args:
        server_url: The MCP server.
        redirect_uri: Redirect instead of the options'; on the loopback interface without a port a free one is taken.
        authorization_url: Authorization endpoint, for servers without metadata; needs ``token_url``.
        token_url: Token endpoint, for servers without metadata.
        options: Everything else a caller may choose.
        prompt: How a person is asked; None chooses by what this process is.
        session: Supplies proxies, CA bundle, client certificate and adapters.
        http: A transport made already; wins over ``session``.
        grant: How tokens are obtained; None asks a person.
        record: What an earlier sign-in left behind.
        issuers: Authorization servers known from sign-ins at other MCP servers; None knows none.

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
        issuers: KnownIssuers | None = None,
    ) -> None:
        """Check the URLs; nothing is sent yet."""
        chosen = options or SignInOptions()
        if redirect_uri is not None:
            chosen = attrs.evolve(chosen, redirect_uri=redirect_uri)
        super().__init__(server_url, options=chosen, session=session, http=http, record=record, issuers=issuers)
        if authorization_url or token_url:
            if not authorization_url or not token_url:
                raise ValueError("authorization_url and token_url go together")
            local = self.http.allow_loopback
            require_secure(authorization_url, "authorization_url", allow_loopback=local)
            require_secure(token_url, "token_url", allow_loopback=local)
            self.authorization_server = AuthorizationServerMetadata.spelled_out(authorization_url, token_url)
        self._prompt, self._grant = prompt, grant
        self._goes_offline = grant is None or grant.interactive
        self._pending: PendingSignIn | None = None

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
        if uri := next(iter(redirect_uris or ()), None):
            self.options = attrs.evolve(self.options, redirect_uri=uri)
        self.registration = attrs.evolve(self._sign_in(None), saved=None).register(self.options.callback.unbound)
        return self.registration

    def get_authorization_url(self, scopes: Iterable[str] | None = None) -> str:
        """Return the URL the person has to open; the next two steps complete it. RFC 6749 section 4.1.1.

        Args:
            scopes: Scopes to ask for; None follows the server.

        Raises:
            AuthorizationError: The server lacks PKCE or an endpoint.
            RegistrationError: We could not be registered.
        """
        with self._reminded():
            started, self._pending = start(self._sign_in(scopes), self.options.callback.unbound)
        self.registration = self._pending.registration
        return str(started.url)

    def start(
        self, scopes: Iterable[str] | None = None, *, lifetime: float = LIFETIME
    ) -> tuple[StartedSignIn, PendingSignIn]:
        """Make what the person needs and what finishing takes, for the caller to keep.

        Args:
            scopes: Scopes to ask for; None follows the server.
            lifetime: Seconds in which it can be finished.

        Raises:
            DiscoveryError: The authorization server cannot be found out.
            RegistrationError: We could not be registered.
            AuthorizationError: The server lacks PKCE or an endpoint.
            InsecureURLError: A URL may not be contacted or opened.
        """
        self._hear_challenge(None)
        with self._reminded(), self._acquaintance.relied_on():
            step = self._sign_in(scopes)
            started, pending = start(step, lifetime=lifetime)
        self._acquaintance.note(step, pending.registration)
        return started, pending

    def read_authorization_response(self, redirect: str) -> str:
        """Return the code of the redirect that answers :meth:`get_authorization_url`, state and issuer checked.

        Args:
            redirect: The URL the browser came back to.

        Raises:
            AuthorizationError: It is not an answer to our request, or it is a refusal.
        """
        pending = self._started()
        with self._reminded():
            try:
                return read_response(redirect, pending)
            except AuthorizationError as error:
                if self.authorization_server:
                    advise(error, self.authorization_server, pending.registration, pending.redirect_uri)
                raise

    def exchange_code_for_token(self, code: str) -> OAuthTokens:
        """Redeem a code; the verifier it belongs to is forgotten, so this works once. RFC 6749 section 4.1.3.

        Args:
            code: The authorization code, from :meth:`read_authorization_response`.

        Raises:
            TokenExchangeError: It was not accepted.
            AuthorizationError: No sign-in is under way, or the server has no token endpoint.
        """
        pending, self._pending = self._started(), None
        with self._reminded():
            return self._keep(redeem(pending, code, http=self.http, options=self.options))

    def authorize(
        self,
        scopes: Iterable[str] | None = None,
        *,
        challenge: Challenge | None = None,
        held: tuple[str, ...] = (),
        backoff: tuple[float, ...] = BACKOFF,
    ) -> OAuthTokens:
        """Do all of it: discover, register, ask the person, redeem the code; or what the grant does instead.

        Args:
            scopes: Scopes to ask for; None follows the server.
            challenge: The challenge to answer; None asks the server for one.
            held: Scopes asked for and granted before, on a step-up.
            backoff: Seconds to wait before each repetition of what failed for now, where no person takes part.

        Raises:
            DiscoveryError: The authorization server cannot be found out.
            RegistrationError: We could not be registered.
            AuthorizationError: The person declined or did not answer, or the answer is not ours.
            TokenExchangeError: The code was not accepted.
            InsecureURLError: A URL may not be contacted or opened.
        """
        self._hear_challenge(challenge)
        with self._reminded(), self._acquaintance.relied_on():
            step = attrs.evolve(self._sign_in(scopes, held), backoff=backoff)
            try:
                tokens = self._keep(step.run())
            except (AccessDeniedError, AuthorizationTimeoutError):
                self.registration = next(reversed(step.used), self.registration)  # the next try is the same client
                raise
        self._acquaintance.note(step, self.registration)
        return tokens

    def _sign_in(self, scopes: Iterable[str] | None, held: tuple[str, ...] = ()) -> SignIn:
        step = attrs.evolve(self._plan(scopes, held), prompt=self._prompt, grant=self._grant)
        if self._grant is not None and not self._grant.interactive and self.options.issuer is None:
            # Nobody would see on a page where a program's credentials go.
            self._require_issuer(step.server, hint="Pass issuer= if that is right.")
        return step if self.record.issuer else self._acquaintance.join(step)

    def _started(self) -> PendingSignIn:
        if self._pending is None:
            raise AuthorizationError(
                "No sign-in is under way on this client.", hint="Call get_authorization_url() first."
            )
        return self._pending
