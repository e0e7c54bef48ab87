"""What a client does with the tokens it has got: refresh, obtain again, revoke. RFC 6749 section 6, RFC 7009."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import attrs

from ..exceptions import AuthorizationError, DiscoveryError, InsecureURLError, RegistrationError, RevocationError
from ..grants.base import Grant
from ..grants.patience import BACKOFF
from ..grants.refresh_token import nothing_to_refresh_with, renew
from ..interrupts import held_back
from ..models.metadata import AuthorizationServerMetadata
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from ..protocol.presented import require_same_origin
from ..protocol.proofs import Proofs
from ..protocol.revocation import revoke_token
from ..protocol.server_metadata import same_issuer
from ..sign_in import SignIn
from ..urls import without_query
from .planning import PlanningClient

logger = logging.getLogger(__name__)


class RenewingClient(PlanningClient):
    """Keeps the tokens of one MCP server fresh, and ends them. Made as :class:`PlanningClient`."""

    def obtain_again(
        self, grant: Grant, *, scopes: Iterable[str] | None = None, backoff: tuple[float, ...] = BACKOFF
    ) -> OAuthTokens:
        """Use a grant without a person once more, at the server that the record knows: one request, no discovery.

        Args:
            grant: The grant.
            scopes: Scopes to ask for; None asks for the same as before.
            backoff: Seconds to wait before each repetition of what failed for now; empty tries once.

        Raises:
            AuthorizationError: The record does not know the server.
            TokenExchangeError: No tokens came.
            RegistrationError: The client cannot be used.
        """
        record = self.record
        known = record.registration.token_endpoint_auth_method if record.registration else None
        server = AuthorizationServerMetadata(
            issuer=record.issuer,
            token_endpoint=record.token_endpoint,
            revocation_endpoint=record.revocation_endpoint,
            token_endpoint_auth_methods_supported=(known,) if known else None,
            published=False,
        )
        step = SignIn(
            http=self.http,
            server=server,
            server_url=self.server_url,
            resource=record.resource,
            scopes=tuple((record.requested_scope or "").split() if scopes is None else scopes),
            options=self.options,
            grant=grant,
            saved=record.registration,
            switches=record.switches,
            dpop_key=record.dpop_key,
            backoff=backoff,
        )
        return self._keep(step.run())

    def refresh_token(self, refresh_token: str | None = None) -> OAuthTokens:
        """Renew the access token. RFC 6749 section 6.

        Args:
            refresh_token: The refresh token; None takes the one held.

        Raises:
            RefreshRejectedError: It will never work again.
            TokenRefreshError: It did not work now, or there is nothing to refresh with.
            DiscoveryError: The token endpoint is not known yet, and cannot be found out.
            MetadataMismatchError: The server has moved to another authorization server than the token's.
        """
        held, registration = self.tokens, self._known_client()
        if refresh_token is not None:
            held = attrs.evolve(held or OAuthTokens(access_token="", scope=None), refresh_token=refresh_token)
        if held is None or not held.refresh_token or registration is None:
            raise nothing_to_refresh_with()
        record = self._with_endpoints(attrs.evolve(self.record, tokens=held, registration=registration))
        extra, proofs = self.options.token_params, self._proofs(record)
        with held_back() as interruption:
            return self._keep(renew(self.http, record, extra=extra, proofs=proofs, sleep=interruption.sleep))

    def complete(self) -> ServerRecord:
        """Find out what the record lacks for a refresh in a later process; bind what it holds to that issuer.

        Returns:
            The record. One that knows its token endpoint is left as it is, and nobody is asked.

        Raises:
            DiscoveryError: The authorization server cannot be found out, or publishes nothing about itself.
            MetadataMismatchError: The record is of another authorization server than the one found out.
            InsecureURLError: A URL may not be contacted.
        """
        if self.record.token_endpoint is None:
            self._hear_challenge(None)
            record = self._with_endpoints(self.record)
            if record.token_endpoint is None or (self.authorization_server and self.authorization_server.guessed):
                raise DiscoveryError(
                    f"{without_query(self.server_url)} does not say where its tokens are renewed.",
                    hint="Sign in there anew.",
                    url=without_query(self.server_url),
                    tried=self.tried,
                )
            if record.registration is not None:
                record = attrs.evolve(record, registration=attrs.evolve(record.registration, issuer=record.issuer))
            self.record, self.registration = record, record.registration
        return self.record

    def _with_endpoints(self, record: ServerRecord) -> ServerRecord:
        """Return a record with the endpoints of its authorization server, which is found out if need be."""
        if record.token_endpoint is not None:
            return record
        server = self.authorization_server or self.discover_authorization_server()
        self._require_issuer(server)
        switches = self._concede(server)
        return attrs.evolve(
            record,
            issuer=server.issuer,
            resource=self.resource,
            token_endpoint=server.token_endpoint,
            revocation_endpoint=server.revocation_endpoint,
            switches=switches,
        )

    def headers(self, method: str = "GET", url: str | None = None) -> dict[str, str]:
        """Return the headers for one request with the tokens held: ``Authorization``, and ``DPoP`` where they need it.

        Args:
            method: The request's method.
            url: Where it goes; None means the server's own URL.

        Raises:
            AuthorizationError: There are no tokens, or no proof can be made.
            InsecureURLError: ``url`` is on another origin than the server.
            StoreCorruptError: The key that the tokens are bound to cannot be read.
        """
        where = require_same_origin(url, self.server_url)
        header = self._provers.present(self.record)
        if header is None:
            raise AuthorizationError("This client holds no tokens.", hint="Call authorize() first.")
        return header.headers(method, where)

    def take_nonce(self, headers: Mapping[str, str]) -> bool:
        """Take the nonce of an answer of the server, for the next :meth:`headers`; tell whether one was there.

        Args:
            headers: The headers of the answer, such as a 401 with the error ``use_dpop_nonce``. RFC 9449 section 8.2.
        """
        return self._provers.heard.hear_nonce(self.server_url, headers)

    def revoke_token(self, token: str, token_type_hint: str | None = None) -> bool:
        """Revoke a token; tell whether the server confirmed it. RFC 7009.

        Args:
            token: An access or refresh token of this server.
            token_type_hint: "access_token", "refresh_token" or None.
        """
        server, registration, endpoint = self.authorization_server, self.registration, self.record.revocation_endpoint
        if endpoint is None and server is not None and registration is not None:
            endpoint = server.revocation_endpoint if same_issuer(server.issuer, registration.issuer or "") else None
        if endpoint is None:
            return False
        try:
            revoke_token(
                self.http,
                endpoint,
                registration,
                token,
                token_type_hint=token_type_hint,
                proofs=Proofs(issuer=self.record.issuer, client_key=self.options.client_key),
            )
        except (RevocationError, InsecureURLError, RegistrationError) as failure:
            logger.warning("%s", failure.message)
            return False
        return True
