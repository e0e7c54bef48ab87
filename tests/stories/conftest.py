"""The kinds of store that processes share, chosen as a user chooses them: by the environment."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from mcp_oauth_sync.stores.os_keyring import calls
from tests.real.openbao import InMemory, openbao_server
from tests.real.secret_service import keyring_daemon, secret_service

from .child import KEYRING_LIMIT

__all__ = ["keyring_daemon", "openbao_server", "secret_service"]

KINDS = [
    "encrypted_file",
    pytest.param("secret_service", marks=pytest.mark.secret_service),
    pytest.param("vault", marks=pytest.mark.openbao),
]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make one kind of store the default one, here and in the processes started from here."""
    kind = str(request.param)
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", kind)
    if kind != "encrypted_file":
        request.getfixturevalue(kind)
    monkeypatch.setattr(calls, "LIMIT", KEYRING_LIMIT)
    return kind


@pytest.fixture
def vault(openbao_server: InMemory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a Vault the default store, here and in the processes started from here."""
    namespace = f"fleet-{secrets.token_hex(6)}"
    openbao_server.do("POST", f"sys/namespaces/{namespace}")
    openbao_server.mount("secret", 2, namespace=namespace)
    monkeypatch.setenv("MCP_OAUTH_SYNC_BACKEND", "vault")
    monkeypatch.setenv("VAULT_ADDR", openbao_server.url)
    monkeypatch.setenv("VAULT_TOKEN", openbao_server.token)
    monkeypatch.setenv("VAULT_NAMESPACE", namespace)
    yield
    openbao_server.send("DELETE", f"sys/namespaces/{namespace}")
