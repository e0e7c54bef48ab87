"""Names of the wide world on this machine: what a server elsewhere may and may not make us contact."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import pytest


class Network:
    """Answers for some hosts with ports of this machine; every other address is out of reach, and written down.

    Attributes:
        dialled: Every (host, port) that somebody tried to connect to.
    """

    def __init__(self, ports: Mapping[str, int]) -> None:
        """Know these hosts."""
        self.ports = dict(ports)
        self.dialled: list[tuple[str, int]] = []

    def connect(self, address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        """Stand in for urllib3's way to connect."""
        host, port = address
        self.dialled.append((host, port))
        if host not in self.ports:
            raise OSError(f"no route to {host}")
        return socket.create_connection(("127.0.0.1", self.ports[host]), 10)

    def take_over(self, patch: pytest.MonkeyPatch) -> None:
        """Let all connections of this process go through here."""
        patch.setattr("urllib3.util.connection.create_connection", self.connect)
