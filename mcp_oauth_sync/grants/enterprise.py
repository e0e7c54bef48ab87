"""Enterprise-managed authorization: a person's sign-in at the company is enough for the MCP servers it allows.

RFC 8693 exchange at the identity provider, then RFC 7523 at the MCP authorization server;
draft-ietf-oauth-identity-assertion-authz-grant; MCP enterprise-managed authorization.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import attrs

from ..exceptions import (
    AuthorizationError,
    DiscoveryError,
    RegistrationRequiredError,
    SignInRequiredError,
    TokenExchangeError,
    printable,
)
from ..models.client import ClientRegistration
from ..models.client_key import ClientKey
from ..models.metadata import AuthorizationServerMetadata
from ..models.secret import Secret
from ..protocol.client_auth import settle_method
from ..protocol.documents import Trace
from ..protocol.foreign_assertion import fingerprint, is_past, read_claims
from ..protocol.given_secret import read_given
from ..protocol.proofs import Proofs
from ..protocol.server_metadata import fetch_server_metadata
from ..protocol.token_exchange import ASSERTION_TYPES, exchange_identity
from ..protocol.token_response import CLIENT_ERRORS
from ..protocol.transport import Transport
from ..urls import is_loopback, require_secure, without_query
from .base import Grant, GrantContext, Obtained
from .jwt_bearer import GRANT_TYPE

#: What says who the person is, as a text, the file it lies in, or a function that brings it.
IdentitySource = str | Path | Callable[[], str]
_WHAT = "the identity assertion"


class EnterpriseGrant(Grant):
    """Exchanges a person's sign-in at the company for tokens of an MCP server, without asking the person again.

    Two clients take part: the one at the identity provider, given here, and the one at the MCP server's authorization
    server, given with the sign-in (``OAuth(client_id=...)``), which the identity provider has to know as well.

    Args:
        identity_assertion: What the identity provider said at the person's sign-in: the text, the path of a file that
            is read anew each time, or a function that returns it. Whose it is becomes a part of the sign-in's name.
        client_id: The client that the person signed in with, at the identity provider.
        client_secret: Its secret; None for a public client.
        client_key: Its private key; needs ``issuer``. None for a client without one.
        issuer: The identity provider, whose token endpoint is found by its metadata.
        token_endpoint: That token endpoint, where it is not to be found by metadata.
        assertion_type: "id_token" (OpenID Connect) or "saml2".

    Raises:
        ValueError: Neither ``issuer`` nor ``token_endpoint`` is given, or something else does not fit.
        InsecureURLError: One of them is neither https nor on the loopback interface.

    Example::

        grant = EnterpriseGrant(
            identity_assertion=lambda: session["id_token"],
            client_id="our-app-at-the-company",
            client_secret=os.environ["IDP_SECRET"],
            issuer="https://acme.idp.example",
        )
        OAuth("https://mcp.example.com/mcp", client_id="our-app", client_secret=os.environ["MCP_SECRET"], grant=grant)
    """

    name = "enterprise"
    interactive = False
    grant_types = (GRANT_TYPE,)

    def __init__(
        self,
        *,
        identity_assertion: IdentitySource,
        client_id: str,
        client_secret: str | None = None,
        client_key: ClientKey | None = None,
        issuer: str | None = None,
        token_endpoint: str | None = None,
        assertion_type: str = "id_token",
    ) -> None:
        """Check what is given; nothing is read or sent yet."""
        if issuer is None and token_endpoint is None:
            raise ValueError("the identity provider is named by issuer=, or by its token_endpoint=")
        if client_key is not None and issuer is None:
            raise ValueError("a client_key signs for one identity provider: pass its issuer= too")
        if assertion_type not in ASSERTION_TYPES:
            raise ValueError(f"assertion_type must be one of {', '.join(ASSERTION_TYPES)}, not {assertion_type!r}")
        if isinstance(identity_assertion, str) and not identity_assertion.strip():
            raise ValueError("identity_assertion must not be empty")
        for what, url in (("issuer", issuer), ("token_endpoint", token_endpoint)):
            if url is not None:
                require_secure(url, f"identity provider's {what}")
        self._assertion = Secret(identity_assertion) if isinstance(identity_assertion, str) else identity_assertion
        self._client = ClientRegistration(client_id=client_id, client_secret=client_secret, issuer=issuer)
        self._client_key, self._issuer, self._assertion_type = client_key, issuer, assertion_type
        self._endpoint = token_endpoint
        self._found: AuthorizationServerMetadata | None = None
        self._settled: ClientRegistration | None = None

    @property
    def whose(self) -> str | None:
        """What tells this person from others. A function that brings the assertion is called for it.

        Raises:
            AuthorizationError: There is no assertion.
        """
        assertion = self._read()
        return fingerprint(assertion) or hashlib.sha256(assertion.encode()).hexdigest()[:16]

    def obtain(self, context: GrantContext) -> Obtained:
        """Obtain tokens.

        Raises:
            RegistrationRequiredError: There is no client for the MCP server's authorization server.
            RegistrationError: A client belongs to another server, or its key cannot be used.
            SignInRequiredError: The person's sign-in at the company is over.
            DiscoveryError: The identity provider's metadata cannot be had.
            InsecureURLError: An endpoint may not be contacted.
            AuthorizationError: There is no assertion, or a server has no token endpoint.
            TokenExchangeError: The identity provider gives no grant, or the authorization server no tokens for it.
        """
        client = context.known_client
        if client is None:
            raise RegistrationRequiredError(
                f"Enterprise-managed authorization at {context.server_url} needs a client, and none was given.",
                hint=f"Register one at {printable(context.server.issuer)} by hand, let the identity provider know it, "
                "and pass its client_id= with client_secret= or client_key=.",
                issuer=context.server.issuer,
            )
        context.token_endpoint  # noqa: B018  (refuses one that may not be contacted, before a grant is issued for it)
        grant = self._exchanged(context)
        fields = {"grant_type": GRANT_TYPE, "assertion": grant}
        return context.request_tokens(client, fields, what="the identity provider's grant (ID-JAG)")

    def _read(self) -> Secret:
        return read_given(self._assertion, what=_WHAT, failed=AuthorizationError)

    def _exchanged(self, context: GrantContext) -> Secret:
        """Return a fresh grant for the MCP server's authorization server."""
        assertion, audience = self._read(), context.server.issuer
        if not audience:
            raise AuthorizationError(
                "A grant of the identity provider is for one authorization server, and its issuer is not known.",
                hint="Pass issuer= of the MCP server's authorization server.",
            )
        http = self._reaching(context.http)
        provider = self._provider(http)
        client = self._settled or settle_method(self._client, provider, self._client_key)
        try:
            grant, self._settled = exchange_identity(
                http,
                provider.token_endpoint or "",
                client,
                assertion,
                assertion_type=self._assertion_type,
                audience=audience,
                resource=context.resource,
                scopes=context.scopes,
                proofs=Proofs(issuer=provider.issuer, client_key=self._client_key),
            )
        except TokenExchangeError as failure:
            failure.issuer = self._issuer or provider.token_endpoint
            if failure.error is None or failure.error in CLIENT_ERRORS:
                self._found = self._settled = None  # what was found out may have changed
            if _is_over(failure, assertion):
                raise self._sign_in_again(failure) from failure
            raise
        return grant

    def _reaching(self, http: Transport) -> Transport:
        """Return what reaches the identity provider: on this machine only if the caller named it there."""
        named = self._endpoint or self._issuer or ""
        return attrs.evolve(http, allow_loopback=is_loopback(require_secure(named, "identity provider").hostname))

    def _provider(self, http: Transport) -> AuthorizationServerMetadata:
        """Return the identity provider; its metadata are fetched once."""
        if self._endpoint is not None:
            return AuthorizationServerMetadata(
                issuer=self._issuer or "", token_endpoint=self._endpoint, published=False
            )
        found, issuer, trace = self._found, self._issuer or "", Trace()
        if found is None:
            found = fetch_server_metadata(http, issuer, trace=trace)
        if found is None or not found.token_endpoint:
            missing = "publishes no metadata" if found is None else "has no token endpoint"
            raise DiscoveryError(
                f"The identity provider {without_query(issuer)} {missing}.",
                hint="Check its issuer=, or name its token_endpoint=.",
                url=issuer,
                tried=trace.lines,
            )
        self._found = found
        return found

    def _sign_in_again(self, failure: TokenExchangeError) -> SignInRequiredError:
        provider = without_query(failure.issuer or "")
        return SignInRequiredError(
            f"The person's sign-in at the identity provider {provider} has expired.",
            hint="The person has to sign in there again; then bring the new identity assertion and call sign_in().",
            issuer=failure.issuer,
            error=failure.error,
            error_description=failure.error_description,
            status=failure.status,
        )


def _is_over(failure: TokenExchangeError, assertion: str) -> bool:
    """Tell whether an assertion was refused because its time is over."""
    if failure.transient or failure.error not in ("invalid_grant", "invalid_request", "invalid_token"):
        return False
    claims = read_claims(assertion)
    return (claims is not None and is_past(claims)) or "expired" in (failure.error_description or "").lower()
