"""A clock that nobody sets and that goes on while the machine sleeps."""

from __future__ import annotations

import time

#: Where the monotonic clock stands still during sleep (Linux) there is another one.
_SLEEPLESS: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def seconds() -> float:
    """Return seconds since some moment in the past, the same moment for all processes of this machine."""
    return time.monotonic() if _SLEEPLESS is None else time.clock_gettime(_SLEEPLESS)
