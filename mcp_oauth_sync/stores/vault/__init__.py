"""A store in HashiCorp Vault or OpenBao, and the turns that hosts take there."""

from .store import VaultStore

__all__ = ["VaultStore"]
