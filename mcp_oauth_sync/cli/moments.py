"""Times and durations, as programs and as people read them."""

from __future__ import annotations

from datetime import datetime, timezone

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def as_utc(seconds: float | None) -> str | None:
    """Return a moment as ISO 8601 in UTC; None when there is none, or none that a calendar has.

    Args:
        seconds: Since the epoch.
    """
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None


def in_words(seconds: float) -> str:
    """Return a duration in the largest unit that it fills twice: "43 minutes"."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return "a second" if seconds >= 1 else "less than a second"


def short(seconds: float) -> str:
    """Return a duration in few letters: "43 min"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
