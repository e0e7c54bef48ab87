"""The official SDK's server, as the demo runs it, in child processes on the loopback interface."""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import attrs
import trustme

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


@attrs.frozen
class Tls:
    """Files of a throw-away certificate for 127.0.0.1 and of the authority that signed it."""

    key: Path
    cert: Path
    ca: Path

    @classmethod
    def make(cls, folder: Path) -> Tls:
        """Make a new authority and certificate in a folder."""
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost")
        made = cls(folder / "key.pem", folder / "cert.pem", folder / "ca.pem")
        issued.private_key_pem.write_to_path(str(made.key))
        made.cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        authority.cert_pem.write_to_path(str(made.ca))
        return made


class ServerProcess:
    """One process of a server: started when made, and gone after :meth:`stop`."""

    def __init__(self, *arguments: str, module: str = "mcp_oauth_sync.cli.demo_server", port: int = 0) -> None:
        """Start ``python -m MODULE PORT ARGUMENTS`` and wait until it listens; port 0 takes a free one.

        Raises:
            RuntimeError: It ended, or did not say READY in time; the message holds what it wrote.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  stop() closes it
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(port), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> str:
        stdout = self.process.stdout
        assert stdout is not None
        deadline = time.monotonic() + _START_SECONDS
        while not select.select([stdout], [], [], 0.25)[0]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"The server was not ready in time.\n{self.errors()}")
        word, _, url = stdout.readline().decode().strip().partition(" ")
        if word != "READY":
            raise RuntimeError(f"The server did not start.\n{self.errors()}")
        return url

    def errors(self) -> str:
        """Return what it wrote to standard error so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def stop(self) -> None:
        """End it: politely, then surely."""
        process = self.process
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, self._errors):
            if stream is not None:
                stream.close()


class SdkServer:
    """A context manager around the official SDK's server.

    Attributes:
        mcp_url: The MCP endpoint.
        origin: Scheme, host and port of the MCP server.
        issuer: The authorization server; the same origin unless the form is ``split``.
    """

    def __init__(
        self,
        form: Literal["combined", "split"] = "combined",
        access_ttl: int = 3600,
        auto_consent: bool = False,
        tls: Tls | None = None,
    ) -> None:
        """Say how to run it.

        Args:
            form: One process for both servers, or one each.
            access_ttl: Lifetime of access tokens in seconds.
            auto_consent: True says yes without a page.
            tls: Serves https with these files; None serves http.
        """
        self._form = form
        self._asking = ["--access-ttl", str(access_ttl), *(["--auto-consent"] if auto_consent else [])]
        self._tls = ["--tls", f"{tls.key},{tls.cert}"] if tls else []
        self._trust = ["--ca", str(tls.ca)] if tls else []
        self.processes: list[ServerProcess] = []

    def __enter__(self) -> SdkServer:
        """Start it and wait until it listens."""
        try:
            first = self._start(*self._asking, *(["--role", "as"] if self._form == "split" else []))
            if self._form == "split":
                self.issuer = first.url
                self.mcp_url = self._start("--role", "rs", "--issuer", self.issuer, *self._trust).url
                self.origin = self.mcp_url.removesuffix("/mcp")
            else:
                self.mcp_url = first.url
                self.origin = self.issuer = self.mcp_url.removesuffix("/mcp")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, *arguments: str) -> ServerProcess:
        process = ServerProcess(*arguments, *self._tls)
        self.processes.append(process)
        return process

    def __exit__(self, *exc_info: object) -> None:
        """Stop every process."""
        for process in reversed(self.processes):
            process.stop()
