"""A forward proxy for http that writes down what passes through it. RFC 9112 section 3.2.2."""

from __future__ import annotations

import requests

from tests.servers import Exchange, Origin, Reply

_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length", "date"}


class ForwardProxy(Origin):
    """Sends on what names a whole URL; everything else is refused."""

    def answer(self, exchange: Exchange) -> Reply:
        """Fetch what was asked for."""
        if not exchange.target.startswith("http://"):
            return Reply(400)
        headers = {name: value for name, value in exchange.headers.items() if name.lower() not in _HOP}
        with requests.Session() as upstream:
            upstream.trust_env = False
            upstream.headers.clear()
            answer = upstream.request(
                exchange.method,
                exchange.target,
                headers=headers,
                data=exchange.body,
                allow_redirects=False,
                timeout=10,
            )
        fields = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
        return Reply(answer.status_code, fields, answer.content)

    @property
    def passed(self) -> list[tuple[str, str]]:
        """Method and URL of what passed, in order."""
        return [(exchange.method, exchange.target) for exchange in self.requests()]
