"""Stores of each kind in a place of their own, for commands that measure, chosen as users choose them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.real.openbao import InMemory
from tests.real.secret_service import SecretService

KINDS = ("encrypted_file", "secret_service", "vault")


@contextmanager
def store(kind: str) -> Iterator[None]:
    """Choose a kind of store for this process and those it starts, in a place of its own."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ.update({"HOME": home, "MCP_OAUTH_SYNC_HOME": f"{home}/store", "MCP_OAUTH_SYNC_BACKEND": kind})
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_NAMESPACE"):
            os.environ.pop(name, None)
        if kind == "secret_service":
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = stack.enter_context(SecretService()).address
        elif kind == "vault":
            folder = Path(home, "openbao")
            folder.mkdir()
            server = stack.enter_context(InMemory(folder))
            os.environ.update({"VAULT_ADDR": server.url, "VAULT_TOKEN": server.token})
        yield
