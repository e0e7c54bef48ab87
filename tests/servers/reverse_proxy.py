"""A reverse proxy by https, as hubs put in front of the machines of their users."""

from __future__ import annotations

import ssl

import requests

from .messages import Exchange, Reply
from .origin import Origin

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "host"}


class ReverseProxy(Origin):
    """Passes on what comes below a prefix.

    Args:
        tls: Server side SSL context.
        prefix: "/user/x/proxy/8765"; anything else is 404.
        host: The Host header that goes upstream; None keeps the browser's, as many proxies do.
        strip: Whether the prefix is taken off.
    """

    def __init__(self, tls: ssl.SSLContext, *, prefix: str, host: str | None = None, strip: bool = True) -> None:
        super().__init__(tls)
        self.prefix, self.host, self.strip = prefix, host, strip
        self.upstream = 0
        """The port upstream."""

    def answer(self, exchange: Exchange) -> Reply:
        """Fetch it from upstream."""
        if not exchange.target.startswith(self.prefix):
            return Reply(404)
        target = exchange.target.removeprefix(self.prefix) if self.strip else exchange.target
        headers = {name: value for name, value in exchange.headers.items() if name.lower() not in _HOP}
        headers["Host"] = self.host or exchange.headers["Host"]
        with requests.Session() as upstream:
            upstream.trust_env = False
            url = f"http://127.0.0.1:{self.upstream}/{target.lstrip('/')}"
            answer = upstream.request(exchange.method, url, headers=headers, allow_redirects=False, timeout=10)
        fields = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
        return Reply(answer.status_code, fields, answer.content)
