"""Makes stores by their kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .base import SecureTokenStore
from .choosing import available, choose, detect
from .settings import StoreSettings
from .table import TokenStoreBackend, open_store


class TokenStoreFactory:
    """Makes stores by their kind."""

    @staticmethod
    def create(
        backend: TokenStoreBackend | str = TokenStoreBackend.AUTO,
        token_dir: Path | str | None = None,
        password: str | None = None,
        service_name: str | None = None,
        *,
        backend_config: Mapping[str, object] | None = None,
        **vault: object,
    ) -> SecureTokenStore:
        """Return a store.

        Args:
            backend: Its kind, or the name of a published one; AUTO probes and takes the best that works.
            token_dir: Folder for encrypted files; None takes the default one.
            password: Password for encrypted files; None as in :class:`EncryptedFileStore`.
            service_name: What entries of an OS keyring are filed under; None takes "mcp-oauth-sync".
            backend_config: Further settings by the names of the store's own arguments.
            vault: ``vault_url``, ``vault_token`` and the like, as :class:`VaultStore` takes them.

        Raises:
            StoreUnavailableError: It cannot be used here; the message says why.
            ValueError: There is no such kind.
        """
        config = {**(backend_config or {}), **vault}
        settings = StoreSettings(directory=token_dir, password=password, service_name=service_name, config=config)
        if backend != TokenStoreBackend.AUTO:
            return open_store(backend, settings)
        return choose(settings)

    @staticmethod
    def get_available_backends() -> list[str]:
        """Return the stores that work here, the best first; each was tried out.

        The built-in ones are members of :class:`TokenStoreBackend`, others are named as published.
        """
        return [_member(name) for name in available()]

    @staticmethod
    def detect_backend() -> str:
        """Return the store that AUTO takes here and now; a member of :class:`TokenStoreBackend` if built in.

        Raises:
            StoreUnavailableError: The one that holds this user's sign-ins cannot be used here.
        """
        return _member(detect())


def _member(name: str) -> str:
    try:
        return TokenStoreBackend(name)
    except ValueError:
        return name
