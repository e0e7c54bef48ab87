"""All that one can do with a store in a Vault, for tests in which each of it is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.models.secret import Secret
from mcp_oauth_sync.stores.vault.store import VaultStore


def everything(store: VaultStore) -> dict[str, Callable[[], object]]:
    """Return all that one can do with a store."""
    return {
        "store": lambda: store.store_generic("k", Secret("new value of the entry")),
        "read": lambda: store.retrieve_generic("k"),
        "delete": lambda: store.delete_generic("k"),
        "list": store.list_generic,
        "turn": lambda: store.exclusive("k", namespace="generic").__enter__(),
    }


def refused(act: Callable[[], object]) -> TokenStorageError:
    with pytest.raises(TokenStorageError) as caught:
        act()
    return caught.value
