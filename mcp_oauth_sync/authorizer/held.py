"""The sign-in in memory, and its way to and from the store."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from ..exceptions import TokenStorageError
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from ..protocol.presented import Presented, Provers
from ..protocol.scopes import union
from ..stores import TokenManager
from ..urls import without_query
from .keeping import keep_or_warn, require_ours
from .naming import own_name
from .programs import require_same_grant

if TYPE_CHECKING:
    from ..grants.base import Grant

logger = logging.getLogger(__name__)

NEVER = float("-inf")
#: Seconds that a thread waits for another one of this process before both ask the store for their turn.
GATHERING = 5.0


class Held:
    """What this process holds of one sign-in.

    Args:
        manager: Where the sign-in is kept.
        server_url: The MCP server.
        name: Its name there; None takes the one linked to the server, else its URL. A caller's own client or
            issuer has a sign-in of its own there when the one found belongs to another.
        client_id: The caller's own client; None takes whoever signed in.
        issuer: The authorization server that has to have issued the tokens; None takes any.
        grant: How tokens are obtained: a sign-in without a person has a name of its own. None asks a person.

    Attributes:
        named: Whether a caller chose the name.
        header: The ``Authorization`` value of the tokens held; None when signed out.
        good_until: Until when (monotonic seconds) the header needs no second thought.
        bound_only: Whether tokens that are not bound to a key count as none.
        provers: Gives what proves that the tokens are ours.
    """

    def __init__(
        self,
        manager: TokenManager,
        server_url: str,
        name: str | None,
        *,
        client_id: str | None = None,
        issuer: str | None = None,
        grant: Grant | None = None,
    ) -> None:
        """Read nothing yet."""
        self._client_id, self._issuer = client_id, issuer
        self._grant = None if grant is None or grant.interactive else grant
        self.manager, self.server_url = manager, server_url
        self.header: Presented | None = None
        self.bound_only = False
        self.provers = Provers(without_query(server_url))
        self.good_until = NEVER
        self.named, self._name = name is not None, name
        self._record: ServerRecord | None = None
        self._unsaved = False
        self._guard, self._gathering = threading.Lock(), threading.Lock()
        _all.add(self)

    @property
    def name(self) -> str:
        """The name of the sign-in in the store."""
        if self._name is not None:
            return self._name
        if self._grant is not None:
            self._name = self._own_name()
            return self._name
        if self._client_id is None and self._issuer is None:
            return self.manager.name_for(self.server_url)
        return self._find()[0]

    def _own_name(self) -> str:
        return own_name(self.server_url, client_id=self._client_id, issuer=self._issuer, grant=self._grant)

    def _find(self) -> tuple[str, ServerRecord | None]:
        """Return (name, sign-in or None) when the caller gave no name: never one of another client or issuer."""
        if self._grant is not None:
            return self.name, self.manager.load_record(self.name)
        name, record = self.manager.find(self.server_url)
        registration = record.registration if record else None
        another = registration is not None and self._client_id not in (None, registration.client_id)
        if not another and (record is None or self._is_issued_as_wanted(record)):
            return name, record
        name = self._own_name()
        return name, self.manager.load_record(name)

    def _is_issued_as_wanted(self, record: ServerRecord) -> bool:
        """Tell whether a sign-in is one at the authorization server that the caller names, if any."""
        if self._issuer is None or not record.issuer:
            return True
        from ..protocol.server_metadata import same_issuer  # what only who names one needs

        return same_issuer(record.issuer, self._issuer)

    def stay_with(self, name: str, *, named: bool) -> None:
        """Stay with the name under which a sign-in was started, and which a caller may have chosen then."""
        self._name, self.named = name, self.named or named

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
                    name, record = self._find()
                else:
                    name, record = self._name, self.manager.load_record(self._name)
                if record is not None:
                    require_ours(record, self.server_url, name, store=self.manager.store.name)
                    if self._grant is not None:
                        require_same_grant(record, self._grant.name, name, store=self.manager.store.name)
                    self._name = name
                if record and record.tokens and self.bound_only and not record.tokens.bound:
                    record = attrs.evolve(record, tokens=None)
                self._adopt(record)
            return self._record

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Let the threads of this process come one by one, so that one turn at the store can serve them all.

        Only speed depends on it: who has waited for long goes on, such as a thread that holds the turn already.
        """
        lock = self._gathering
        first = lock.acquire(timeout=GATHERING)
        try:
            yield
        finally:
            if first:
                lock.release()

    def load_instead(self) -> ServerRecord | None:
        """Take what the store holds even if what is held could not be stored: that turned out to be worth nothing.

        Raises:
            TokenStorageError: As :meth:`load`; not when nothing could be stored either.
        """
        unsaved, self._unsaved = self._unsaved, False
        try:
            return self.load()
        except TokenStorageError:
            if not unsaved:
                raise
            self._unsaved = True
            return self._record

    def save(self, record: ServerRecord) -> None:
        """Keep a record and use it from now on; one that cannot be kept is used all the same."""
        with self._guard:
            self._adopt(record)
            self._unsaved = True  # until it is: the warning may be an error to the caller
            self._unsaved = not keep_or_warn(self.manager, self.name, record)

    def link(self) -> None:
        """Let a sign-in under a name of its own be found by its server's URL too."""
        if not self.named or self._name is None or self._unsaved:
            return
        try:
            self.manager.link(self.server_url, self._name)
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

    def _adopt(self, record: ServerRecord | None) -> None:
        header = self.provers.present(record)
        tokens = record.tokens if record else None
        self._record, self.header = record, header  # token and key are one object: no request mixes two sign-ins
        self.good_until = NEVER if tokens is None else time.monotonic() + tokens.seconds_left() - tokens.leeway


#: Every sign-in held, so that a forked child can renew their guards: the threads that hold them are not there.
_all: weakref.WeakSet[Held] = weakref.WeakSet()


def _renew_guards() -> None:
    for held in _all:
        held._guard, held._gathering = threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_guards)
