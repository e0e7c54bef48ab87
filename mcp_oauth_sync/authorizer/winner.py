"""Waiting for who won a race: a refresh token may be rejected because somebody who takes no turns has just used it.

Their tokens are stored a moment after the authorization server gave them, so that a look at the store can come too
early. Whoever concludes then that the sign-in is dead asks a person for nothing, and may delete the winner's tokens.
RFC 9700 section 4.14.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens

#: Seconds before each further look at the store; next to what a sign-in takes, the sum is nothing.
LOOKS = (0.1, 0.3, 0.6)


def winner(
    load: Callable[[], ServerRecord | None], lost: OAuthTokens | None, *, sleep: Callable[[float], None] = time.sleep
) -> ServerRecord | None:
    """Return what somebody else has stored in the place of rejected tokens; None where nobody does within a second.

    Args:
        load: Reads the store.
        lost: The tokens whose refresh token was rejected.
        sleep: Waits; a parameter so that tests need not.

    Raises:
        TokenStorageError: The store cannot be read.
    """
    for wait in (0.0, *LOOKS):
        if wait:
            sleep(wait)
        newer = load()
        if newer is not None and newer.tokens is not None and newer.tokens != lost:
            return newer
    return None
