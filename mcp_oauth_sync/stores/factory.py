"""Which store to use."""

from __future__ import annotations

import enum
import os
from pathlib import Path

from .base import SecureTokenStore

HOME_VARIABLE = "MCP_OAUTH_SYNC_HOME"


class TokenStoreBackend(str, enum.Enum):
    """The kinds of store.

    Attributes:
        AUTO: The best one that works here.
        ENCRYPTED_FILE: AES-256-GCM files.
        MEMORY: Nothing outlives the process.
    """

    AUTO = "auto"
    ENCRYPTED_FILE = "encrypted_file"
    MEMORY = "memory"


def default_directory() -> Path:
    """Return the folder of the default store: MCP_OAUTH_SYNC_HOME, else the user's data folder."""
    if configured := os.environ.get(HOME_VARIABLE):
        return Path(configured)
    from platformdirs import user_data_path

    return user_data_path("mcp-oauth-sync", appauthor=False)


class TokenStoreFactory:
    """Makes stores by their kind."""

    @staticmethod
    def create(
        backend: TokenStoreBackend | str = TokenStoreBackend.AUTO,
        *,
        token_dir: Path | str | None = None,
        password: str | None = None,
    ) -> SecureTokenStore:
        """Return a store.

        Args:
            backend: Its kind; AUTO takes encrypted files, which work everywhere.
            token_dir: Folder for encrypted files; None takes the default one.
            password: Password for encrypted files; None as in :class:`EncryptedFileStore`.

        Raises:
            StoreUnavailableError: It cannot be used here.
            ValueError: There is no such kind.
        """
        if TokenStoreBackend(backend) is TokenStoreBackend.MEMORY:
            from .memory import MemoryStore

            return MemoryStore()
        from .encrypted_file import EncryptedFileStore

        directory = default_directory() if token_dir is None else Path(token_dir)
        return EncryptedFileStore(directory, password=password)
