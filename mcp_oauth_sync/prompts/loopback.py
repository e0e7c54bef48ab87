"""The loopback receiver: a threaded web server for exactly one redirect. RFC 8252 sections 7.3 and 8.3.

It listens on the loopback interface only, from before the browser opens until the answer is there. The
``state`` decides which request is the answer: everything else gets a short page and is forgotten, and a
slow or idle connection holds up nobody.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from ..exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    InvalidRedirectError,
    OAuthError,
)
from ..models.redirect import belongs_to
from ..models.secret import Secret
from ..urls import is_loopback
from .base import Listener
from .pages import denied_page, failure_page, received_page, stranger_page, success_page

#: Seconds a connection may stay silent.
SILENCE = 5.0
#: Seconds the browser's page waits to learn how the sign-in ended.
PAGE_PATIENCE = 0.7
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("Connection", "close"),
)


class LoopbackListener(Listener):
    """Waits for the one redirect that carries our state, from the servers or from :meth:`deliver`."""

    def __init__(self, redirect_uri: str, state: str) -> None:
        """Wait for ``state`` at ``redirect_uri``."""
        self.redirect_uri = redirect_uri
        parts = urlsplit(redirect_uri)
        self.path = parts.path or "/"
        self.hosts = {f"{host}:{parts.port}" for host in ("127.0.0.1", "localhost", "[::1]")}
        self._state = state
        self._answer: str | None = None
        self._turn = threading.Lock()
        self._answered, self._concluded, self._page_sent = (threading.Event() for _ in range(3))
        self._page = received_page()

    def accept(self, redirect: str) -> bool:
        """Take a redirect if it is the answer and the first one; tell whether it was taken."""
        if not belongs_to(redirect, self._state):
            return False
        with self._turn:
            if self._answer is not None:
                return False
            self._answer = Secret(redirect)
        self._answered.set()
        return True

    def deliver(self, redirect: str) -> None:
        """Take a redirect whoever sent it: it is checked where it is read."""
        with self._turn:
            if self._answer is None:
                self._answer = Secret(redirect)
                self._page_sent.set()  # no browser waits for a page of ours
        self._answered.set()

    def wait(self, timeout: float) -> str:
        """Wait for the answer; ends at once on Ctrl-C, on Windows too."""
        deadline = time.monotonic() + timeout
        while not self._answered.wait(max(0.0, min(0.5, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                raise AuthorizationTimeoutError(
                    f"Nobody completed the sign-in within {timeout:g} seconds.",
                    hint="Start it again; sign_in_timeout= gives more time.",
                )
        assert self._answer is not None  # noqa: S101  (the event says so)
        return self._answer

    def conclude(self, error: OAuthError | None) -> None:
        """Settle the page that the browser gets; the first word counts."""
        if self._concluded.is_set():
            return
        if error is None:
            self._page = success_page()
        elif isinstance(error, AccessDeniedError):
            self._page = denied_page()
        elif isinstance(error, InvalidRedirectError):
            self._page = failure_page("The answer did not belong to this sign-in and was not used.")
        else:
            self._page = failure_page(error.message)
        self._concluded.set()

    def page(self) -> bytes:
        """Return the page for the browser that brought the answer."""
        self._concluded.wait(PAGE_PATIENCE)
        return self._page

    def page_sent(self) -> None:
        """Note that the browser has its page."""
        self._page_sent.set()

    def finish(self) -> None:
        """Give the browser that brought the answer a moment to get its page."""
        if self._answered.is_set():
            self._concluded.set()
            self._page_sent.wait(1.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # On POSIX this only skips TIME_WAIT; on Windows it would let another program take the port over.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self.listener: LoopbackListener | None = None
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse name lookup of the base class, which can take seconds."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a broken connection is none of the program's business."""

    def stop(self, thread: threading.Thread) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENCE
    server_version, sys_version = "mcp-oauth-sync", ""

    def do_GET(self) -> None:  # noqa: N802
        """Answer the one request that counts, and turn away the rest."""
        listener = self.server.listener
        path, _, query = self.path.partition("?")
        if listener is None or self.headers.get_all("Host", []) not in ([host] for host in listener.hosts):
            return self._send(400, stranger_page())
        if path != listener.path:
            return self._send(404, stranger_page())
        if not listener.accept(query):
            return self._send(400, stranger_page())
        try:
            self._send(200, listener.page())
        finally:
            listener.page_sent()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no GET, or no HTTP, without repeating any of it."""
        self._send(code if code in (405, 414, 431) else 405 if code == 501 else 400, stranger_page())

    def _send(self, status: int, page: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in _HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the query holds the code."""


@contextmanager
def loopback_listener(redirect_uri: str, *, state: str, exact: bool = False) -> Iterator[LoopbackListener]:
    """Listen on the loopback interface until the block ends.

    Args:
        redirect_uri: ``http://127.0.0.1:PORT/callback`` or the like; no port, or 0, takes any free one.
        state: The state to wait for.
        exact: Whether only this very port will do; else another one is taken when it is busy.

    Raises:
        AuthorizationError: The address is not on the loopback interface, or its port is taken.
    """
    parts = urlsplit(redirect_uri)
    host = parts.hostname or ""
    if parts.scheme != "http" or not is_loopback(host):
        raise AuthorizationError(f"Cannot listen for a redirect to {redirect_uri}: it is not on this machine.")
    servers = _bind(host, parts.port or 0, exact=exact)
    shown = f"[{host}]" if ":" in host else host
    bound = f"http://{shown}:{servers[0].server_port}{parts.path or '/'}"
    listener = LoopbackListener(bound, state)
    threads = []
    for server in servers:
        server.listener = listener
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="mcp-oauth-sync listener", daemon=True)
        thread.start()
        threads.append(thread)
    try:
        yield listener
    finally:
        listener.finish()
        for server, thread in zip(servers, threads, strict=True):
            server.stop(thread)


def _bind(host: str, port: int, *, exact: bool) -> list[_Server]:
    """Bind every address the host stands for; for ``localhost`` IPv4, and IPv6 where that is possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address = "127.0.0.1" if host == "localhost" else host
    try:
        servers = [_Server((address, port), family)]
    except OSError as failure:
        if port and not exact:
            return _bind(host, 0, exact=exact)
        raise AuthorizationError(
            f"Cannot listen on {address} port {port}: {failure.strerror or failure}.",
            hint="Another program holds the port: end it, or choose another one with callback_port=.",
        ) from failure
    if host == "localhost":
        with suppress(OSError):
            servers.append(_Server(("::1", servers[0].server_port), socket.AF_INET6))
    return servers
