"""The demo's authorization server: clients, questions, codes and tokens, all in memory.

The official SDK's handlers speak OAuth (RFC 6749, 7591, 7636, 7009). What they leave to a provider is here:
consent, one use per code and per refresh token (a second use ends the whole sign-in), the audience of a token
(RFC 8707) and the issuer on every redirect made here (RFC 9207).
"""

from __future__ import annotations

import math
import secrets
import time

import attrs
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    RegistrationError,
    construct_redirect_uri,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from ..exceptions import InsecureURLError
from ..urls import is_loopback, require_secure

PERSON = "Ada"
BASE_SCOPE = "mcp"
WRITE_SCOPE = "notes:write"
SCOPES = [BASE_SCOPE, WRITE_SCOPE]
_CODE_TTL = 60.0


@attrs.frozen(kw_only=True)
class OpenRequest:
    """A question that waits for the person's answer."""

    client: OAuthClientInformationFull = attrs.field(repr=False)
    params: AuthorizationParams = attrs.field(repr=False)
    scopes: list[str]
    resource: str


@attrs.define(kw_only=True)
class _Grant:
    """One sign-in: every token that stems from it lives and dies with it."""

    client: OAuthClientInformationFull = attrs.field(repr=False)
    resource: str
    alive: bool = True
    refresh_token: str | None = attrs.field(default=None, repr=False)


class DemoProvider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """What the official SDK asks of an authorization server, kept in memory."""

    def __init__(
        self, issuer: str, *, resource: str | None = None, access_ttl: int = 3600, auto_consent: bool = False
    ) -> None:
        """Start with no client and no token.

        Args:
            issuer: This server's issuer identifier.
            resource: The one resource tokens are for; None allows any on the loopback interface.
            access_ttl: Lifetime of an access token in seconds.
            auto_consent: True answers every question with yes, without a page.
        """
        self.issuer = issuer
        self.resource = resource
        self.access_ttl = access_ttl
        self.auto_consent = auto_consent
        self._clients: dict[str, OAuthClientInformationFull] = {}
        self._open: dict[str, OpenRequest] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._redeemed: dict[str, _Grant] = {}
        self._access: dict[str, tuple[AccessToken, float, _Grant]] = {}
        self._refresh: dict[str, tuple[RefreshToken, _Grant]] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """Return a registered client."""
        return self._clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a client whose redirect URIs are all https or loopback. RFC 7591.

        Raises:
            RegistrationError: A redirect URI is neither.
        """
        for uri in client_info.redirect_uris or []:
            try:
                require_secure(str(uri), "redirect URI")
            except InsecureURLError as error:
                raise RegistrationError("invalid_redirect_uri", error.message) from error
        self._clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Open a question and return the consent page's URL, or the redirect when there is nothing to ask."""
        resource = self._audience(params.resource)
        if resource is None:
            return self._redirect(params, error="invalid_target", error_description="unknown or missing resource")
        scopes = list(dict.fromkeys(params.scopes or [BASE_SCOPE]))
        request = OpenRequest(client=client, params=params, scopes=scopes, resource=resource)
        if self.auto_consent:
            return self._allow(request)
        request_id = secrets.token_urlsafe(24)
        self._open[request_id] = request
        return f"{self.issuer}/consent?request={request_id}"

    def open_request(self, request_id: str) -> OpenRequest | None:
        """Return a question that is still open."""
        return self._open.get(request_id)

    def decide(self, request_id: str, *, allowed: bool) -> str | None:
        """Take the person's answer, once.

        Returns:
            The URL to send the browser to, or None when the question is not open.
        """
        request = self._open.pop(request_id, None)
        if request is None:
            return None
        if not allowed:
            return self._redirect(request.params, error="access_denied", error_description="the person said no")
        return self._allow(request)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        """Return an unused code; a used one ends the sign-in that it began. RFC 6749 section 4.1.2."""
        if grant := self._redeemed.get(authorization_code):
            grant.alive = False
        return self._codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """Turn a code into the first tokens of a sign-in."""
        del self._codes[authorization_code.code]
        grant = _Grant(client=client, resource=authorization_code.resource or "")
        self._redeemed[authorization_code.code] = grant
        return self._issue(grant, authorization_code.scopes, authorization_code.scopes)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        """Return the refresh token in force; an older one is a replay and ends the sign-in. RFC 9700."""
        token, grant = self._refresh.get(refresh_token, (None, None))
        if token is None or grant is None:
            return None
        if grant.refresh_token != refresh_token:
            grant.alive = False
        return token if grant.alive else None

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        """Give new tokens and spend the refresh token; a narrower scope is for one access token."""
        _, grant = self._refresh[refresh_token.token]
        return self._issue(grant, scopes, refresh_token.scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """Return an access token that is neither expired nor revoked."""
        access, expires_at, grant = self._access.get(token, (None, 0.0, None))
        return access if grant is not None and grant.alive and time.time() < expires_at else None

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """End the whole sign-in that a token belongs to. RFC 7009."""
        known = self._access.get(token.token) or self._refresh.get(token.token)
        if known is not None:
            known[-1].alive = False

    def _allow(self, request: OpenRequest) -> str:
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32),
            scopes=request.scopes,
            expires_at=time.time() + _CODE_TTL,
            client_id=request.client.client_id,
            code_challenge=request.params.code_challenge,
            redirect_uri=request.params.redirect_uri,
            redirect_uri_provided_explicitly=request.params.redirect_uri_provided_explicitly,
            resource=request.resource,
            subject=PERSON,
        )
        self._codes[code.code] = code
        return self._redirect(request.params, code=code.code)

    def _issue(self, grant: _Grant, scopes: list[str], all_scopes: list[str]) -> OAuthToken:
        expires_at = time.time() + self.access_ttl
        access = AccessToken(
            token="at_" + secrets.token_urlsafe(32),
            client_id=grant.client.client_id,
            scopes=scopes,
            expires_at=math.ceil(expires_at),
            resource=grant.resource,
            subject=PERSON,
            claims={"iss": self.issuer, "client_name": grant.client.client_name},
        )
        self._access[access.token] = (access, expires_at, grant)
        if "refresh_token" in grant.client.grant_types:
            grant.refresh_token = "rt_" + secrets.token_urlsafe(32)
            refresh = RefreshToken(
                token=grant.refresh_token, client_id=grant.client.client_id, scopes=all_scopes, subject=PERSON
            )
            self._refresh[refresh.token] = (refresh, grant)
        return OAuthToken(
            access_token=access.token,
            expires_in=self.access_ttl,
            scope=" ".join(scopes),
            refresh_token=grant.refresh_token,
        )

    def _audience(self, asked: str | None) -> str | None:
        if asked is None or "#" in asked:
            return None
        if self.resource is not None:
            return self.resource if asked.rstrip("/") == self.resource else None
        try:
            return asked if is_loopback(require_secure(asked, "resource").hostname) else None
        except InsecureURLError:
            return None

    def _redirect(self, params: AuthorizationParams, **answer: str) -> str:
        return construct_redirect_uri(str(params.redirect_uri), **answer, state=params.state, iss=self.issuer)
