"""The loopback receiver: a threaded web server for exactly one redirect. RFC 8252 sections 7.3 and 8.3.

It listens on the loopback interface only, from before the browser opens until the answer is there. The
``state`` decides which request is the answer: everything else gets a short page and is forgotten, and a
slow or idle connection holds up nobody.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..exceptions import AuthorizationError
from ..models.callback import Callback
from ..urls import loopback_host
from .answer import LoopbackListener
from .page_style import POLICY
from .pages import stranger_page

#: Seconds a connection may stay silent.
SILENCE = 5.0
#: Most connections held open; when there are more, the oldest one goes.
MAX_CONNECTIONS = 128
#: Most free ports tried for one that is free on IPv4 and IPv6.
_TRIES = 8
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", POLICY),
    ("Connection", "close"),
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.address_family = family
        self.listener: LoopbackListener | None = None
        self.connections: dict[socket.socket, None] = {}  # a set that knows which came first
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse name lookup of the base class, which can take seconds."""
        if self.address_family == socket.AF_INET6 and self.server_address[0] != "::":  # which stands for IPv4 too
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if sys.platform == "win32":  # here SO_REUSEADDR would let another program take the port over
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # here it only skips TIME_WAIT
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    @property
    def shown_address(self) -> str:
        """The address as a browser names it."""
        host = str(self.server_address[0])
        return f"[{host}]:{self.server_port}" if ":" in host else f"{host}:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, dropping the oldest one when there are too many."""
        for oldest in list(self.connections)[: 1 - MAX_CONNECTIONS]:
            self.drop(oldest)
        self.connections[request] = None
        super().process_request(request, client_address)

    def drop(self, connection: socket.socket) -> None:
        """End a connection; its thread sees that and closes it."""
        self.connections.pop(connection, None)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """End a connection and forget it."""
        super().shutdown_request(request)
        self.connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a broken connection is none of the program's business."""

    def stop(self, thread: threading.Thread) -> None:
        """Free the port, end every connection and wait for the thread."""
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            self.drop(connection)
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENCE
    server_version, sys_version = "mcp-oauth-sync", ""

    def do_GET(self) -> None:
        """Answer the one request that counts, and turn away the rest."""
        listener = self.server.listener
        if listener is None or not listener.is_for(self.headers.get_all("Host", [])):
            return self._send(400, stranger_page())
        if not listener.is_at(self.path.partition("?")[0]):
            return self._send(404, stranger_page())
        if not listener.accept(self.path):
            return self._send(400, stranger_page())
        self.server.connections.pop(self.connection, None)  # this one is not dropped for others
        try:
            self._send(200, listener.page())
        finally:
            listener.page_sent()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no GET, or no HTTP, without repeating any of it."""
        self._send(405 if code == 501 else code if code in (414, 431) else 400, stranger_page())

    def _send(self, status: int, page: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in _HEADERS:
            self.send_header(name, value)
        if status == 405:
            self.send_header("Allow", "GET")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: the query holds the code."""


@contextmanager
def loopback_listener(callback: Callback, *, state: str) -> Iterator[LoopbackListener]:
    """Listen where a callback says until the block ends; on the loopback interface unless it names another.

    Args:
        callback: The redirect wished for, and the ports to listen on. Without ports nothing is listened on: the
            answer has to be delivered.
        state: The state to wait for.

    Raises:
        AuthorizationError: The redirect is not on this machine and nothing forwards it, or no port is free.
    """
    servers = _bind(callback) if callback.ports else []
    port = servers[0].server_port if servers else 0
    addresses = [server.shown_address for server in servers]
    listener = LoopbackListener(callback.uri_at(port), state, addresses=addresses, asker=callback.asker)
    threads = []
    for server in servers:
        server.listener = listener
        thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name="mcp-oauth-sync listener", daemon=True
        )
        thread.start()
        threads.append(thread)
    try:
        yield listener
    finally:
        listener.finish()
        for server, thread in zip(servers, threads, strict=True):
            server.stop(thread)


def _bind(callback: Callback) -> list[_Server]:
    """Bind every address the redirect stands for, all at one port: the first one wished for that is free."""
    host = callback.bind or loopback_host(callback.redirect_uri) or ("127.0.0.1" if callback.fixed else None)
    if host is None:
        raise AuthorizationError(f"Cannot listen for a redirect to {callback.redirect_uri}: it is not on this machine.")
    failure: OSError | None = None
    for wished in [*callback.ports, *[0] * (0 if callback.exact else _TRIES)]:
        try:
            return _bind_all(host, wished)
        except OSError as error:
            failure = failure or error
    raise _no_port(callback, host, failure) from failure


def _no_port(callback: Callback, host: str, failure: OSError | None) -> AuthorizationError:
    where = "127.0.0.1" if host == "localhost" else host
    ports = _listed(callback.ports)
    hint = "Choose another port with callback_port=, or end the program that holds this one."
    if failure is not None and failure.errno == errno.EADDRNOTAVAIL:
        hint = "callback_bind= takes an address of this machine, or 0.0.0.0 for all of them."
    elif failure is not None and failure.errno == errno.EACCES:
        hint = "Choose a port above 1023 with callback_port=: those below need rights of their own."
    return AuthorizationError(
        f"Cannot listen on {where}{ports and f' port {ports}'}: {(failure and failure.strerror) or failure}.", hint=hint
    )


def _listed(ports: Sequence[int]) -> str:
    """Return ports as a person writes them: 8765, or 8765-8769, or several of both."""
    runs: list[tuple[int, int]] = []
    for port in filter(None, ports):
        if runs and port == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], port)
        else:
            runs.append((port, port))
    return " or ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def _bind_all(host: str, port: int) -> list[_Server]:
    """Bind one port; for ``localhost`` on IPv4, and on IPv6 too where this machine has it.

    A port that another program holds on IPv6 is busy: a browser may try IPv6 first and hand it the code.
    """
    if host != "localhost":
        return [_Server((host, port), socket.AF_INET6 if ":" in host else socket.AF_INET)]
    servers = [_Server(("127.0.0.1", port), socket.AF_INET)]
    try:
        servers.append(_Server(("::1", servers[0].server_port), socket.AF_INET6))
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            servers[0].server_close()
            raise
    return servers
