"""The same steps from explicit endpoints, with no discovery. RFC 6749 section 4.1."""

from __future__ import annotations

import attrs
import requests

from .exceptions import TokenRefreshError
from .grants.refresh_token import renew
from .models.client import ClientRegistration
from .models.config import OAuthConfig
from .models.metadata import AuthorizationServerMetadata
from .models.options import SignInOptions
from .models.record import ServerRecord
from .models.tokens import OAuthTokens
from .prompts import Prompt
from .protocol.transport import Transport
from .sign_in import SignIn


class OAuthFlow:
    """Signs in at one authorization server whose endpoints the caller knows.

    Args:
        oauth_config: The endpoints, and who we are.
        prompt: How a person is asked; None chooses by what this process is.
        session: Supplies proxies, CA bundle, client certificate and adapters.
        http: A transport made already; wins over ``session``.
        record: What an earlier sign-in left behind.

    Attributes:
        record: Everything to keep of the sign-in.

    Example::

        config = OAuthConfig("https://as.example.com/authorize", "https://as.example.com/token", client_id="app")
        tokens = OAuthFlow(config).authorize()
    """

    def __init__(
        self,
        oauth_config: OAuthConfig,
        *,
        prompt: Prompt | None = None,
        session: requests.Session | None = None,
        http: Transport | None = None,
        record: ServerRecord | None = None,
    ) -> None:
        """Keep the configuration; nothing is sent yet."""
        self.config = oauth_config
        self.http = http or Transport(session=session or requests.Session())
        self.record = record or ServerRecord()
        self._prompt = prompt

    def authorize(self) -> OAuthTokens:
        """Ask the person and redeem the code.

        Raises:
            RegistrationError: We could not be registered.
            AuthorizationError: The person declined or did not answer, or the answer is not ours.
            TokenExchangeError: The code was not accepted.
        """
        config = self.config
        server = AuthorizationServerMetadata.spelled_out(
            config.authorization_url,
            config.token_url,
            issuer=config.issuer or "",
            registration_url=config.registration_url,
            revocation_url=config.revocation_url,
        )
        options = SignInOptions(
            scopes=config.scopes,
            client_id=config.client_id,
            client_secret=config.client_secret,
            authorize_params=config.extra_auth_params,
        )
        step = SignIn(
            http=self.http,
            server=server,
            server_url=config.issuer or config.authorization_url,
            scopes=config.scopes,
            options=options,
            prompt=self._prompt,
            saved=self.record.registration,
            redirect_uri=config.redirect_uri,
        )
        return self._keep(attrs.evolve(step.run(), server_url=""))

    def refresh_token(self, refresh_token: str | None = None) -> OAuthTokens:
        """Renew the access token. RFC 6749 section 6.

        Args:
            refresh_token: The refresh token; None takes the one held.

        Raises:
            RefreshRejectedError: It will never work again.
            TokenRefreshError: It did not work now, or there is nothing to refresh with.
        """
        config, held = self.config, self.record.tokens
        if refresh_token is not None:
            held = attrs.evolve(held or OAuthTokens(access_token=""), refresh_token=refresh_token)
        registration = self.record.registration
        if registration is None and config.client_id:
            registration = ClientRegistration(
                client_id=config.client_id,
                client_secret=config.client_secret,
                token_endpoint_auth_method="client_secret_basic" if config.client_secret else "none",  # noqa: S106
            )
        if held is None or registration is None:
            raise TokenRefreshError("There is nothing to refresh with.", hint="Sign in first.")
        record = attrs.evolve(self.record, tokens=held, registration=registration, token_endpoint=config.token_url)
        return self._keep(renew(self.http, record))

    def _keep(self, record: ServerRecord) -> OAuthTokens:
        self.record = record
        assert record.tokens is not None  # noqa: S101  (every caller has just obtained some)
        return record.tokens
