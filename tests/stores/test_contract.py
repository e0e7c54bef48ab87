"""The shipped contract over every store that comes with the library."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync.exceptions import TokenStorageError
from mcp_oauth_sync.stores import SecureTokenStore, sealing
from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from mcp_oauth_sync.stores.memory import MemoryStore
from mcp_oauth_sync.stores.os_keyring.systems import SecretServiceStore
from mcp_oauth_sync.stores.vault.store import VaultStore
from mcp_oauth_sync.testing import StoreContract

from ..real.openbao import Bao, bao, openbao_server  # noqa: F401
from ..real.secret_service import SecretService, keyring_daemon, secret_service  # noqa: F401


class TestMemory(StoreContract):
    persistent = False

    def open_store(self) -> SecureTokenStore:
        return MemoryStore()


class TestEncryptedFilesWithAGeneratedKey(StoreContract):
    process_opener = "mcp_oauth_sync.stores.encrypted_file:EncryptedFileStore"

    def prepare(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.process_arguments = (str(self.folder / "store"),)

    def clean_up(self) -> None:
        shutil.rmtree(self.folder)

    def open_store(self) -> SecureTokenStore:
        return EncryptedFileStore(self.folder / "store")


@pytest.mark.usefixtures("few_rounds")
class TestEncryptedFilesWithAPassword(TestEncryptedFilesWithAGeneratedKey):
    process_opener = "tests.stores.test_contract:files_with_a_password"

    def open_store(self) -> SecureTokenStore:
        return EncryptedFileStore(self.folder / "store", password="open sesame")


def files_with_a_password(folder: str) -> SecureTokenStore:
    sealing.ITERATIONS = 10
    return EncryptedFileStore(folder, password="open sesame")


@pytest.mark.secret_service
class TestGnomeKeyring(StoreContract):
    process_opener = "mcp_oauth_sync.stores.os_keyring.systems:SecretServiceStore"

    @pytest.fixture(autouse=True)
    def in_a_session(self, secret_service: SecretService) -> Iterator[None]:  # noqa: F811
        """Let the store find a keyring."""
        yield
        try:
            self.teardown_method()
        except TokenStorageError:
            if not secret_service.aborted:  # a daemon that ended by itself after a client was killed comes back locked
                raise

    @pytest.fixture(autouse=True)
    def of_a_daemon(self, secret_service: SecretService) -> None:  # noqa: F811
        """Know whether the daemon ends by itself."""
        self.daemon = secret_service

    def test_processes_that_write_at_once_lose_nothing_of_each_other(self) -> None:
        """Once more where gnome-keyring ended by a fault of its own."""
        try:
            super().test_processes_that_write_at_once_lose_nothing_of_each_other()
        except (AssertionError, TokenStorageError):
            if not self.daemon.aborted:
                raise
            self.daemon.recover()
            super().test_processes_that_write_at_once_lose_nothing_of_each_other()

    def open_store(self) -> SecureTokenStore:
        return SecretServiceStore()


@pytest.mark.openbao
class TestOpenBaoVersion2(StoreContract):
    process_opener = "tests.stores.test_contract:vault"

    @pytest.fixture(autouse=True)
    def with_an_engine(self, bao: Bao) -> Iterator[None]:  # noqa: F811
        """Give the test an engine of its own."""
        self.process_arguments = (bao.server.url, bao.server.token, self.engine(bao))
        yield
        self.teardown_method()

    def engine(self, bao: Bao) -> str:  # noqa: F811
        return bao.mount

    def open_store(self) -> SecureTokenStore:
        return vault(*self.process_arguments)


class TestOpenBaoVersion1(TestOpenBaoVersion2):
    def engine(self, bao: Bao) -> str:  # noqa: F811
        return bao.old_mount


def vault(url: str, token: str, mount: str) -> SecureTokenStore:
    return VaultStore(url=url, token=token, mount_point=mount, timeout=20.0)
