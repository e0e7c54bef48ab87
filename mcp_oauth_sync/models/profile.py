"""Profiles: names for several accounts on one server."""

from __future__ import annotations

import re

#: The profile of who has only one account.
DEFAULT_PROFILE = "default"


def require_profile(profile: str) -> str:
    """Return a profile's name if it is one.

    Raises:
        ValueError: It has characters it must not have, or is too long.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", profile):
        raise ValueError(f"a profile has 1 to 64 letters, digits, '.', '_' and '-': {profile!r}")
    return profile
