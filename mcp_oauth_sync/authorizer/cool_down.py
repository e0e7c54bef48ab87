"""What went wrong lately, so that neither a person nor a server is asked in vain again and again."""

from __future__ import annotations

import copy
import time

from ..exceptions import (
    AuthorizationError,
    MetadataMismatchError,
    OAuthError,
    TokenExchangeError,
    TokenRefreshError,
)

#: Seconds after a failed sign-in in which nobody is asked again by itself; they double with each further one.
COOL_DOWN = 30.0
#: The longest such pause for a person, and for a program, which has nothing else to do when it is over.
LONGEST_COOL_DOWN = 3600.0
LONGEST_FOR_PROGRAMS = 300.0


class CoolDown:
    """The last failure of one sign-in, and whether trying again would be in vain.

    Args:
        unattended: Whether no person takes part.
    """

    def __init__(self, *, unattended: bool = False) -> None:
        """Nothing went wrong yet."""
        self._unattended = unattended
        self._failed: tuple[float, OAuthError, bool] | None = None
        self._failures = 0
        self._useless_since: float | None = None

    def note(self, failure: OAuthError, *, patient: bool = True) -> None:
        """Take a failure down.

        Args:
            failure: It.
            patient: Whether what fails for now was repeated for a while.
        """
        self._failed = (time.monotonic(), failure, patient)
        self._failures += 1

    def succeeded(self) -> None:
        """Take down that tokens came; whether the server accepts them is not known yet."""
        self._failed = None
        self._failures = 0 if self._useless_since is None else self._failures

    def forced(self) -> None:
        """Let the next attempt be the first one: somebody wants it now."""
        self._failures, self._useless_since = 0, None

    def forget(self) -> None:
        """Forget all of it."""
        self._failed, self._failures, self._useless_since = None, 0, None

    def in_vain(self) -> None:
        """Take down that the server refused what a sign-in has just brought: another one would bring no more."""
        self._failures += 1
        self._useless_since = time.monotonic()

    def useless(self) -> bool:
        """Tell whether a sign-in was in vain so recently that it would be again."""
        return self._useless_since is not None and time.monotonic() - self._useless_since < self._pause

    def share(self, since: float, *, patient: bool = True) -> None:
        """Let the last failure be that of others too, who waited for it or come too early to try again.

        Args:
            since: When they began to wait, in monotonic seconds.
            patient: Whether they would repeat what fails for now.

        Raises:
            OAuthError: It is.
        """
        if self._failed is None:
            return
        at, failure, was_patient = self._failed
        age, pause = time.monotonic() - at, self._pause_after(failure)
        waited_for_it = at >= since and (was_patient or not patient)
        if waited_for_it or age < pause:
            again = copy.copy(failure)
            again.hint = self._hint(failure, age, pause)
            raise again

    @property
    def _pause(self) -> float:
        longest = LONGEST_FOR_PROGRAMS if self._unattended else LONGEST_COOL_DOWN
        return min(COOL_DOWN * 2.0 ** min(max(0, self._failures - 1), 10), longest)

    def _pause_after(self, failure: OAuthError) -> float:
        """Return the seconds in which trying again would be in vain, or is not wanted."""
        if isinstance(failure, (TokenExchangeError, TokenRefreshError)) and failure.transient and self._unattended:
            return min(failure.retry_after or 0.0, LONGEST_FOR_PROGRAMS)
        if isinstance(failure, (AuthorizationError, TokenExchangeError)):
            return self._pause if not self._unattended or failure.status is not None else 0.0
        return self._pause if self._unattended and isinstance(failure, MetadataMismatchError) else 0.0

    def _hint(self, failure: OAuthError, age: float, pause: float) -> str:
        if not self._unattended:
            return f"That was {age:.0f} s ago. Call sign_in() to be asked again at once."
        told = [failure.hint] if failure.hint else []
        told.append(f"That was {age:.0f} s ago; it is tried again in {max(0.0, pause - age):.0f} s, or by sign_in().")
        return " ".join(told)
