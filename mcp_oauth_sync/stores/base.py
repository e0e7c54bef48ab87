"""What a store of secrets has to offer: texts by key and namespace, and sign-ins on top of that."""

from __future__ import annotations

from abc import ABC, abstractmethod

import attrs

from ..exceptions import StoreCorruptError, TokenStorageError
from ..models.document import MalformedDocument
from ..models.record import NewerSchema, ServerRecord
from ..models.tokens import OAuthTokens

#: The namespace of sign-ins.
OAUTH = "oauth"
#: The namespace of everything else unless the caller names one.
GENERIC = "generic"


class SecureTokenStore(ABC):
    """A place where secrets are kept.

    A store implements the three ``*_generic`` methods; sign-ins come with them. Each method either did what
    it says, durably, or raises and changed nothing.

    Attributes:
        name: What messages call it ("encrypted files in /home/me/...").

    Example::

        class RedisStore(SecureTokenStore):
            name = "Redis"

            def store_generic(self, key, value, *, namespace="generic"): ...
            def retrieve_generic(self, key, *, namespace="generic"): ...
            def delete_generic(self, key, *, namespace="generic"): ...
    """

    name: str = "store"

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

    def store_record(self, name: str, record: ServerRecord, *, namespace: str = OAUTH) -> None:
        """Keep everything one sign-in left behind. Raises as :meth:`store_generic`."""
        self.store_generic(name, record.to_json(), namespace=namespace)

    def retrieve_record(self, name: str, *, namespace: str = OAUTH) -> ServerRecord | None:
        """Return what a sign-in left behind, or None. Raises as :meth:`retrieve_generic`."""
        stored = self.retrieve_generic(name, namespace=namespace)
        if stored is None:
            return None
        try:
            return ServerRecord.from_json(stored)
        except NewerSchema as defect:
            raise TokenStorageError(
                f"The sign-in {name!r} in {self.name} was written by a newer mcp-oauth-sync ({defect}).",
                hint="Upgrade this installation; the entry was left as it is.",
                store=self.name,
                name=name,
            ) from None
        except MalformedDocument as defect:
            raise StoreCorruptError(
                f"The sign-in {name!r} in {self.name} cannot be read: {defect}.",
                hint=f"Remove it with 'mcp-oauth-sync clear {name}' and sign in again.",
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
