"""The authorization request and its answer. RFC 6749 section 4.1, RFC 7636, RFC 8707, RFC 9207 section 2.4."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlencode

import attrs

from ..exceptions import AccessDeniedError, AuthorizationError, InvalidRedirectError, printable
from ..models.metadata import AuthorizationServerMetadata
from ..models.redirect import parse_redirect, same_state
from ..models.secret import Secret
from ..urls import require_redirect, require_secure, with_query
from .pkce import build_challenge, build_verifier
from .remedies import remedy


def build_state() -> str:
    """Return a new ``state`` of 256 bits. RFC 6749 section 10.12."""
    return Secret(secrets.token_urlsafe(32))


class Asked(Protocol):
    """What an answer is checked against: a request of this process, or one that was kept for another one."""

    @property
    def issuer(self) -> str | None:
        """The issuer of the validated metadata, recorded before the browser opens."""

    @property
    def issuer_advertised(self) -> bool:
        """Whether the server promised ``iss`` in its answers (RFC 9207)."""

    @property
    def redirect_uri(self) -> str:
        """Where the answer comes back."""

    @property
    def state(self) -> str:
        """What ties the answer to the request."""

    @property
    def verifier(self) -> str:
        """The PKCE verifier."""


@attrs.frozen(kw_only=True)
class AuthorizationRequest:
    """One request on its way through the browser: what its answer is checked against. Lives in memory only.

    Attributes:
        url: What the browser opens.
        issuer: The issuer of the validated metadata, recorded before the browser opens.
        issuer_advertised: The server promised ``iss`` in its answers (RFC 9207).
        redirect_uri: Where the answer comes back.
        state: Ties the answer to this request.
        verifier: The PKCE verifier.
    """

    url: str = attrs.field(repr=False)
    issuer: str | None
    issuer_advertised: bool
    redirect_uri: str
    state: str = attrs.field(repr=False)
    verifier: str = attrs.field(repr=False)


def build_authorization_request(
    server: AuthorizationServerMetadata,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    scopes: tuple[str, ...] = (),
    resource: str | None = None,
    extra: Mapping[str, str] | None = None,
    allow_loopback: bool = True,
    iss_may_be_missing: bool = False,
    dpop_jkt: str | None = None,
) -> AuthorizationRequest:
    """Build the URL that the person opens. RFC 6749 section 4.1.1.

    Args:
        server: The authorization server.
        client_id: Who asks.
        redirect_uri: Where the answer comes back.
        state: From :func:`build_state`.
        scopes: Scopes to ask for; the parameter is left out when empty.
        resource: RFC 8707 resource; None leaves it out.
        extra: Further parameters.
        allow_loopback: False refuses an endpoint on this machine.
        iss_may_be_missing: Whether an answer without the promised ``iss`` is taken.
        dpop_jkt: Thumbprint of the key that the code is to be bound to (RFC 9449 section 10); None binds it to none.

    Raises:
        InsecureURLError: The endpoint may not be opened in a browser, or the redirect URI is neither https nor on the
            loopback interface.
        AuthorizationError: The server has no authorization endpoint.
    """
    if not server.authorization_endpoint:
        raise AuthorizationError(f"The authorization server {printable(server.issuer)} has no authorization endpoint.")
    require_secure(server.authorization_endpoint, "authorization endpoint", allow_loopback=allow_loopback)
    require_redirect(redirect_uri)
    verifier = build_verifier()
    parameters: dict[str, str] = {
        **(extra or {}),
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": build_challenge(verifier),
        "code_challenge_method": "S256",
    }
    if scopes:
        parameters["scope"] = " ".join(scopes)
    if resource is not None:
        parameters["resource"] = resource
    if dpop_jkt is not None:
        parameters["dpop_jkt"] = dpop_jkt
    return AuthorizationRequest(
        url=Secret(with_query(server.authorization_endpoint, urlencode(parameters))),
        issuer=server.issuer or None,
        issuer_advertised=server.authorization_response_iss_parameter_supported and not iss_may_be_missing,
        redirect_uri=redirect_uri,
        state=state,
        verifier=verifier,
    )


def read_response(redirect: str, request: Asked) -> str:
    """Return the authorization code of a redirect: state first, then issuer, then error, then code.

    Args:
        redirect: The URL the browser came back to, or its query.
        request: What was asked.

    Raises:
        InvalidRedirectError: State or issuer are wrong, or something is repeated; nothing in it was used.
        AccessDeniedError: The person, or the server on their behalf, said no.
        AuthorizationError: The server reports another error, or sent no code.
    """
    redirect = Secret(redirect)
    answer = parse_redirect(redirect)
    if not same_state(answer.get("state", ""), request.state):
        raise InvalidRedirectError(
            "The redirect does not belong to this sign-in (state differs); it was not used.",
            hint="Start the sign-in again and use the newest browser tab.",
        )
    _check_issuer(answer.get("iss"), request)
    if error := answer.get("error"):
        raise _authorization_error(printable(error, 80), answer.get("error_description"))
    code = answer.get("code")
    if not code:
        raise AuthorizationError("The authorization server sent neither a code nor an error.")
    return code


def _check_issuer(received: str | None, request: Asked) -> None:
    """RFC 9207 section 2.4: plain string comparison, no normalisation, before anything else is used."""
    if request.issuer is None:
        return
    if received is None and request.issuer_advertised:
        raise InvalidRedirectError(
            f"The authorization server {printable(request.issuer)} promises to name itself in its answer (iss) "
            "but did not; the answer was not used.",
            hint="This is a fault of the authorization server: report it to its operator. If it is known to leave "
            "it out, pass allow_missing_iss=True.",
        )
    if received is not None and received != request.issuer:
        raise InvalidRedirectError(
            f"The answer does not come from {printable(request.issuer)} (iss differs); it was not used.",
            hint="If it happens again, the authorization server is at fault, or somebody tries to mix up servers.",
        )


def _authorization_error(error: str, description: str | None) -> AuthorizationError:
    said = printable(description) if description else None
    words = f"{error}: {said}" if said else error
    if error == "access_denied":
        return AccessDeniedError(f"Access was denied ({words}).", error=error, error_description=said)
    return AuthorizationError(
        f"The authorization server refused the sign-in ({words}).",
        hint=remedy(error, said),
        error=error,
        error_description=said,
    )
