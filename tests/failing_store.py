"""A store in memory whose disk can be full, or gone."""

from __future__ import annotations

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores.memory import MemoryStore


class Failing(MemoryStore):
    """A store that can be made to fail, altogether or at writing."""

    fails_reading = fails_writing = False

    def store_generic(self, key: str, value: str, *, namespace: str = "generic") -> None:
        if self.fails_writing:
            raise TokenStorageError("The disk is full.", store=self.name, name=key)
        super().store_generic(key, value, namespace=namespace)

    def retrieve_generic(self, key: str, *, namespace: str = "generic") -> str | None:
        if self.fails_reading:
            raise TokenStorageError("The disk is gone.", store=self.name, name=key)
        return super().retrieve_generic(key, namespace=namespace)
