"""What is read from the store has to be ours; what is written there is not lost when that fails."""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress

import attrs

from ..exceptions import TokenStorageError, UnsavedTokensWarning
from ..models.client import ClientRegistration
from ..models.record import ServerRecord
from ..stores import TokenManager
from ..urls import canonical_resource, covers, without_query

logger = logging.getLogger(__name__)


def require_ours(record: ServerRecord, server_url: str, name: str, *, store: str) -> None:
    """Refuse a name that was given to another server: its tokens are not for us.

    Args:
        record: What is kept under the name.
        server_url: The MCP server.
        name: The name.
        store: What the store is called.

    Raises:
        TokenStorageError: It is another server's sign-in.
    """
    theirs = record.server_url
    if not theirs or canonical_resource(theirs) == canonical_resource(server_url):
        return
    if record.resource and covers(record.resource, server_url):
        return
    raise TokenStorageError(
        f"The sign-in {name!r} is one at {without_query(theirs)}, not at {without_query(server_url)}; it was not used.",
        hint=f"Choose another name, or remove it with 'mcp-oauth-sync clear {name}'.",
        store=store,
        name=name,
    )


def keep_or_warn(manager: TokenManager, name: str, record: ServerRecord) -> bool:
    """Store a record; where that fails, say so without losing what was just obtained. Tell whether it is stored."""
    try:
        manager.save_record(name, record)
    except TokenStorageError as failure:
        if record.tokens is None:
            logger.warning("the sign-in that ended is still stored: %s", failure.message)
        else:
            warnings.warn(f"The sign-in is good but not stored: {failure}", UnsavedTokensWarning, stacklevel=3)
        return False
    return True


def with_last_try(
    manager: TokenManager, name: str, record: ServerRecord | None, server_url: str
) -> ServerRecord | None:
    """Return a record with what we were registered as when the last sign-in did not succeed, if it lacks that.

    Args:
        manager: Where sign-ins are kept.
        name: The sign-in.
        record: What is kept of it; None when nothing is.
        server_url: The MCP server.
    """
    if record is not None and record.registration is not None:
        return record
    registration = manager.unfinished.load(name)
    if registration is None:
        return record
    return attrs.evolve(record or ServerRecord(server_url=server_url), registration=registration)


def keep_for_next_try(
    manager: TokenManager, name: str, registration: ClientRegistration | None, record: ServerRecord | None
) -> None:
    """Keep what we were registered as for a sign-in that has not succeeded yet, unless it is known already.

    Args:
        manager: Where sign-ins are kept.
        name: The sign-in.
        registration: Who we are; None when we are nobody.
        record: What was known before.
    """
    if record is None or record.registration is None:
        manager.unfinished.save(name, registration)


def forget_last_try(manager: TokenManager, name: str) -> None:
    """Remove what is of no use any more: the sign-in has succeeded, and is kept with its registration."""
    with suppress(TokenStorageError):
        manager.unfinished.remove(name)
