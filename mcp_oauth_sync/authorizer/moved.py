"""What is said of a sign-in that was taken to another machine: it is not used here any more."""

from __future__ import annotations

import logging

from ..exceptions import SignInRequiredError
from ..models.record import ServerRecord
from ..urls import without_query

logger = logging.getLogger(__name__)


def moved_away(name: str, record: ServerRecord, *, hint: str) -> SignInRequiredError:
    """Return the error for who wants to use it where nobody is there to ask.

    Args:
        name: The sign-in.
        record: What was left of it.
        hint: What signs in anew here.
    """
    where = without_query(record.server_url or record.token_endpoint or "")
    return SignInRequiredError(
        f"The sign-in {name!r} at {where} was moved to another machine on {record.moved_on}; "
        "it is not used here any more.",
        hint=hint,
    )


def warn_not_revoked(name: str, record: ServerRecord) -> None:
    """Say that signing out here ended nothing there."""
    logger.warning(
        "the sign-in %r was moved to another machine on %s: its tokens live there, and were not revoked",
        name,
        record.moved_on,
    )
