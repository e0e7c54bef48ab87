"""What a way of obtaining tokens is given, and what it gives back. RFC 6749 section 1.3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

import attrs

from ..exceptions import AuthorizationError, RegistrationRequiredError, TokenExchangeError, printable
from ..models.callback import Callback
from ..models.client import ClientRegistration
from ..models.metadata import AuthorizationServerMetadata
from ..models.options import SignInOptions
from ..models.switches import Switches
from ..models.tokens import OAuthTokens
from ..prompts.base import Prompt
from ..protocol.proofs import Proofs
from ..protocol.token_endpoint import request_tokens
from ..protocol.transport import Transport
from ..urls import require_secure


class Identify(Protocol):
    """Gives our registration, registering if need be."""

    def __call__(self, redirect_uri: str | None, *, fresh: bool = False, known: bool = False) -> ClientRegistration:
        """Return our registration.

        Args:
            redirect_uri: The redirect that is really bound; None for grants without one.
            fresh: Whether to register anew whatever is known.
            known: Whether to register nowhere: only a client that the caller brought will do.

        Raises:
            RegistrationRequiredError: It would take a registration.
            RegistrationError: We could not be registered.
        """
        raise NotImplementedError


@attrs.frozen(kw_only=True)
class GrantContext:
    """Everything a grant may need.

    Attributes:
        http: The transport.
        server: The authorization server.
        server_url: What the sign-in is for, to be named to the person.
        resource: RFC 8707 resource; None sends none.
        scopes: Scopes to ask for; empty asks for none.
        prompt: How a person is asked.
        callback: Where the browser is to come back to.
        identify: Gives our registration.
        proofs: What goes with requests to the token endpoint beyond the registration.
        switches: Where the server is met halfway.
        doubtful: A registration from an earlier process that the server may have forgotten; None when there
            is none.
        options: The caller's choices.
    """

    http: Transport
    server: AuthorizationServerMetadata
    server_url: str
    resource: str | None
    scopes: tuple[str, ...]
    prompt: Prompt
    callback: Callback
    identify: Identify
    proofs: Proofs = attrs.field(factory=Proofs)
    switches: Switches = attrs.field(factory=Switches)
    doubtful: ClientRegistration | None = None
    options: SignInOptions = attrs.field(factory=SignInOptions)

    def request_tokens(
        self, registration: ClientRegistration | None, fields: Mapping[str, str], *, what: str
    ) -> Obtained:
        """Ask the token endpoint for what this context is about.

        Args:
            registration: Who we are; None identifies nobody.
            fields: The form: ``grant_type`` and what belongs to it. Scopes, resource and the caller's own fields are
                added here.
            what: What the server may not accept, for messages ("the assertion").

        Raises:
            InsecureURLError: The endpoint may not be contacted.
            AuthorizationError: The server has no token endpoint.
            TokenExchangeError: No tokens came.
            RegistrationError: The client's key cannot be used.
        """
        scope = {"scope": " ".join(self.scopes)} if self.scopes else {}
        try:
            granted = request_tokens(
                self.http,
                self.token_endpoint,
                registration,
                {**self.options.token_params, **scope, **fields},
                what=what,
                resource=self.resource,
                scope=scope.get("scope"),
                proofs=self.proofs,
            )
        except TokenExchangeError as failure:
            failure.issuer = self.server.issuer or None
            raise
        return Obtained(tokens=granted.tokens, registration=granted.registration)

    @property
    def known_client(self) -> ClientRegistration | None:
        """The client that the caller brought, by hand or by a document; None where there is none.

        Raises:
            RegistrationError: It belongs to another authorization server, or its key cannot be used.
        """
        try:
            return self.identify(None, known=True)
        except RegistrationRequiredError:
            return None

    @property
    def token_endpoint(self) -> str:
        """The token endpoint, checked.

        Raises:
            InsecureURLError: It may not be contacted.
            AuthorizationError: The server has none.
        """
        endpoint = self.server.token_endpoint
        if not endpoint:
            raise AuthorizationError(
                f"The authorization server {printable(self.server.issuer)} has no token endpoint.",
                hint="If it publishes more elsewhere, pass metadata_url= with the address.",
            )
        require_secure(endpoint, "token endpoint", allow_loopback=self.http.allow_loopback)
        return endpoint


@attrs.frozen(kw_only=True)
class Obtained:
    """What a grant gives.

    Attributes:
        tokens: The tokens.
        registration: Who we were, with the authentication method that worked; None when we were nobody in particular.
        redirect_uri: The redirect used; None for grants without one.
    """

    tokens: OAuthTokens
    registration: ClientRegistration | None
    redirect_uri: str | None = None


class Grant(ABC):
    """A way to obtain tokens.

    Attributes:
        name: Its name in messages.
        interactive: Whether a person takes part. A grant without one is used again whenever tokens have expired and
            cannot be refreshed, and where nobody is there to ask.
        grant_types: What a client has to be registered for to use it (RFC 7591 section 2).

    Example::

        class Voucher(Grant):
            name = "voucher"
            interactive = False

            def obtain(self, context):
                fields = {"grant_type": "urn:example:voucher", "voucher": "..."}
                return context.request_tokens(context.identify(None), fields, what="the voucher")
    """

    name: str
    interactive: bool = True
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")

    @property
    def whose(self) -> str | None:
        """What tells whose tokens a grant without a person brings, where the client alone does not; None where it does.

        It becomes a part of the name under which the sign-in is kept, so that no two people and no two workloads share
        one unless the caller names it. It is shown, so it must not be a secret.

        Raises:
            OAuthError: It cannot be found out.
        """
        return None

    @abstractmethod
    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            OAuthError: None came; the subclass says why.
        """
