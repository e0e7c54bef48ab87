"""The same steps from explicit endpoints, with no discovery. RFC 6749 section 4.1."""

from __future__ import annotations

import attrs
import requests

from .grants.base import Grant
from .grants.patience import BACKOFF
from .grants.refresh_token import nothing_to_refresh_with, renew
from .identity import Way, identify
from .interrupts import held_back
from .models.config import OAuthConfig
from .models.metadata import AuthorizationServerMetadata
from .models.options import SignInOptions
from .models.record import ServerRecord
from .models.tokens import OAuthTokens
from .prompts import Prompt
from .protocol.presented import Provers
from .protocol.proofs import Proofs
from .protocol.transport import Transport, guard_of
from .sign_in import SignIn
from .urls import without_query

#: What stands in a configuration whose caller chose no redirect.
_ANYWHERE = attrs.fields(OAuthConfig).redirect_uri.default


class OAuthFlow:
    """Signs in at one authorization server whose endpoints the caller knows.

    Args:
        oauth_config: The endpoints, and who we are.
        prompt: How a person is asked; None chooses by what this process is.
        grant: How tokens are obtained; None sends a person to the authorization server.
        session: Supplies proxies, CA bundle, client certificate and adapters.
        http: A transport made already; wins over ``session``.
        record: What an earlier sign-in left behind; one of other endpoints or another client is not used.

    Attributes:
        record: Everything to keep of the sign-in.

    Raises:
        ValueError: ``extra_auth_params`` sets a parameter that the library sets.

    Example::

        config = OAuthConfig("https://as.example.com/authorize", "https://as.example.com/token", client_id="app")
        tokens = OAuthFlow(config).authorize()
    """

    def __init__(
        self,
        oauth_config: OAuthConfig,
        *,
        prompt: Prompt | None = None,
        grant: Grant | None = None,
        session: requests.Session | None = None,
        http: Transport | None = None,
        record: ServerRecord | None = None,
    ) -> None:
        """Check the configuration; nothing is sent yet."""
        self.config = config = oauth_config
        self.http = http or Transport(
            session=session or requests.Session(),
            guard=guard_of(config.token_url, public_only=config.public_only),
        )
        self.record = record if record is not None and _belongs(record, config) else ServerRecord()
        self._prompt, self._grant, self._provers = prompt, grant, Provers(without_query(config.token_url))
        self._options = SignInOptions(
            scopes=config.scopes,
            client_id=config.client_id,
            client_secret=config.client_secret,
            redirect_uri=None if config.redirect_uri == _ANYWHERE else config.redirect_uri,
            authorize_params=config.extra_auth_params,
        )

    def authorize(self) -> OAuthTokens:
        """Ask the person and redeem the code, or do what the grant does instead.

        Raises:
            RegistrationError: We could not be registered.
            AuthorizationError: The person declined or did not answer, or the answer is not ours.
            TokenExchangeError: The code was not accepted.
        """
        config = self.config
        step = SignIn(
            http=self.http,
            server=self._server(),
            server_url=config.issuer or config.authorization_url,
            scopes=config.scopes,
            options=self._options,
            prompt=self._prompt,
            grant=self._grant,
            saved=self.record.registration,
        )
        return self._keep(attrs.evolve(step.run(), server_url=""))

    def refresh_token(self, refresh_token: str | None = None, *, backoff: tuple[float, ...] = BACKOFF) -> OAuthTokens:
        """Renew the access token. RFC 6749 section 6.

        Args:
            refresh_token: The refresh token; None takes the one held.
            backoff: Seconds to wait before each repetition of what failed for now; empty tries once.

        Raises:
            RefreshRejectedError: It will never work again.
            TokenRefreshError: It did not work now, or there is nothing to refresh with.
        """
        config, held = self.config, self.record.tokens
        if refresh_token is not None:
            held = attrs.evolve(held or OAuthTokens(access_token=""), refresh_token=refresh_token)
        registration = self.record.registration
        if registration is None and config.client_id:
            registration = identify(
                Way.PREREGISTERED, self.http, self._options, self._server(), None, redirect_uri=None, scopes=()
            )
        if held is None or registration is None:
            raise nothing_to_refresh_with()
        record = attrs.evolve(self.record, tokens=held, registration=registration, token_endpoint=config.token_url)
        proofs = Proofs(dpop=self._provers.of(record))  # a sign-in of another door may be bound to a key
        with held_back() as interruption:
            return self._keep(renew(self.http, record, backoff=backoff, proofs=proofs, sleep=interruption.sleep))

    def _server(self) -> AuthorizationServerMetadata:
        config = self.config
        return AuthorizationServerMetadata.spelled_out(
            config.authorization_url,
            config.token_url,
            issuer=config.issuer or "",
            registration_url=config.registration_url,
            revocation_url=config.revocation_url,
        )

    def _keep(self, record: ServerRecord) -> OAuthTokens:
        self.record = record
        assert record.tokens is not None  # noqa: S101  (every caller has just obtained some)
        return record.tokens


def _belongs(record: ServerRecord, config: OAuthConfig) -> bool:
    """Tell whether a record is of these endpoints and this client: nothing of one server goes to another."""
    registration = record.registration
    same_client = registration is None or config.client_id in (None, registration.client_id)
    return same_client and record.token_endpoint in (None, config.token_url)
