"""The token manager: the door to a store, with turn-taking around every read-change-write of a sign-in."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ..models.client import ClientRegistration
from ..models.profile import DEFAULT_PROFILE, require_profile
from ..models.record import ServerRecord
from ..models.tokens import OAuthTokens
from .arriving import ArrivingSignIns
from .base import GENERIC, OAUTH, SecureTokenStore
from .departing import DepartingSignIns
from .places import BACKEND_VARIABLE, PASSWORD_VARIABLE, PROFILE_VARIABLE, default_directory
from .table import TokenStoreBackend, open_store

if TYPE_CHECKING:
    from ..models.stored import StoredToken
    from .settings import StoreSettings


class TokenManager(DepartingSignIns, ArrivingSignIns):
    """Keeps sign-ins by name.

    ``name`` is what a sign-in is called, ``server_url`` the MCP server that it is found by. ``record`` is all that is
    kept of one, ``tokens`` and ``registration`` are parts of that.

    Args:
        token_dir: Folder for encrypted files; None takes the default one.
        backend: The kind of store, or the name of a published one. "auto" takes the one used before, else the
            best that works; any other is taken or raises.
        password: Password for encrypted files; None takes MCP_OAUTH_SYNC_PASSWORD, or a generated key file.
        service_name: What entries of an OS keyring are filed under; None takes "mcp-oauth-sync".
        namespace: Keeps sign-ins of different applications apart.
        backend_config: Further settings by the names of the store's own arguments.
        profile: Keeps several accounts on the same servers apart: nothing is shared between two profiles. None
            takes MCP_OAUTH_SYNC_PROFILE, else "default".
        vault_url: Address of the Vault; None takes VAULT_ADDR.
        vault_token: Token for it; None takes VAULT_TOKEN.
        vault_mount_point: Where its KV engine is mounted; None takes "secret".
        vault_path_prefix: Where in it our entries lie; None takes "mcp-oauth-sync".
        vault_namespace: Its namespace; None takes VAULT_NAMESPACE, else none.
        store: A store to use instead of all that.

    Raises:
        StoreUnavailableError: The store cannot be used here.
        ValueError: There is no such store, or the profile or namespace has characters it must not have.

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
        service_name: str | None = None,
        namespace: str = OAUTH,
        backend_config: Mapping[str, object] | None = None,
        vault_url: str | None = None,
        vault_token: str | None = None,
        vault_mount_point: str | None = None,
        vault_path_prefix: str | None = None,
        vault_namespace: str | None = None,
        profile: str | None = None,
        store: SecureTokenStore | None = None,
    ) -> None:
        """Open the store; nothing is read, written or sent yet."""
        vault = {
            "vault_url": vault_url,
            "vault_token": vault_token,
            "vault_mount_point": vault_mount_point,
            "vault_path_prefix": vault_path_prefix,
            "vault_namespace": vault_namespace,
        }
        from .settings import StoreSettings  # loaded when a store is opened

        settings = StoreSettings(
            directory=token_dir,
            password=password,
            service_name=service_name,
            config={**(backend_config or {}), **{key: value for key, value in vault.items() if value is not None}},
        )
        self.profile = profile or os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE
        self._application = namespace
        super().__init__(store or _opened(backend, settings), _in_profile(namespace, self.profile))

    def in_profile(self, profile: str) -> TokenManager:
        """Return a manager of the same store for another account.

        Args:
            profile: Its name.

        Raises:
            ValueError: The name has characters it must not have.
        """
        other = copy.copy(self)
        other.profile, other.namespace = profile, _in_profile(self._application, profile)
        return other

    def save_tokens(self, name: str, tokens: OAuthTokens) -> None:
        """Keep tokens, leaving the rest of the sign-in as it is. Raises as :meth:`save_record`."""
        with self.exclusive(name):
            self.save_record(name, attrs.evolve(self.load_record(name) or ServerRecord(), tokens=tokens, moved_at=None))

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
                return self.delete_record(name)
            self.save_record(name, attrs.evolve(record, tokens=None, dpop_key=None))
            return True

    def records_of_all_profiles(self) -> Iterator[ServerRecord]:
        """Yield every sign-in of this application, whoever's account it is for. Raises as :meth:`load_record`."""
        for namespace, name in self.store.list_generic():
            application, _, profile = namespace.partition("@")
            if application == self._application and " " not in profile:  # what is kept beside them has one
                record = self.store.retrieve_record(name, namespace=namespace)
                if record is not None:
                    yield record

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

    def save_secret(self, token: StoredToken) -> None:
        """Keep a secret of another kind under its own name: an API key, a bearer token, a password.

        Raises:
            TokenStorageError: It could not be kept; what was there is untouched.
        """
        with self.store.exclusive(token.name, namespace=self._others):
            self.store.store_secret(token, namespace=self._others)
            self._note(token.name, self._others, token.token_type, token.metadata)

    def load_secret(self, name: str) -> StoredToken | None:
        """Return a secret of another kind, or None. Raises as :meth:`load_record`."""
        return self.store.retrieve_secret(name, namespace=self._others)

    def delete_secret(self, name: str) -> bool:
        """Remove a secret of another kind; tell whether there was one.

        Raises:
            TokenStorageError: It could not be removed.
        """
        with self.store.exclusive(name, namespace=self._others):
            there = self.store.delete_generic(name, namespace=self._others)
            self._unnote(name, self._others)
            return there

    @property
    def _others(self) -> str:
        """The namespace of secrets of other kinds."""
        return _in_profile(GENERIC if self._application == OAUTH else f"{self._application} {GENERIC}", self.profile)


def _opened(backend: TokenStoreBackend | str, settings: StoreSettings) -> SecureTokenStore:
    if backend != TokenStoreBackend.AUTO:
        return open_store(backend, settings)
    from .auto import AutoStore
    from .choosing import settled

    return settled(settings) or AutoStore(settings)


def _in_profile(namespace: str, profile: str) -> str:
    """Return the namespace of a profile's entries.

    Raises:
        ValueError: One of the two could be mistaken for another.
    """
    if "@" in namespace or not namespace:
        raise ValueError(f"a namespace has at least one character and no '@': {namespace!r}")
    return namespace if require_profile(profile) == DEFAULT_PROFILE else f"{namespace}@{profile}"


_defaults: dict[tuple[Path, tuple[str | None, ...]], TokenManager] = {}


def default_manager() -> TokenManager:
    """Return this process's manager of the default store: one, so that its key is derived once.

    Raises:
        StoreUnavailableError: The default store cannot be used here.
    """
    said = tuple(os.environ.get(name) for name in (PASSWORD_VARIABLE, BACKEND_VARIABLE, PROFILE_VARIABLE))
    key = (default_directory(), said)
    manager = _defaults.get(key)
    if manager is None:
        manager = _defaults.setdefault(key, TokenManager())
    return manager
