"""Renewing tokens without a person, with patience for passing faults. RFC 6749 section 6."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import attrs

from ..exceptions import TokenRefreshError
from ..models.record import ServerRecord
from ..protocol.proofs import NO_PROOFS, Proofs
from ..protocol.token_endpoint import refresh_tokens
from ..protocol.transport import Transport
from .patience import BACKOFF, patiently


def nothing_to_refresh_with() -> TokenRefreshError:
    """Return the error of a sign-in that was never there or never came with a refresh token."""
    failure = TokenRefreshError("There is nothing to refresh with.", hint="Sign in first.")
    failure.transient = False
    return failure


def renew(
    http: Transport,
    record: ServerRecord,
    *,
    backoff: tuple[float, ...] = BACKOFF,
    extra: Mapping[str, str] | None = None,
    proofs: Proofs = NO_PROOFS,
    sleep: Callable[[float], None] = time.sleep,
) -> ServerRecord:
    """Return the record with fresh tokens.

    Args:
        http: The transport.
        record: A record that :meth:`~mcp_oauth_sync.ServerRecord.can_refresh`.
        backoff: Seconds to wait before each repetition; empty tries once.
        extra: Further form fields.
        proofs: What goes with the request beyond the registration.
        sleep: Waits; a parameter so that tests need not.

    Raises:
        InsecureURLError: The token endpoint may not be contacted.
        RefreshRejectedError: The refresh token will never work again.
        TokenRefreshError: It did not work now.
    """
    if not record.can_refresh() or not record.token_endpoint or not record.registration or not record.tokens:
        raise nothing_to_refresh_with()
    endpoint, registration, tokens = record.token_endpoint, record.registration, record.tokens
    granted = patiently(
        lambda: refresh_tokens(
            http, endpoint, registration, tokens, resource=record.resource, extra=extra, proofs=proofs
        ),
        backoff=backoff,
        sleep=sleep,
    )
    return attrs.evolve(record, tokens=granted.tokens, registration=granted.registration)
