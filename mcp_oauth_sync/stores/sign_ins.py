"""Sign-ins in a store: whole records by name, found by their server's URL too, and noted in the index."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..exceptions import TokenStorageError
from ..models.record import ServerRecord
from ..urls import without_query
from .base import OAUTH, TURN_TIMEOUT, SecureTokenStore

if TYPE_CHECKING:
    from ..models.stored import TokenType
    from .known_issuers import KnownIssuers
    from .pending import PendingSignIns
    from .registry import TokenEntry, TokenRegistry
    from .unfinished import Unfinished

logger = logging.getLogger(__name__)

_LINKS, _PENDING, _UNFINISHED, _ISSUERS = "links", "pending", "unfinished", "issuers"


class SignIns:
    """The sign-ins of one namespace of a store.

    Args:
        store: Where they are kept.
        namespace: Their namespace there.
    """

    def __init__(self, store: SecureTokenStore, namespace: str) -> None:
        """Read nothing yet."""
        self.store, self.namespace = store, namespace

    @property
    def registry(self) -> TokenRegistry | None:
        """The index of this machine; None when the store forgets everything with the process."""
        from .registry import TokenRegistry

        folder = self.store.folder_for("registry")
        return None if folder is None else TokenRegistry(folder)

    def names(self) -> list[str]:
        """Return the names of all sign-ins, sorted. No secret is read for it.

        Raises:
            TokenStorageError: The store cannot be used now.
        """
        return sorted({key for _, key in self.store.list_generic(namespace=self.namespace)})

    def list_tokens(self) -> list[TokenEntry]:
        """Return the sign-ins with what may be shown of them, sorted by name.

        The names are the store's own; what is shown of them comes from the sign-ins themselves, or from the index of
        a store that keeps one.

        Raises:
            TokenStorageError: The store cannot be used now.
        """
        from ..models.stored import TokenType
        from .registry import TokenEntry

        registry = self.registry if self.store.indexed else None
        noted = {entry["name"]: entry for entry in registry.list_tokens(self.namespace)} if registry else {}
        return [
            noted.get(name)
            or TokenEntry(
                name=name, namespace=self.namespace, token_type=TokenType.OAUTH.value, metadata=self._told_of(name)
            )
            for name in self.names()
        ]

    def _told_of(self, name: str) -> dict[str, str]:
        try:
            record = self.load_record(name)
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)
            record = None
        return _shown(record) if record else {}

    def load_record(self, name: str) -> ServerRecord | None:
        """Return everything a sign-in left behind, or None.

        Raises:
            StoreCorruptError: There is one, but it cannot be read.
            TokenStorageError: The store cannot be used now.
        """
        return self.store.retrieve_record(name, namespace=self.namespace)

    def save_record(self, name: str, record: ServerRecord) -> None:
        """Keep a sign-in. A caller that changes one holds :meth:`exclusive` from its reading on.

        Raises:
            TokenStorageError: It could not be kept; what was there is untouched.
        """
        self.store.store_record(name, record, namespace=self.namespace)
        from ..models.stored import TokenType

        self._note(name, self.namespace, TokenType.OAUTH, _shown(record))

    def _note(self, name: str, namespace: str, token_type: TokenType, metadata: Mapping[str, Any]) -> None:
        """Note what may be shown where reading each entry would take long.

        The store has done its part: an index that cannot be written loses nothing.
        """
        try:
            if self.store.indexed and (registry := self.registry):
                registry.register(name, token_type, namespace, metadata)
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)

    def _unnote(self, name: str, namespace: str) -> None:
        """Take an entry out of the index."""
        try:
            if self.store.indexed and (registry := self.registry):
                registry.unregister(name, namespace)
        except TokenStorageError as failure:
            logger.warning("%s", failure.message)

    def delete_record(self, name: str) -> bool:
        """Remove a sign-in whole, registration and the link from its URL included; tell whether there was one.

        The next sign-in at its authorization server registers anew, whichever MCP server it is for.

        Raises:
            TokenStorageError: It could not be removed.
        """
        with self.exclusive(name):
            self._forget_client(name)
            linked = self.store.delete_generic(name, namespace=self._links)
            unfinished = self.store.delete_generic(name, namespace=self._beside(_UNFINISHED))
            there = self.store.delete_generic(name, namespace=self.namespace)
            self._unnote(name, self.namespace)
            return there or linked or unfinished

    def _forget_client(self, name: str) -> None:
        """Let no other sign-in become the client again that this one is, or was about to be."""
        try:
            record = self.load_record(name)
        except TokenStorageError:  # what cannot be read can be removed all the same
            record = None
        for registration in (record.registration if record else None, self.unfinished.load(name)):
            if registration is not None:
                self.issuers.forget(registration)

    def find(self, server_url: str) -> tuple[str, ServerRecord | None]:
        """Return (name, sign-in or None) for a server when the caller gives no name, reading each file once.

        It is kept under the URL itself, unless a sign-in under a name of its own was linked to it. Raises as
        :meth:`load_record`.
        """
        record = self.load_record(server_url)
        if record is not None:
            return server_url, record
        name = self._linked(server_url)
        return (server_url, None) if name is None else (name, self.load_record(name))

    def name_for(self, server_url: str) -> str:
        """Return the name that :meth:`find` gives, without reading a linked sign-in. Raises as :meth:`load_record`."""
        return server_url if self.load_record(server_url) is not None else self._linked(server_url) or server_url

    def _linked(self, server_url: str) -> str | None:
        return self.store.retrieve_generic(server_url, namespace=self._links)

    def link(self, server_url: str, name: str) -> None:
        """Let a sign-in be found by its server's URL too; the first name stays. Raises as :meth:`save_record`."""
        if name != server_url and self._linked(server_url) is None:
            self.store.store_generic(server_url, name, namespace=self._links)

    def unlink(self, server_url: str, name: str) -> None:
        """Take back :meth:`link`. Raises as :meth:`delete_record`."""
        if self._linked(server_url) == name:
            self.store.delete_generic(server_url, namespace=self._links)

    @property
    def _links(self) -> str:
        return self._beside(_LINKS)

    def _beside(self, what: str) -> str:
        """Return the namespace of what belongs to the sign-ins of ours."""
        return what if self.namespace == OAUTH else f"{self.namespace} {what}"

    @property
    def pending(self) -> PendingSignIns:
        """The sign-ins that were started and not finished yet."""
        from .pending import PendingSignIns

        return PendingSignIns(self.store, self._beside(_PENDING))

    @property
    def unfinished(self) -> Unfinished:
        """What we were registered as for sign-ins that brought no tokens yet."""
        from .unfinished import Unfinished

        return Unfinished(self.store, self._beside(_UNFINISHED))

    @property
    def issuers(self) -> KnownIssuers:
        """The authorization servers that somebody signed in at."""
        from .known_issuers import KnownIssuers

        return KnownIssuers(self.store, self._beside(_ISSUERS))

    def exclusive(
        self, name: str, *, purpose: str = "refresh", timeout: float = TURN_TIMEOUT
    ) -> AbstractContextManager[None]:
        """Return the only turn for one name among threads and processes, as a context manager.

        It is held around read-refresh-write and, for the purpose "sign-in", while a person is asked; never
        while a request of the caller is under way. The thread that holds it may enter again.

        Args:
            name: The sign-in.
            purpose: "refresh" or "sign-in"; the two do not wait for each other.
            timeout: Seconds to wait for the turn.

        Raises:
            TokenStorageError: On entering: the turn did not come in time.
        """
        return self.store.exclusive(name, namespace=self.namespace, purpose=purpose, timeout=timeout)


def _shown(record: ServerRecord) -> dict[str, str]:
    """Return what the index tells of a sign-in: nothing that changes with every refresh, and no query of a URL."""
    tokens = record.tokens
    told = {
        "server_url": record.server_url and without_query(record.server_url),
        "issuer": record.issuer,
        "scope": (tokens.scope if tokens else None) or record.requested_scope,
    }
    return {name: value for name, value in told.items() if value}
