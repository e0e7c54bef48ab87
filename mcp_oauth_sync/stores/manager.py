"""The token manager: one store, and turn-taking around every read-change-write of it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import attrs

from ..models.client import ClientRegistration
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from .base import OAUTH, SecureTokenStore
from .encrypted_file import PASSWORD_VARIABLE, EncryptedFileStore
from .factory import TokenStoreBackend, TokenStoreFactory, default_directory
from .file_names import file_name
from .locks import exclusive

#: Seconds to wait for another thread or process that refreshes.
TURN_TIMEOUT = 120.0
_LINKS = "links"


class TokenManager:
    """Keeps sign-ins by name.

    Args:
        token_dir: Folder for encrypted files; None takes the default one.
        backend: The kind of store.
        password: Password for encrypted files; None takes MCP_OAUTH_SYNC_PASSWORD, or a generated key file.
        namespace: Keeps sign-ins of different applications apart.
        store: A store to use instead of ``backend``.

    Raises:
        StoreUnavailableError: The store cannot be used here.

    Example::

        manager = TokenManager(token_dir="/srv/app/secrets", password=os.environ["APP_KEY"])
        session.auth = OAuth("https://mcp.example.com/mcp", token_manager=manager)
    """

    def __init__(
        self,
        token_dir: Path | str | None = None,
        backend: TokenStoreBackend | str = TokenStoreBackend.AUTO,
        *,
        password: str | None = None,
        namespace: str = OAUTH,
        store: SecureTokenStore | None = None,
    ) -> None:
        """Open the store; nothing is touched yet."""
        self.store = store or TokenStoreFactory.create(backend, token_dir=token_dir, password=password)
        self.namespace = namespace

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

    def delete_record(self, name: str) -> bool:
        """Remove a sign-in whole, registration and the link from its URL included; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """
        with self.exclusive(name):
            linked = self.store.delete_generic(name, namespace=self._links)
            return self.store.delete_generic(name, namespace=self.namespace) or linked

    def save_tokens(self, name: str, tokens: OAuthTokens) -> None:
        """Keep tokens, leaving the rest of the sign-in as it is. Raises as :meth:`save_record`."""
        with self.exclusive(name):
            self.save_record(name, attrs.evolve(self.load_record(name) or ServerRecord(), tokens=tokens))

    def load_tokens(self, name: str) -> OAuthTokens | None:
        """Return the tokens kept under a name, or None. Raises as :meth:`load_record`."""
        record = self.load_record(name)
        return record.tokens if record else None

    def has_valid_tokens(self, name: str) -> bool:
        """Tell whether tokens are kept that are good now or can be renewed. Raises as :meth:`load_record`."""
        record = self.load_record(name)
        if record is None or record.tokens is None:
            return False
        return not record.tokens.is_expired() or record.can_refresh()

    def delete_tokens(self, name: str) -> bool:
        """Remove tokens but stay registered; tell whether there were any.

        Raises:
            TokenStorageError: They could not be removed.
        """
        with self.exclusive(name):
            record = self.load_record(name)
            if record is None or record.tokens is None:
                return False
            if record.registration is None:
                return self.store.delete_generic(name, namespace=self.namespace)
            self.save_record(name, attrs.evolve(record, tokens=None))
            return True

    def save_client_registration(self, name: str, registration: ClientRegistration) -> None:
        """Keep a registration. Raises as :meth:`save_record`."""
        with self.exclusive(name):
            record = self.load_record(name) or ServerRecord()
            self.save_record(name, attrs.evolve(record, registration=registration))

    def load_client_registration(self, name: str) -> ClientRegistration | None:
        """Return the registration kept under a name, or None. Raises as :meth:`load_record`."""
        record = self.load_record(name)
        return record.registration if record else None

    def delete_client_registration(self, name: str) -> bool:
        """Remove a registration; tell whether there was one. Raises as :meth:`delete_tokens`."""
        with self.exclusive(name):
            record = self.load_record(name)
            if record is None or record.registration is None:
                return False
            self.save_record(name, attrs.evolve(record, registration=None))
            return True

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
        return _LINKS if self.namespace == OAUTH else f"{self.namespace} {_LINKS}"

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
        identity, path = f"{id(self.store)}/{self.namespace}/{purpose}/{name}", None
        if isinstance(self.store, EncryptedFileStore):
            beside = self.store.path(name, self.namespace)
            path = beside.with_name(f"{file_name(name)}.{purpose}.lock")
            identity = str(path.absolute())  # so that two managers of one folder take turns, too
        return exclusive(identity, path, timeout=timeout, name=name)


_defaults: dict[tuple[Path, str | None], TokenManager] = {}


def default_manager() -> TokenManager:
    """Return this process's manager of the default store: one, so that its key is derived once.

    Raises:
        StoreUnavailableError: The default store cannot be used here.
    """
    key = (default_directory(), os.environ.get(PASSWORD_VARIABLE))
    manager = _defaults.get(key)
    if manager is None:
        manager = _defaults.setdefault(key, TokenManager(token_dir=key[0]))
    return manager
