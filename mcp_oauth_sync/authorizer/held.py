"""The sign-in in memory, and its way to and from the store."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
import weakref

from ..exceptions import TokenStorageError, UnsavedTokensWarning
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from ..protocol.scopes import union
from ..stores import TokenManager
from ..urls import canonical_resource, covers, without_query

logger = logging.getLogger(__name__)

NEVER = float("-inf")


class Held:
    """What this process holds of one sign-in.

    Args:
        manager: Where the sign-in is kept.
        server_url: The MCP server.
        name: Its name there; None takes the one linked to the server, else its URL.

    Attributes:
        header: The ``Authorization`` value of the tokens held; None when signed out.
        good_until: Until when (monotonic seconds) the header needs no second thought.
    """

    def __init__(self, manager: TokenManager, server_url: str, name: str | None) -> None:
        """Read nothing yet."""
        self.manager, self.server_url = manager, server_url
        self.header: str | None = None
        self.good_until = NEVER
        self._given_name, self._name = name, name
        self._record: ServerRecord | None = None
        self._unsaved = False
        self._guard = threading.Lock()
        _all.add(self)

    @property
    def name(self) -> str:
        """The name of the sign-in in the store."""
        return self._name or self.manager.name_for(self.server_url)

    def settle_name(self) -> None:
        """Stay with the name found now: what follows must not depend on the store any more.

        Raises:
            TokenStorageError: The store cannot be read.
        """
        self._name = self.name

    @property
    def record(self) -> ServerRecord | None:
        """The record held, read from the store when there is none yet."""
        return self._record or self.load()

    @property
    def tokens(self) -> OAuthTokens | None:
        """The tokens held; None when signed out."""
        record = self.record
        return record.tokens if record else None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes asked for or granted so far."""
        record = self._record
        if record is None:
            return ()
        return union((record.requested_scope or "").split(), record.tokens.scopes if record.tokens else ())

    def load(self) -> ServerRecord | None:
        """Take what the store holds, unless what is held could not be stored.

        Raises:
            TokenStorageError: The store cannot be read, or holds another server's sign-in under this name.
        """
        with self._guard:
            if not self._unsaved:
                if self._name is None:
                    name, record = self.manager.find(self.server_url)
                else:
                    name, record = self._name, self.manager.load_record(self._name)
                if record is not None:
                    self._require_ours(record, name)
                    self._name = name
                self._adopt(record)
            return self._record

    def save(self, record: ServerRecord) -> None:
        """Keep a record and use it from now on; one that cannot be kept is used all the same."""
        with self._guard:
            self._adopt(record)
            self._unsaved = True  # until it is: the warning may be an error to the caller
            self._unsaved = not keep_or_warn(self.manager, self.name, record)

    def link(self) -> None:
        """Let a sign-in under a name of its own be found by its server's URL too."""
        if self._given_name is None or self._unsaved:
            return
        try:
            self.manager.link(self.server_url, self._given_name)
        except TokenStorageError as failure:  # the sign-in itself is stored
            logger.warning("%s", failure.message)

    def drop(self, *, forget: bool) -> ServerRecord | None:
        """Remove the tokens, and with ``forget`` all of it; return what was there.

        Raises:
            TokenStorageError: It could not be removed.
        """
        name = self.name
        with self.manager.exclusive(name), self._guard:
            record = self.manager.load_record(name) or self._record
            if forget:
                self.manager.delete_record(name)
                self.manager.unlink(self.server_url, name)
            else:
                self.manager.delete_tokens(name)
            self._unsaved = False
            self._adopt(None)
            return record

    def _require_ours(self, record: ServerRecord, name: str) -> None:
        """Refuse a name that was given to another server: its tokens are not for us."""
        theirs, ours = record.server_url, self.server_url
        if not theirs or canonical_resource(theirs) == canonical_resource(ours):
            return
        if record.resource and covers(record.resource, ours):
            return
        raise TokenStorageError(
            f"The sign-in {name!r} is one at {without_query(theirs)}, not at {without_query(ours)}; it was not used.",
            hint=f"Choose another name, or remove it with 'mcp-oauth-sync clear {name}'.",
            store=self.manager.store.name,
            name=name,
        )

    def _adopt(self, record: ServerRecord | None) -> None:
        tokens = record.tokens if record else None
        self._record = record
        if tokens is None:
            self.good_until, self.header = NEVER, None
            return
        self.header = tokens.get_authorization_header()
        self.good_until = time.monotonic() + tokens.seconds_left() - tokens.leeway


#: Every sign-in held, so that a forked child can renew their guards: the threads that hold them are not there.
_all: weakref.WeakSet[Held] = weakref.WeakSet()


def _renew_guards() -> None:
    for held in _all:
        held._guard = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_guards)


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
