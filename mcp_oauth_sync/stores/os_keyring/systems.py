"""Stores in the keyring of the operating system: Keychain, Credential Manager, Secret Service.

Whether one can be used is told without importing ``keyring``, which takes long and may hang.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

from ...exceptions import StoreUnavailableError
from . import backends as all_backends
from .items import Backend
from .store import KeyringStore

_CHOICE = "PYTHON_KEYRING_BACKEND"


class PlatformStore(KeyringStore):
    """A keyring that one kind of system has."""

    backends: ClassVar[tuple[str, ...]]

    @classmethod
    def priority(cls) -> float:
        """Be the first choice on its own system.

        Raises:
            StoreUnavailableError: It cannot be used here.
        """
        if reason := cls.not_here():
            raise StoreUnavailableError(reason, store=cls.title)
        all_backends.require_package("keyring", store=cls.title)
        if all_backends.switched_off(os.environ.get(_CHOICE)):
            raise StoreUnavailableError(
                f"keyrings are switched off by {_CHOICE}={os.environ[_CHOICE]}",
                hint=f"Unset {_CHOICE} to use the keyring.",
                store=cls.title,
            )
        return 50

    @classmethod
    def not_here(cls) -> str | None:
        """Return why this system does not have it; None when it may."""
        raise NotImplementedError

    def find(self) -> Backend:
        """Return the backend of the platform."""
        return all_backends.first_viable(self.backends)


class KeychainStore(PlatformStore):
    """Keeps secrets in the login Keychain of macOS. Arguments as for :class:`KeyringStore`.

    Example::

        TokenManager(backend=TokenStoreBackend.KEYCHAIN)
    """

    title = "the macOS Keychain"
    backends = all_backends.KEYCHAIN

    @classmethod
    def not_here(cls) -> str | None:
        """Return why it cannot be used here, or None."""
        return None if sys.platform == "darwin" else "only on macOS"


class CredentialManagerStore(PlatformStore):
    """Keeps secrets in the Credential Manager of Windows. Arguments as for :class:`KeyringStore`.

    Example::

        TokenManager(backend=TokenStoreBackend.CREDENTIAL_MANAGER)
    """

    title = "the Windows Credential Manager"
    backends = all_backends.CREDENTIAL_MANAGER

    @classmethod
    def not_here(cls) -> str | None:
        """Return why it cannot be used here, or None."""
        return None if sys.platform == "win32" else "only on Windows"


class SecretServiceStore(PlatformStore):
    """Keeps secrets in the keyring of a Linux desktop: GNOME Keyring, KWallet. Arguments as for :class:`KeyringStore`.

    Example::

        TokenManager(backend=TokenStoreBackend.SECRET_SERVICE)
    """

    title = "the Secret Service keyring"
    backends = all_backends.SECRET_SERVICE

    @classmethod
    def priority(cls) -> float:
        """Be the first choice in a session with a D-Bus, of which only the address is looked at.

        Raises:
            StoreUnavailableError: It cannot be used here.
        """
        rank = super().priority()
        all_backends.require_package("secretstorage", "gi", "dbus", store=cls.title)
        return rank

    @classmethod
    def not_here(cls) -> str | None:
        """Return why it cannot be used here, or None."""
        if sys.platform in ("darwin", "win32"):
            return "only on Linux and other systems with a D-Bus"
        if os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
            return None
        folder = os.environ.get("XDG_RUNTIME_DIR")
        if folder and (Path(folder) / "bus").is_socket():
            return None
        return "there is no D-Bus session (no DBUS_SESSION_BUS_ADDRESS), so no keyring can be reached"
