"""The table of stores: by name, built-in or published by others under the entry-point group."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..exceptions import StoreUnavailableError, TokenStorageError, printable
from .base import SecureTokenStore

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from .settings import StoreSettings

GROUP = "mcp_oauth_sync.stores"


class TokenStoreBackend(str, enum.Enum):
    """The kinds of store that come with the library.

    Attributes:
        AUTO: The best one that works here.
        KEYCHAIN: The Keychain of macOS.
        CREDENTIAL_MANAGER: The Credential Manager of Windows.
        SECRET_SERVICE: The Secret Service of a Linux desktop (GNOME Keyring, KWallet).
        VAULT: HashiCorp Vault or OpenBao.
        ENCRYPTED_FILE: AES-256-GCM files.
        MEMORY: Nothing outlives the process.
    """

    AUTO = "auto"
    KEYCHAIN = "keychain"
    CREDENTIAL_MANAGER = "credential_manager"
    SECRET_SERVICE = "secret_service"
    VAULT = "vault"
    ENCRYPTED_FILE = "encrypted_file"
    MEMORY = "memory"


_BUILT_IN = {
    TokenStoreBackend.KEYCHAIN.value: "os_keyring:KeychainStore",
    TokenStoreBackend.CREDENTIAL_MANAGER.value: "os_keyring:CredentialManagerStore",
    TokenStoreBackend.SECRET_SERVICE.value: "os_keyring:SecretServiceStore",
    TokenStoreBackend.VAULT.value: "vault:VaultStore",
    TokenStoreBackend.ENCRYPTED_FILE.value: "encrypted_file:EncryptedFileStore",
    TokenStoreBackend.MEMORY.value: "memory:MemoryStore",
}


def published() -> dict[str, EntryPoint]:
    """Return the stores that installed packages publish, by name. A built-in name is never replaced."""
    from importlib.metadata import entry_points

    ours = {backend.value for backend in TokenStoreBackend}
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in ours}


def store_names() -> list[str]:
    """Return the names of all stores, usable here or not."""
    return [*_BUILT_IN, *sorted(published())]


def store_class(name: str) -> type[SecureTokenStore]:
    """Return a store's class by its name.

    Raises:
        StoreUnavailableError: Its package cannot be loaded, or is not a store.
        ValueError: There is no such store.
    """
    if name in _BUILT_IN:
        room, _, called = _BUILT_IN[name].partition(":")
        found: Any = getattr(import_module(f".{room}", __package__), called)
    elif point := published().get(name):
        with strangers_code(name):
            found = point.load()
    else:
        raise ValueError(f"there is no store called {name!r}; there are: {', '.join(store_names())}")
    if not (isinstance(found, type) and issubclass(found, SecureTokenStore)):
        raise StoreUnavailableError(f"The store {name!r} is not a SecureTokenStore.", store=name)
    return found


def open_store(name: TokenStoreBackend | str, settings: StoreSettings) -> SecureTokenStore:
    """Make a store by its name: that one, never another. Nothing is read or written yet.

    Raises:
        StoreUnavailableError: It cannot be used here; the message says why.
        ValueError: There is no such store.
    """
    kind = store_class(name)
    if name in _BUILT_IN:
        return kind.open(settings)
    with strangers_code(name):
        store: object = kind.open(settings)
        if not isinstance(store, SecureTokenStore):
            raise StoreUnavailableError(f"The store {name!r} opens as {type(store).__name__}.", store=name)
        return store


@contextmanager
def strangers_code(name: str) -> Iterator[None]:
    """Turn whatever somebody else's store raises into the reason why it is not used.

    Args:
        name: What the store is published as.

    Raises:
        StoreUnavailableError: The block raised something that is no error of ours.
    """
    try:
        yield
    except TokenStorageError:
        raise
    except (Exception, SystemExit) as failure:
        raise StoreUnavailableError(
            f"The store {name!r} failed with {type(failure).__name__}: {printable(failure)}.",
            hint="Repair or remove the package that publishes it.",
            store=name,
        ) from failure
