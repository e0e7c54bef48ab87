"""What was already tried for one request of the caller, so that nothing loops."""

from __future__ import annotations

from .held import Held

#: Seconds that a token has to be good for, at least, to count as one that can end on its way.
SHORTEST_LIFE = 1.0


class Attempts:
    """What was tried for one request so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.refreshed = False
        self.signed_in = False
        self.asked_for: set[frozenset[str]] = set()

    def may_refresh(self, held: Held, rejected: str | None) -> bool:
        """Tell whether a refresh may help: none was made, or what it brought is no longer the token to send.

        A machine that sleeps, or has far too much to do, may send a fresh token when its time is over, or when
        another process has got a newer one. That is no reason to ask a person. A round of the first kind takes as
        long as a token lives, and one of the second kind makes no request for tokens.

        Args:
            held: The sign-in.
            rejected: The ``Authorization`` value that the server did not accept; None when none was sent.

        Raises:
            TokenStorageError: The store cannot be read.
        """
        if not self.refreshed:
            return True
        record = held.load()
        tokens = record.tokens if record is not None else None
        if tokens is None:
            return False
        lived = tokens.expires_in is not None and tokens.expires_in >= SHORTEST_LIFE
        return held.header != rejected or (lived and tokens.seconds_left() <= 0)
