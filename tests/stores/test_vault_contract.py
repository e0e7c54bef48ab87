"""The shipped contract over a real OpenBao, with both versions of its KV engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync.stores import SecureTokenStore
from mcp_oauth_sync.stores.vault.store import VaultStore
from mcp_oauth_sync.testing import StoreContract

from ..real.openbao import Bao, InMemory, openbao_server

__all__ = ["openbao_server"]
pytestmark = pytest.mark.openbao


def opened(mount: str) -> SecureTokenStore:
    """Open the engine of a test class; address and token come by the environment."""
    return VaultStore(mount_point=mount, timeout=30.0)


class TestVaultWithVersionTwo(StoreContract):
    process_opener = "tests.stores.test_vault_contract:opened"
    bao: Bao

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def engines(cls, openbao_server: InMemory) -> Iterator[None]:
        cls.bao = Bao(openbao_server)
        yield
        cls.bao.close()

    @pytest.fixture(autouse=True)
    def environment(self, home: object, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VAULT_ADDR", self.bao.server.url)
        monkeypatch.setenv("VAULT_TOKEN", self.bao.server.token)

    @property
    def mount(self) -> str:
        return self.bao.mount

    def open_store(self) -> SecureTokenStore:
        self.process_arguments = (self.mount,)
        return self.bao.store(mount_point=self.mount, timeout=30.0)


class TestVaultWithVersionOne(TestVaultWithVersionTwo):
    @property
    def mount(self) -> str:
        return self.bao.old_mount
