"""One sign-in at one known authorization server: who we are, the grant, one new registration if need be.

What the step-by-step client, the flow with explicit endpoints and the authorizer share.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import attrs

from .exceptions import AuthorizationError, TokenExchangeError
from .grants.authorization_code import AuthorizationCodeGrant, build_request, redeem_code, require_endpoints
from .grants.base import Grant, GrantContext, Obtained
from .identity import Way, choose_way, identify, wished_redirect
from .models.client import DYNAMIC, ClientRegistration
from .models.metadata import AuthorizationServerMetadata
from .models.options import SignInOptions
from .models.record import ServerRecord
from .prompts import Prompt, choose_prompt
from .protocol.authorization import AuthorizationRequest, build_state
from .protocol.token_endpoint import CLIENT_ERRORS
from .protocol.transport import Transport
from .urls import loopback_host, portless, require_redirect, without_query

logger = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class SignIn:
    """All that one sign-in needs to know.

    Attributes:
        http: The transport.
        server: The authorization server.
        server_url: What the sign-in is for.
        resource: RFC 8707 resource; None sends none.
        scopes: Scopes to ask for; empty asks for none.
        options: The caller's choices.
        prompt: How a person is asked; None chooses by what this process is.
        grant: How tokens are obtained; None asks a person.
        saved: What an earlier sign-in left of a registration; None when there was none.
        redirect_uri: Redirect to listen on, where a port means that very one; None follows the options and the
            saved registration.
    """

    http: Transport
    server: AuthorizationServerMetadata
    server_url: str
    resource: str | None = None
    scopes: tuple[str, ...] = ()
    options: SignInOptions = attrs.field(factory=SignInOptions)
    prompt: Prompt | None = None
    grant: Grant | None = None
    saved: ClientRegistration | None = None
    redirect_uri: str | None = None

    def run(self) -> ServerRecord:
        """Obtain tokens and return everything to keep.

        A saved registration that the server turns out to have forgotten leads to one new registration.

        Raises:
            RegistrationError: We could not be registered.
            AuthorizationError: The person declined or did not answer, or the answer is not ours.
            TokenExchangeError: The code was not accepted.
            InsecureURLError: A URL may not be contacted or opened.
        """
        used: list[ClientRegistration] = []
        try:
            return self.keep(self._obtain(self.saved, used))
        except (AuthorizationError, TokenExchangeError) as failure:
            # Scopes belong to a registration too: some servers refuse those it was not made for.
            refused = failure.error in CLIENT_ERRORS or failure.error == "invalid_scope"
            stale = self.saved is not None and self.saved.source == DYNAMIC and used[-1:] == [self.saved]
            if not refused or not stale:
                raise
            logger.warning("the saved registration was refused (%s); registering anew", failure.error)
            return self.keep(self._obtain(None, used))

    def start(self, redirect_uri: str) -> PendingSignIn:
        """Build the request for a person whom the caller gets to the browser.

        Raises:
            AuthorizationError: The server lacks PKCE or an endpoint.
            RegistrationError: We could not be registered.
            InsecureURLError: An endpoint may not be opened, or the redirect is neither https nor on loopback.
        """
        require_endpoints(self.server, self.http)
        require_redirect(redirect_uri)
        context = self._context(self.saved, [])
        registration = self.register(redirect_uri)
        request = build_request(context, registration, redirect_uri, build_state())
        return PendingSignIn(step=self, context=context, registration=registration, request=request)

    def register(self, redirect_uri: str) -> ClientRegistration:
        """Return who we are for a redirect, registering if need be.

        Raises:
            RegistrationError: We could not be registered.
        """
        way = choose_way(self.options, self.server, self.saved, scopes=self.scopes)
        return self._identify(way, self.saved, redirect_uri)

    def keep(self, obtained: Obtained) -> ServerRecord:
        """Return everything a later process needs."""
        return ServerRecord(
            server_url=self.server_url,
            issuer=self.server.issuer,
            resource=self.resource,
            token_endpoint=self.server.token_endpoint,
            revocation_endpoint=self.server.revocation_endpoint,
            registration=obtained.registration,
            tokens=obtained.tokens,
            requested_scope=" ".join(self.scopes) or None,
            redirect_uri=obtained.redirect_uri,
        )

    def _obtain(self, saved: ClientRegistration | None, used: list[ClientRegistration]) -> Obtained:
        return (self.grant or AuthorizationCodeGrant()).obtain(self._context(saved, used))

    def _context(self, saved: ClientRegistration | None, used: list[ClientRegistration]) -> GrantContext:
        def identified(uri: str, fresh: bool) -> ClientRegistration:
            used.append(self._identify(Way.DYNAMIC if fresh else way, saved, uri))
            return used[-1]

        way = choose_way(self.options, self.server, saved, scopes=self.scopes)
        wished, exact = self._redirect(saved if way is Way.SAVED else None)
        doubtful = saved if way is Way.SAVED and saved and saved.source == DYNAMIC else None
        return GrantContext(
            http=self.http,
            server=self.server,
            server_url=without_query(self.server_url),
            resource=self.resource,
            scopes=self.scopes,
            prompt=self.prompt or choose_prompt(),
            redirect_uri=wished,
            exact_redirect=exact,
            identify=identified,
            doubtful=doubtful,
            options=self.options,
        )

    def _redirect(self, saved: ClientRegistration | None) -> tuple[str, bool]:
        """Return (the redirect to listen on, whether only that port will do)."""
        if self.redirect_uri is None:
            return wished_redirect(self.options, saved)
        if loopback_host(self.redirect_uri) is not None and urlsplit(self.redirect_uri).port:
            return self.redirect_uri, True
        for uri in saved.redirect_uris if saved else ():
            if portless(uri) == portless(self.redirect_uri):
                return uri, False
        return self.redirect_uri, False

    def _identify(self, way: Way, saved: ClientRegistration | None, redirect_uri: str) -> ClientRegistration:
        return identify(way, self.http, self.options, self.server, saved, redirect_uri=redirect_uri, scopes=self.scopes)


@attrs.frozen(kw_only=True)
class PendingSignIn:
    """A sign-in whose person is on the way. Lives in memory only.

    Attributes:
        step: What it was started from.
        context: What its grant works with.
        registration: Who asks.
        request: What the answer is checked against.
    """

    step: SignIn
    context: GrantContext
    registration: ClientRegistration
    request: AuthorizationRequest

    def redeem(self, code: str) -> ServerRecord:
        """Exchange the code and return everything to keep.

        Raises:
            TokenExchangeError: It was not accepted.
        """
        return self.step.keep(redeem_code(self.context, self.registration, self.request, code))
