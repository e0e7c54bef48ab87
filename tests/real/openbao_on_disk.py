"""A real OpenBao server that keeps what it has: to be killed, sealed and started again."""

from __future__ import annotations

import signal
from pathlib import Path
from types import TracebackType

from .openbao import Server, free_port


class OnDisk(Server):
    """A server that may be ended, killed, sealed and started again; up and unsealed within the `with` block."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "")
        self._key = ""
        (folder / "raft").mkdir()
        cluster = free_port()
        (folder / "config.hcl").write_text(
            f'storage "raft" {{\n path = "{folder}/raft"\n node_id = "one"\n performance_multiplier = 1\n}}\n'
            f'listener "tcp" {{\n address = "127.0.0.1:{self.port}"\n tls_disable = true\n}}\n'
            f'api_addr = "{self.url}"\ncluster_addr = "http://127.0.0.1:{cluster}"\n'
        )

    def __enter__(self) -> OnDisk:
        self.start(f"-config={self.folder}/config.hcl")
        made = self.do("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token="none")
        self._key, self.token = made["keys"][0], made["root_token"]
        self.unseal()
        self.mount("secret", 2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGKILL)

    def unseal(self) -> None:
        self.do("PUT", "sys/unseal", {"key": self._key})
        self.wait_for({200})

    def seal(self) -> None:
        self.do("PUT", "sys/seal")

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again, sealed as it is then, and unseal it."""
        self.start(f"-config={self.folder}/config.hcl")
        self.unseal()
