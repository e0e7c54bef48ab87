"""For those who write a store of their own: the definition of "a store that works"."""

from .contract import StoreContract

__all__ = ["StoreContract"]
