"""Several hosts for one test: processes with homes of their own, which share a Vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcp_oauth_sync.stores.vault import lease as vault_lease
from mcp_oauth_sync.stores.vault.store import VaultStore

from ..real.openbao import Bao
from .vault_child import Host

#: Seconds after which the tests take an abandoned lease over.
SHORT = 1.0


class Hosts:
    """Makes hosts; each has a home of its own unless it shares one."""

    def __init__(self, bao: Bao, folder: Path, stack: ExitStack) -> None:
        self._bao, self._folder, self._stack = bao, folder, stack

    def __call__(self, home: str, *arguments: object, lease: float = 60.0, mount: str | None = None) -> Host:
        words = (arguments[0] if arguments else "obey", mount or self._bao.mount, *arguments[1:])
        vault = (self._bao.server.url, self._bao.server.token)
        return self._stack.enter_context(Host(self._folder / home, vault, *words, lease=lease))


@pytest.fixture
def hosts(bao: Bao, tmp_path: Path) -> Iterator[Hosts]:
    with ExitStack() as stack:
        yield Hosts(bao, tmp_path, stack)


def ready(*started: Host) -> None:
    for host in started:
        assert host.hears() == "ready"


def turn(store: VaultStore, **options: float | str) -> ExitStack:
    """Take a turn and return what gives it back."""
    stack = ExitStack()
    stack.enter_context(store.exclusive("k", namespace="generic", **options))
    return stack


def later(monkeypatch: pytest.MonkeyPatch, by: float) -> None:
    """Let so many seconds have passed by the clock of leases."""
    real = vault_lease.seconds
    monkeypatch.setattr(vault_lease, "seconds", lambda: real() + by)
