"""Sign-in by a code entered elsewhere: getting the code, asking whether it was entered. RFC 8628 section 3."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import attrs

from ..exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    TokenExchangeError,
)
from ..models.client import ClientRegistration
from ..models.device import DeviceAuthorization
from ..models.document import MalformedDocument
from ..urls import without_query
from .dpop import PROOF_REFUSED
from .proofs import NO_PROOFS, Proofs
from .remedies import remedy
from .token_endpoint import post_to_endpoint
from .token_response import CLIENT_ERRORS, Granted, is_passing, read_granted
from .transport import Transport

#: What to do about a code that is over.
AGAIN = "Start the sign-in again; that brings a new code."
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
# Some servers have their own words; the second of each pair is Microsoft's.
_DENIED = frozenset({"access_denied", "authorization_declined"})
_EXPIRED = frozenset({"expired_token", "code_expired"})


@attrs.frozen(kw_only=True)
class NotYet:
    """No tokens for now.

    Attributes:
        slower: Whether the server asks for longer pauses from now on.
        fault: What kept the server from answering, in words; None when it answered.
        retry_after: Seconds the server asked to wait this time; None when it did not.
    """

    slower: bool = False
    fault: str | None = None
    retry_after: float | None = None


def start_device_authorization(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    *,
    scopes: Sequence[str] = (),
    resource: str | None = None,
    extra: Mapping[str, str] | None = None,
    proofs: Proofs = NO_PROOFS,
) -> DeviceAuthorization:
    """Ask for a code. RFC 8628 sections 3.1 and 3.2.

    Args:
        http: The transport.
        endpoint: The device authorization endpoint.
        registration: Who we are.
        scopes: Scopes to ask for; empty asks for none.
        resource: RFC 8707 resource; None leaves it out.
        extra: Further form fields.
        proofs: What goes with the request beyond the registration; tokens are bound later, where they are handed out.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        AuthorizationError: No code came, or one that may not be shown.
        RegistrationError: The client's key cannot be used.
    """
    fields = {**(extra or {}), **({"scope": " ".join(scopes)} if scopes else {})}
    fields = fields if resource is None else {**fields, "resource": resource}
    what, unbound = "device authorization endpoint", attrs.evolve(proofs, dpop=None)
    reply = post_to_endpoint(http, endpoint, registration, fields, AuthorizationError, unbound, what=what)
    document = reply.fields()
    if reply.status not in (200, 201) or document is None or document.get("error"):
        error, description = reply.oauth_error()
        raise AuthorizationError(
            f"The {what} {without_query(endpoint)} gave no code: {reply.describe()}.",
            hint=_refusal_hint(error, description, reply.status),
            error=error,
            error_description=description,
            status=reply.status,
        )
    try:
        return DeviceAuthorization.from_response(document, allow_loopback=http.allow_loopback)
    except MalformedDocument as defect:
        raise AuthorizationError(
            f"The answer of the {what} {without_query(endpoint)} cannot be used: {defect}.",
            hint="Nothing of it was shown or opened. Tell the operator of the authorization server.",
            status=reply.status,
        ) from None


def poll_once(
    http: Transport,
    endpoint: str,
    registration: ClientRegistration,
    device: DeviceAuthorization,
    *,
    scope: str | None = None,
    resource: str | None = None,
    extra: Mapping[str, str] | None = None,
    proofs: Proofs = NO_PROOFS,
) -> Granted | NotYet:
    """Ask once whether the person has entered the code. RFC 8628 sections 3.4 and 3.5.

    Args:
        http: The transport.
        endpoint: The token endpoint.
        registration: Who we are.
        device: What :func:`start_device_authorization` returned.
        scope: What an answer without ``scope`` means; None when unknown.
        resource: RFC 8707 resource; None leaves it out.
        extra: Further form fields.
        proofs: What goes with the request beyond the registration.

    Raises:
        InsecureURLError: The endpoint may not be contacted.
        AccessDeniedError: The person said no.
        AuthorizationTimeoutError: The code has expired.
        TokenExchangeError: The server will give no tokens for this code.
        RegistrationError: The client's key cannot be used.
    """
    now = time.time()
    fields = {**(extra or {}), "grant_type": GRANT_TYPE, "device_code": device.device_code}
    fields = fields if resource is None else {**fields, "resource": resource}
    try:
        reply = post_to_endpoint(http, endpoint, registration, fields, TokenExchangeError, proofs)
    except TokenExchangeError as failure:
        return NotYet(fault=failure.message)
    error, description = reply.oauth_error()
    if error in ("authorization_pending", "slow_down"):
        return NotYet(slower=error == "slow_down", retry_after=reply.retry_after())
    said = ": ".join(part for part in (error, description) if part)
    if error in _DENIED:
        raise AccessDeniedError(
            f"Access was denied ({said}).", error=error, error_description=description, status=reply.status
        )
    if error in _EXPIRED:
        message = f"The code expired before it was entered ({said})."
        raise AuthorizationTimeoutError(
            message, hint=AGAIN, error=error, error_description=description, status=reply.status
        )
    if is_passing(reply) and error != PROOF_REFUSED:  # what could be mended in a proof has been
        fault = f"The token endpoint {without_query(endpoint)} answered {reply.describe()}."
        return NotYet(fault=fault, retry_after=reply.retry_after())
    try:
        return read_granted(reply, endpoint, registration, what="the device code", scope=scope, now=now, proofs=proofs)
    except TokenExchangeError as failure:
        failure.hint = failure.hint or AGAIN
        raise


def _refusal_hint(error: str | None, description: str | None, status: int) -> str | None:
    if helpful := remedy(error, description):
        return helpful
    if error in CLIENT_ERRORS:
        return (
            "This client may not sign in by code there: register it for device codes, or leave out "
            "grant=DeviceCodeGrant()."
        )
    if status in (404, 405):
        return "The server's metadata names this endpoint, but it is not there. Leave out grant=DeviceCodeGrant()."
    return "This is a fault of the server; try again." if status == 429 or status >= 500 else None
