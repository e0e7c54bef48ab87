"""What a store of secrets has to offer: texts by key and namespace, and sign-ins on top of that."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from ..exceptions import StoreCorruptError, StoreUnavailableError, TokenStorageError
from ..models.document import MalformedDocument, NewerSchema
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from .places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..models.stored import StoredToken
    from .settings import StoreSettings

T = TypeVar("T")
#: The namespace of sign-ins.
OAUTH = "oauth"
#: The namespace of everything else unless the caller names one.
GENERIC = "generic"
#: Seconds to wait for another thread or process that refreshes.
TURN_TIMEOUT = 120.0
_PROBE = "probe"


class SecureTokenStore(ABC):
    """A place where secrets are kept.

    A store implements the four ``*_generic`` methods; sign-ins come with them. Each method either did what
    it says, durably, or raises and changed nothing. Keys and namespaces are any text that is not empty, values
    any text. ``mcp_oauth_sync.testing.StoreContract`` tells whether a store works.

    ``key`` or ``name`` says which entry of a ``namespace`` is meant; namespaces share nothing. What is kept there is
    called ``value``, ``record``, ``token`` or ``tokens`` by what it is.

    A store that others can choose by name is published under the entry-point group ``mcp_oauth_sync.stores``.

    Attributes:
        name: What messages call it ("encrypted files in /home/me/...").
        indexed: Whether the store itself cannot list and notes its names in the index of this machine; what may be
            shown of its entries is noted there, too.

    Example::

        class RedisStore(SecureTokenStore):
            name = "Redis"

            def store_generic(self, key, value, *, namespace="generic"): ...
            def retrieve_generic(self, key, *, namespace="generic"): ...
            def delete_generic(self, key, *, namespace="generic"): ...
            def list_generic(self, *, namespace=None): ...
    """

    name: str = "store"
    indexed: bool = False

    @classmethod
    def priority(cls) -> float:
        """Tell how good a choice this store is when nobody chose one; the highest is taken.

        Zero, the default, is taken by name only. Nothing is sent or written to find out.

        Raises:
            StoreUnavailableError: It cannot be used here; the message says why.
        """
        return 0

    @classmethod
    def open(cls, settings: StoreSettings) -> SecureTokenStore:
        """Make the store as a caller wants it. Nothing is read or written yet.

        Args:
            settings: What the caller said; ``settings.config`` becomes the arguments unless a store knows better.

        Raises:
            StoreUnavailableError: It cannot be used here; the message says why.
        """
        return cls(**settings.config)

    def probe(self) -> None:
        """Show that the store works: write, read and delete a value. It leaves nothing behind.

        Raises:
            TokenStorageError: It does not; ``StoreUnavailableError`` where it forgets. The message says why.
        """
        key, value = f"probe-{secrets.token_hex(8)}", secrets.token_hex(8)
        self.store_generic(key, value, namespace=_PROBE)
        read = self.retrieve_generic(key, namespace=_PROBE)
        self.delete_generic(key, namespace=_PROBE)
        if read != value:
            raise StoreUnavailableError(f"{self.name} does not return what was stored.", store=self.name)

    @property
    def identity(self) -> str:
        """What stores have in common that keep their entries in the same place, and so take the same turns."""
        return f"{type(self).__module__}.{type(self).__qualname__} {self.name}"

    @abstractmethod
    def store_generic(self, key: str, value: str, *, namespace: str = GENERIC) -> None:
        """Keep a secret, replacing an earlier one.

        Raises:
            TokenStorageError: It could not be kept; the earlier one is still there.
        """

    @abstractmethod
    def retrieve_generic(self, key: str, *, namespace: str = GENERIC) -> str | None:
        """Return a secret, or None when there is none.

        Raises:
            StoreCorruptError: There is one, but it cannot be read.
            TokenStorageError: The store cannot be used now.
        """

    @abstractmethod
    def delete_generic(self, key: str, *, namespace: str = GENERIC) -> bool:
        """Remove a secret; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """

    @abstractmethod
    def list_generic(self, *, namespace: str | None = None) -> list[tuple[str, str]]:
        """Return what is kept as pairs of namespace and key, in no order. No value is read for it.

        Args:
            namespace: Only of this namespace; None means of all.

        Raises:
            TokenStorageError: The store cannot be used now.
        """

    def exclusive(
        self, key: str, *, namespace: str = OAUTH, purpose: str = "refresh", timeout: float = TURN_TIMEOUT
    ) -> AbstractContextManager[None]:
        """Return the only turn for one entry among everybody who uses this store, as a context manager.

        By default everybody are the threads and processes of this machine. A store that several hosts share
        extends it. The thread that holds the turn may enter again.

        Args:
            key: The entry.
            namespace: Its namespace.
            purpose: "refresh" or "sign-in"; turns for different purposes do not wait for each other.
            timeout: Seconds to wait for the turn.

        Raises:
            TokenStorageError: On entering: the turn did not come in time.
        """
        from .locks import exclusive  # what only taking turns needs is loaded for it

        file = self.lock_file(key, namespace, purpose)
        identity = f"{self.identity}/{purpose}/{namespace}/{key}" if file is None else str(file.absolute())
        return exclusive(identity, file, timeout=timeout, name=key)

    def lock_file(self, key: str, namespace: str, purpose: str) -> Path | None:
        """Return the file whose lock is the turn for a ``purpose``; None when no other process sees this store."""
        folder = self.folder_for("locks")
        if folder is None:
            return None
        from .file_names import file_name

        return folder / f"{file_name(namespace)}.d" / f"{file_name(key)}.{purpose}.lock"

    def folder_for(self, kind: str) -> Path | None:
        """Return a folder of this machine for what belongs to the store; None when it ends with the process.

        Args:
            kind: "locks" or "registry".
        """
        return place_of(self.identity, kind)

    def store_record(self, name: str, record: ServerRecord, *, namespace: str = OAUTH) -> None:
        """Keep everything one sign-in left behind. Raises as :meth:`store_generic`."""
        self.store_generic(name, record.to_json(), namespace=namespace)

    def retrieve_record(self, name: str, *, namespace: str = OAUTH) -> ServerRecord | None:
        """Return what a sign-in left behind, or None. Raises as :meth:`retrieve_generic`."""
        stored = self.retrieve_generic(name, namespace=namespace)
        return None if stored is None else self.rebuilt(name, stored, ServerRecord.from_json)

    def store_secret(self, token: StoredToken, *, namespace: str = GENERIC) -> None:
        """Keep a secret of another kind under its own name. Raises as :meth:`store_generic`."""
        self.store_generic(token.name, token.to_json(), namespace=namespace)

    def retrieve_secret(self, name: str, *, namespace: str = GENERIC) -> StoredToken | None:
        """Return a secret of another kind, or None. Raises as :meth:`retrieve_generic`."""
        from ..models.stored import StoredToken

        stored = self.retrieve_generic(name, namespace=namespace)
        return None if stored is None else self.rebuilt(name, stored, StoredToken.from_json)

    def rebuilt(self, name: str, stored: str, rebuild: Callable[[str], T]) -> T:
        """Return what ``rebuild`` makes of the text ``stored`` in an entry. Raises as :meth:`retrieve_generic`."""
        try:
            return rebuild(stored)
        except NewerSchema as defect:
            raise TokenStorageError(
                f"The entry {name!r} in {self.name} was written by a newer mcp-oauth-sync ({defect}).",
                hint="Upgrade this installation; the entry was left as it is.",
                store=self.name,
                name=name,
            ) from None
        except MalformedDocument as defect:
            raise StoreCorruptError(
                f"The entry {name!r} in {self.name} cannot be read: {defect}.",
                hint=f"It was left as it is; 'mcp-oauth-sync clear {name}' removes a sign-in.",
                store=self.name,
                name=name,
            ) from None

    def store_token(self, name: str, tokens: OAuthTokens) -> None:
        """Keep tokens, leaving the rest of the sign-in as it is. Raises as :meth:`store_generic`."""
        record = self.retrieve_record(name) or ServerRecord()
        self.store_record(name, attrs.evolve(record, tokens=tokens))

    def retrieve_token(self, name: str) -> OAuthTokens | None:
        """Return the tokens of a sign-in, or None. Raises as :meth:`retrieve_generic`."""
        record = self.retrieve_record(name)
        return record.tokens if record else None

    def delete_token(self, name: str) -> bool:
        """Remove a sign-in; tell whether there was one. Raises as :meth:`delete_generic`."""
        return self.delete_generic(name, namespace=OAUTH)

    def has_token(self, name: str) -> bool:
        """Tell whether tokens are kept. Raises as :meth:`retrieve_generic`."""
        return self.retrieve_token(name) is not None


def require_names(key: str, namespace: str, *, store: str) -> None:
    """Refuse an entry without a name.

    Raises:
        TokenStorageError: The key or the namespace is empty.
    """
    if not key or not namespace:
        raise TokenStorageError("An entry needs a name that is not empty.", store=store)
