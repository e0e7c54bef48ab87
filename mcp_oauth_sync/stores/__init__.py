"""Where secrets are kept."""

from .base import SecureTokenStore
from .manager import TokenManager, default_manager

__all__ = ["SecureTokenStore", "TokenManager", "default_manager"]
