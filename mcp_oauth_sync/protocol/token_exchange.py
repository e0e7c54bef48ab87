"""Exchanging what says who a person is for a grant at another server (ID-JAG). RFC 8693 sections 2.1 and 2.2.

draft-ietf-oauth-identity-assertion-authz-grant; MCP enterprise-managed authorization.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import TokenExchangeError, printable
from ..models.client import ClientRegistration
from ..models.document import Document, MalformedDocument, required_text
from ..models.secret import Secret
from ..urls import without_query
from .proofs import Proofs
from .reply import Reply
from .token_endpoint import post_by_either_method
from .token_response import CLIENT_ERRORS, is_passing
from .transport import Transport

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
#: What can be exchanged, by the names used here.
ASSERTION_TYPES = {
    "id_token": "urn:ietf:params:oauth:token-type:id_token",
    "saml2": "urn:ietf:params:oauth:token-type:saml2",
}
_WHAT = "token endpoint of the identity provider"


def exchange_identity(
    http: Transport,
    endpoint: str,
    client: ClientRegistration,
    assertion: str,
    *,
    assertion_type: str,
    audience: str,
    resource: str | None,
    scopes: Sequence[str],
    proofs: Proofs,
) -> tuple[Secret, ClientRegistration]:
    """Exchange an identity assertion for a grant (ID-JAG) at the identity provider.

    Args:
        http: The transport.
        endpoint: The identity provider's token endpoint.
        client: Who we are there.
        assertion: What says who the person is.
        assertion_type: One of :data:`ASSERTION_TYPES`.
        audience: The issuer of the authorization server that the grant is for.
        resource: The MCP server; None leaves it out.
        scopes: Scopes to ask for; empty asks for none.
        proofs: What goes with the request beyond the registration.

    Returns:
        The grant, and the client with the authentication method that worked.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        TokenExchangeError: There is no grant.
        RegistrationError: The client's key cannot be used.
    """
    fields = {
        "grant_type": GRANT_TYPE,
        "requested_token_type": ID_JAG,
        "audience": audience,
        **({"resource": resource} if resource is not None else {}),
        **({"scope": " ".join(scopes)} if scopes else {}),
        "subject_token": assertion,
        "subject_token_type": ASSERTION_TYPES[assertion_type],
    }
    reply, used = post_by_either_method(http, endpoint, client, fields, TokenExchangeError, proofs, what=_WHAT)
    document = reply.json_object()
    if reply.status not in (200, 201) or document is None or document.get("error"):
        raise _refused(reply, endpoint)
    try:
        return _grant_in(document), used or client
    except MalformedDocument as defect:
        raise TokenExchangeError(
            f"The answer of the {_WHAT} {without_query(endpoint)} cannot be used: {defect}.",
            hint="It has to issue identity assertion grants (ID-JAG) for this client.",
            status=reply.status,
        ) from None


def _grant_in(document: Document) -> Secret:
    """Judge what was issued. RFC 8693 section 2.2.1: it is no access token, and must not be taken for one."""
    issued, kind = required_text(document, "issued_token_type"), required_text(document, "token_type")
    if issued != ID_JAG:
        raise MalformedDocument(f"it issued {printable(issued, 80)!r} and no ID-JAG")
    if kind.lower() != "n_a":
        raise MalformedDocument(f"the token type {printable(kind, 40)!r} is not N_A")
    return Secret(required_text(document, "access_token"))


def _refused(reply: Reply, endpoint: str) -> TokenExchangeError:
    error, description = reply.oauth_error()
    who = "check client_id=, and client_secret= or client_key= of the grant" if error in CLIENT_ERRORS else None
    refused = TokenExchangeError(
        f"The {_WHAT} {without_query(endpoint)} did not accept the identity assertion: {reply.describe()}.",
        hint=f"The identity provider does not know this client: {who}." if who else None,
        error=error,
        error_description=description,
        status=reply.status,
    )
    refused.retry_after, refused.transient = reply.retry_after(), error is None or is_passing(reply)
    return refused
