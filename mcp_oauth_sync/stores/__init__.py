"""Where secrets are kept."""

from .base import SecureTokenStore
from .factory import TokenStoreBackend, TokenStoreFactory
from .manager import TokenManager, default_manager

__all__ = ["SecureTokenStore", "TokenManager", "TokenStoreBackend", "TokenStoreFactory", "default_manager"]
