"""One refresh for everybody who needs it. RFC 6749 section 6, RFC 9700 section 4.14 (rotation)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import attrs

from ..exceptions import RefreshRejectedError
from ..grants.refresh_token import renew
from ..models.client import DYNAMIC
from ..models.record import ServerRecord
from ..protocol.token_endpoint import CLIENT_ERRORS
from ..protocol.transport import Transport
from .held import Held

logger = logging.getLogger(__name__)


def refresh(
    held: Held,
    rejected: str | None,
    http: Transport,
    *,
    backoff: tuple[float, ...],
    extra: Mapping[str, str],
) -> str | None:
    """Adopt tokens that somebody else renewed meanwhile, else renew them.

    Args:
        held: The sign-in.
        rejected: The ``Authorization`` value that a server did not accept; None when it is only time.
        http: The transport.
        backoff: Seconds to wait before each repetition; empty tries once.
        extra: Further form fields.

    Returns:
        The new ``Authorization`` value; None when there is nothing to refresh with.

    Raises:
        RefreshRejectedError: The refresh token will never work again; it was removed.
        TokenRefreshError: It did not work now; everything is kept.
        TokenStorageError: The store cannot be used.
    """
    if rejected is not None and held.header is not None and held.header != rejected:
        return held.header
    with held.manager.exclusive(held.name):
        record = held.load()
        if record is None or record.tokens is None:
            return None
        if not record.tokens.is_expired() and held.header != rejected:
            return held.header
        if not record.can_refresh():
            return None
        try:
            held.save(renew(http, record, backoff=backoff, extra=extra))
        except RefreshRejectedError as failure:
            return _after_rejection(held, record, rejected, failure)
        return held.header


def _after_rejection(
    held: Held, record: ServerRecord, rejected: str | None, failure: RefreshRejectedError
) -> str | None:
    """Decide what is dead. Called in our turn, so that nobody's fresh tokens are removed."""
    newer = held.load()
    if newer is not None and newer.tokens is not None and newer.tokens != record.tokens:
        return held.header  # renewed by somebody who takes no turns
    if rejected is None and record.tokens is not None and record.tokens.seconds_left() > 0:
        logger.warning("refused to refresh early, the access token is still good: %s", failure.message)
        return held.header
    registration = record.registration
    if failure.error in CLIENT_ERRORS and registration is not None and registration.source == DYNAMIC:
        registration = None
    held.save(attrs.evolve(record, tokens=None, registration=registration))
    raise failure
