"""The wide world on this machine, at the level of sockets: names with addresses, and what every socket connects to."""

from __future__ import annotations

import socket
from typing import Any

import pytest

#: Addresses of servers that everybody may contact. They are other people's: nothing is ever sent there.
MCP_AT, LOGIN_AT, THIRD_AT = "93.184.216.34", "93.184.216.35", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class World:
    """Resolves names, and leads public addresses to ports of this machine; others are out of reach, and written down.

    Attributes:
        names: The addresses of a name, answer by answer; the last one stays.
        ports: Where public addresses lead.
        asked: The names that were looked up, in order.
        dialled: The (address, port) that a socket was to be connected to, in order; those of this machine too.
        down: Whether names cannot be looked up at all.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.names: dict[str, list[list[str]]] = {}
        self.ports: dict[str, int] = {}
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self.down = False
        self._look_up, self._connect = socket.getaddrinfo, socket.socket.connect

    def take_over(self, patch: pytest.MonkeyPatch) -> None:
        """Stand before the resolver and the sockets of this process."""
        patch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        world = self

        def connect(sock: socket.socket, address: Any) -> None:
            world.connect(sock, address)

        patch.setattr(socket.socket, "connect", connect)

    def getaddrinfo(self, host: Any, port: Any, family: int = 0, *how: Any, **named: Any) -> list[Any]:
        """Answer for the names; addresses in any spelling are read by the true resolver, which asks nobody."""
        name = host.decode() if isinstance(host, bytes) else str(host)
        answers = self.names.get(name.rstrip(".").lower())
        if answers is None:
            return self._look_up(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        self.asked.append(name)
        if self.down:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        kinds = [(socket.AF_INET6 if ":" in address else socket.AF_INET, address) for address in found]
        return [
            (kind, socket.SOCK_STREAM, 6, "", (address, port, 0, 0) if ":" in address else (address, port))
            for kind, address in kinds
        ]

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Connect to this machine only, and write down where to it was meant to be."""
        if not isinstance(address, tuple):
            return self._connect(sock, address)
        host, port = address[:2]
        self.dialled.append((host, port))
        if host in self.ports:
            return self._connect(sock, ("127.0.0.1", self.ports[host]))
        if host.startswith("127.") or host == "::1":
            return self._connect(sock, address)
        raise OSError(f"no route to {host}")

    @property
    def places(self) -> set[str]:
        """The addresses that were dialled, but for this machine's own."""
        return {host for host, _ in self.dialled if host != "127.0.0.1"}
