"""Renewing tokens without a person, with patience for passing faults. RFC 6749 section 6."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import attrs

from ..exceptions import RefreshRejectedError, TokenRefreshError
from ..models.record import ServerRecord
from ..protocol.proofs import NO_PROOFS, Proofs
from ..protocol.token_endpoint import refresh_tokens
from ..protocol.transport import Transport

logger = logging.getLogger(__name__)

#: Seconds before each repetition of a refresh that failed for now.
BACKOFF = (1.0, 2.0, 4.0)
#: Longest ``Retry-After`` that is waited for; a longer one ends the attempt at once.
PATIENCE = 10.0
#: Seconds after which nothing is repeated any more.
BUDGET = 30.0


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
    started = time.monotonic()
    waits = iter(backoff)
    while True:
        try:
            granted = refresh_tokens(
                http,
                record.token_endpoint,
                record.registration,
                record.tokens,
                resource=record.resource,
                extra=extra,
                proofs=proofs,
            )
        except RefreshRejectedError:
            raise
        except TokenRefreshError as failure:
            wait = next(waits, None)
            if failure.retry_after is not None and wait is not None:
                wait = max(wait, failure.retry_after)
            if wait is None or not failure.transient or wait > PATIENCE or time.monotonic() - started > BUDGET:
                raise
            logger.warning("refresh failed for now; trying again in %.0f s", wait)
            sleep(wait)
        else:
            return attrs.evolve(record, tokens=granted.tokens, registration=granted.registration)
