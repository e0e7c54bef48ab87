"""Something in front of a real OpenBao that passes everything on, logs it, and fails on demand."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import requests

from ..servers.messages import Exchange, Reply, Reset
from ..servers.origin import Origin
from .openbao import Bao, Server


class Front(Origin):
    """What a client sees in front of a server: everything is passed on, logged, and may be made to fail.

    Args:
        server: The server.
        tls: Makes it https.
    """

    def __init__(self, server: Server, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.server = server

    def answer(self, exchange: Exchange) -> Reply:
        kept = ("X-Vault-Token", "X-Vault-Namespace", "Content-Type")
        headers = {name: exchange.headers[name] for name in kept if name in exchange.headers}
        with requests.Session() as session:
            session.trust_env = False
            url = f"{self.server.url}{exchange.target}"
            try:
                got = session.request(exchange.method, url, data=exchange.body, headers=headers, timeout=30)
            except requests.ConnectionError:
                raise Reset from None
        return Reply(got.status_code, [("Content-Type", got.headers.get("Content-Type", ""))], got.content)

    def asked(self) -> list[str]:
        """Return what was asked, in order."""
        return [f"{exchange.method} {exchange.path.removeprefix('/v1/')}" for exchange in self.requests()]


@pytest.fixture
def front(bao: Bao) -> Iterator[Front]:
    """Put something in front of the server of the test."""
    with Front(bao.server) as made:
        yield made
