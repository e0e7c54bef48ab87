"""Two MCP servers from npm: the reference server "everything", alone and behind a proxy that speaks both eras.

``tests/run`` installs what ``tests/real/package.json`` names into ``build/npm``. Who imports the fixtures names them
in ``__all__``; each server runs once per test process.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

import pytest

from tests.servers.ports import free_ports

Mode = Literal["streamableHttp", "sse", "both eras"]
MODULES = Path(__file__).resolve().parents[2] / "build" / "npm" / "node_modules"
EVERYTHING = MODULES / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
PROXY = MODULES / "mcp-proxy" / "dist" / "bin" / "mcp-proxy.mjs"
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_ATTEMPTS = 3


class EverythingServer:
    """The reference server, up within the ``with`` block.

    Args:
        mode: ``streamableHttp`` and ``sse`` are its own transports, for the revisions with a handshake. ``both eras``
            puts mcp-proxy in front of it, which serves 2026-07-28 as well, at the same endpoint.

    Attributes:
        mcp_url: The endpoint.
    """

    def __init__(self, mode: Mode = "streamableHttp") -> None:
        self.mode = mode
        self.mcp_url = ""
        self._log = Path(tempfile.mkdtemp(prefix="everything-")) / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EverythingServer:
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                [port] = free_ports(1)
                if self._start(port):
                    self.mcp_url = f"http://127.0.0.1:{port}/{'sse' if self.mode == 'sse' else 'mcp'}"
                    return self
                if attempt == _ATTEMPTS or "EADDRINUSE" not in self.output:
                    raise RuntimeError(f"The server did not start.\n{self.output}")
        except BaseException:
            self.stop()
            raise
        raise AssertionError("not reached")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _start(self, port: int) -> bool:
        """Start it and wait until it listens; tell whether it does."""
        node = shutil.which("node")
        assert node is not None, "these tests need Node"
        assert EVERYTHING.exists(), "these tests need what tests/real/package.json names: tests/run installs it"
        server = [node, str(EVERYTHING)]
        if self.mode == "both eras":
            command = [node, str(PROXY), "--host", "127.0.0.1", "--port", str(port), "--", *server, "stdio"]
        else:
            command = [*server, self.mode]
        # No proxies, and no secrets: one of its tools tells its environment.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._log.parent), "PORT": str(port)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                return True
            time.sleep(0.02)
        return False

    def restart(self) -> None:
        """Kill it, and start another one on the same port: it knows of nothing that was."""
        assert self._process is not None, "it does not run"
        self._signal(self._process, signal.SIGKILL)
        self._process.wait()
        assert self._start(urlsplit(self.mcp_url).port or 0), self.output

    def stop(self) -> None:
        """End it and all that it started, politely and then surely."""
        process, self._process = self._process, None
        if process is not None:
            self._signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            self._signal(process, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self._log.parent, ignore_errors=True)

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


@pytest.fixture(scope="session")
def everything() -> Iterator[EverythingServer]:
    """Give the server with Streamable HTTP and sessions."""
    with EverythingServer() as server:
        yield server


@pytest.fixture(scope="session")
def everything_sse() -> Iterator[EverythingServer]:
    """Give the server with HTTP and server-sent events as in 2024-11-05."""
    with EverythingServer("sse") as server:
        yield server


@pytest.fixture(scope="session")
def everything_in_both_eras() -> Iterator[EverythingServer]:
    """Give the server that serves 2026-07-28 and the older revisions at one endpoint."""
    with EverythingServer("both eras") as server:
        yield server
