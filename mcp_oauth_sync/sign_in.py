"""One sign-in at one known authorization server: who we are, the grant, one new registration if need be.

What the step-by-step client, the flow with explicit endpoints and the authorizer share.
"""

from __future__ import annotations

import hashlib
import json
import logging

import attrs

from .exceptions import AuthorizationError, RegistrationError, TokenExchangeError, printable
from .grants.authorization_code import AuthorizationCodeGrant
from .grants.base import Grant, GrantContext, Obtained
from .grants.patience import BACKOFF, patiently
from .identity import Way, choose_way, identify, require_known, wished_callback
from .models.callback import Callback
from .models.client import DYNAMIC, ClientRegistration
from .models.metadata import AuthorizationServerMetadata
from .models.options import SignInOptions
from .models.record import ServerRecord
from .models.switches import NO_SWITCHES, Switches
from .models.tokens import OAuthTokens
from .prompts import NoPrompt, Prompt, choose_prompt
from .protocol.dpop import Prover
from .protocol.proofs import Proofs
from .protocol.token_response import CLIENT_ERRORS
from .protocol.transport import Transport
from .urls import without_query

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
        grant: How tokens are obtained; None sends a person to the authorization server.
        saved: What an earlier sign-in left of a registration; None when there was none.
        switches: Where the server is met halfway.
        dpop_key: What the tokens are to be bound to, in PEM; None asks for bearer tokens.
        doubts: Whether the server may have forgotten ``saved``.
        backoff: Seconds to wait before each repetition of what failed for now, where no person takes part.
        used: Who we were, attempt by attempt; filled by :meth:`run`.
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
    switches: Switches = NO_SWITCHES
    dpop_key: str | None = attrs.field(default=None, repr=False)
    doubts: bool = True
    backoff: tuple[float, ...] = BACKOFF
    used: list[ClientRegistration] = attrs.field(factory=list, repr=False)

    def run(self) -> ServerRecord:
        """Obtain tokens and return everything to keep.

        A saved registration that the server turns out to have forgotten leads to one new registration.

        Raises:
            RegistrationError: We could not be registered.
            AuthorizationError: The person declined or did not answer, or the answer is not ours.
            TokenExchangeError: The code was not accepted.
            InsecureURLError: A URL may not be contacted or opened.
        """
        used = self.used
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

    def register(self, redirect_uri: str) -> ClientRegistration:
        """Return who we are for a redirect, registering if need be.

        Raises:
            RegistrationError: We could not be registered.
        """
        way = choose_way(self.options, self.server, self.saved, scopes=self.scopes)
        return self._identify(way, self.saved, redirect_uri, self.options.callback)

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
            grant=None if self._grant.interactive else self._grant.name,
            switches=self.switches,
            dpop_key=self.dpop_key if self._key_is_needed(obtained.tokens) else None,
        )

    def _key_is_needed(self, tokens: OAuthTokens) -> bool:
        """Tell whether anything is bound to the key: a server may bind the refresh token alone. RFC 9449 section 5."""
        may_be = bool(self.server.dpop_signing_alg_values_supported) or not self.server.published
        return tokens.bound or (tokens.refresh_token is not None and may_be)

    def _obtain(self, saved: ClientRegistration | None, used: list[ClientRegistration]) -> Obtained:
        grant = self._grant
        if not grant.interactive:
            return patiently(lambda: grant.obtain(self.context(saved, used)), backoff=self.backoff)
        try:
            return grant.obtain(self.context(saved, used))
        except RegistrationError as refusal:
            other = self.at_localhost(refusal)
            if other is None:
                raise
        return other._grant.obtain(other.context(saved, used))

    def at_localhost(self, refusal: RegistrationError) -> SignIn | None:
        """Return the same sign-in with the other name of this machine, where that may be what the server wants.

        Some take ``http://127.0.0.1`` for a web site without encryption, and only ``http://localhost`` for a program.

        Args:
            refusal: Why we could not be registered.
        """
        options = self.options.at_localhost if refusal.error == "invalid_redirect_uri" else None
        if options is None:
            return None
        logger.warning("%s refuses 127.0.0.1 in a redirect; trying localhost", printable(self.server.issuer))
        return attrs.evolve(self, options=options)

    @property
    def _grant(self) -> Grant:
        return self.grant or AuthorizationCodeGrant()

    def context(self, saved: ClientRegistration | None, used: list[ClientRegistration]) -> GrantContext:
        """Return what a grant works with.

        Args:
            saved: What there is of a registration; None where a new one is wanted.
            used: The registrations that are used are added here, in order.

        Raises:
            RegistrationError: The client given by the caller belongs to another authorization server.
            RegistrationRequiredError: There is no way to be known.
        """

        def identified(redirect_uri: str | None, *, fresh: bool = False, known: bool = False) -> ClientRegistration:
            found = way or choose_way(self.options, self.server, saved, scopes=self.scopes)
            if known:
                require_known(found, saved, self.server)
            used.append(self._identify(Way.DYNAMIC if fresh else found, saved, redirect_uri, callback))
            return used[-1]

        # Nobody is asked before it is clear that we can be known at all; a grant without a person asks for itself.
        way = choose_way(self.options, self.server, saved, scopes=self.scopes) if self._grant.interactive else None
        callback = wished_callback(self.options, saved if way is Way.SAVED else None)
        doubtful = saved if way is Way.SAVED and saved and saved.source == DYNAMIC and self.doubts else None
        return GrantContext(
            http=self.http,
            server=self.server,
            server_url=without_query(self.server_url),
            resource=self.resource,
            scopes=self.scopes,
            prompt=self.prompt or (choose_prompt() if self._grant.interactive else NoPrompt()),
            callback=callback,
            identify=identified,
            proofs=self.proofs,
            switches=self.switches,
            doubtful=doubtful,
            options=self.options,
        )

    @property
    def asked(self) -> str:
        """What stands for all that we ask to be when registering, but for scopes and redirects."""
        wishes = attrs.asdict(self.options.client_metadata)
        kinds = self._grant.grant_types
        text = json.dumps([wishes, kinds, self.options.initial_access_token], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def proofs(self) -> Proofs:
        """What goes with requests to the token endpoint beyond the registration."""
        return Proofs(
            issuer=self.server.issuer,
            client_key=self.options.client_key,
            dpop=None if self.dpop_key is None else Prover(self.dpop_key, whose=without_query(self.server_url)),
            insist=self.options.dpop is True,
        )

    def _identify(
        self, way: Way, saved: ClientRegistration | None, redirect_uri: str | None, callback: Callback
    ) -> ClientRegistration:
        return identify(
            way,
            self.http,
            self.options,
            self.server,
            saved,
            redirect_uri=redirect_uri,
            redirect_uris=callback.uris(redirect_uri) if redirect_uri else (),
            scopes=self.scopes,
            grant_types=self._grant.grant_types if self._grant.interactive else (),
        )
