"""Stores in the keyring of the operating system: Keychain, Credential Manager, Secret Service."""

from .store import KeyringStore
from .systems import CredentialManagerStore, KeychainStore, SecretServiceStore

__all__ = ["CredentialManagerStore", "KeychainStore", "KeyringStore", "SecretServiceStore"]
