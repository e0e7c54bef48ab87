"""What was already tried for one request of the caller, so that nothing loops."""

from __future__ import annotations

from .held import Held

#: Seconds that a token has to be old, at least, when it is refused, to count as one that can have ended on its way.
TRAVEL = 1.0


class Attempts:
    """What was tried for one request so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.refreshed = False
        self.refreshed_again = False
        self.signed_in = False
        self.asked_for: set[frozenset[str]] = set()

    def may_refresh(self, held: Held, rejected: str | None) -> bool:
        """Tell whether a refresh may help: none was made, or what it brought is no longer the token to send.

        A machine that sleeps, or has far too much to do, may send a fresh token when its time is over, when it has
        been withdrawn, or when another process has got a newer one. That is no reason to ask a person. A token whose
        time was over is renewed as often as a request is repeated, for it cannot have been judged; of any other, one
        more is got where it was refused late.

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
        if held.header != rejected:
            return True
        if tokens.expires_in is None or (age := tokens.expires_in - tokens.seconds_left()) < TRAVEL:
            return False
        first, self.refreshed_again = not self.refreshed_again, True
        return first or age >= tokens.expires_in
