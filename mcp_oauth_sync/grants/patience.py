"""Patience with what fails for now: it is tried again after a while, a few times. RFC 9110 section 10.2.3."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from ..exceptions import TokenExchangeError, TokenRefreshError

logger = logging.getLogger(__name__)

#: Seconds before each repetition of a request for tokens that failed for now.
BACKOFF = (1.0, 2.0, 4.0)
#: Longest ``Retry-After`` that is waited for; a longer one ends the attempt at once.
PATIENCE = 10.0
#: Seconds after which nothing is repeated any more.
BUDGET = 30.0

Got = TypeVar("Got")


def patiently(
    attempt: Callable[[], Got], *, backoff: tuple[float, ...], sleep: Callable[[float], None] = time.sleep
) -> Got:
    """Return what an attempt gives, repeating one that failed for now.

    Args:
        attempt: Asks for tokens once.
        backoff: Seconds to wait before each repetition; empty tries once.
        sleep: Waits; a parameter so that tests need not.

    Raises:
        TokenExchangeError: It gave nothing; the last failure, where it was repeated.
        TokenRefreshError: As before, of a refresh.
    """
    started = time.monotonic()
    waits = iter(backoff)
    while True:
        try:
            return attempt()
        except (TokenExchangeError, TokenRefreshError) as failure:
            wait = next(waits, None)
            if failure.retry_after is not None and wait is not None:
                wait = max(wait, failure.retry_after)
            if wait is None or not failure.transient or wait > PATIENCE or time.monotonic() - started > BUDGET:
                raise
            logger.warning("no tokens for now; trying again in %.0f s", wait)
        sleep(wait)
