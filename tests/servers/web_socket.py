"""A WebSocket on the origin of a protected MCP server, whose handshake needs a token of it. RFC 6455 section 4.2."""

from __future__ import annotations

import logging
import select
import socket
import socketserver
import threading
from email.message import Message
from types import TracebackType

from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from .mcp_server import McpServer
from .messages import Exchange

_TICK = 0.05
_SECONDS = 10.0
#: At DEBUG, websockets writes tokens into its log.
_QUIET = logging.getLogger(f"{__name__}.quiet")
_QUIET.setLevel(logging.WARNING)


class WebSocketServer:
    """Echoes what it is sent, at one path; up within the ``with`` block, on one port with the MCP server.

    Args:
        mcp: The MCP server, started; from now on it is reached through the common port.
        path: Where the WebSocket is.
    """

    def __init__(self, mcp: McpServer, path: str = "/live") -> None:
        self.mcp, self.path = mcp, path
        self.handshakes: list[Exchange] = []
        self.stopping = threading.Event()

    def __enter__(self) -> WebSocketServer:
        self._server: Server = serve(self._echo, "127.0.0.1", 0, process_request=self._admit, logger=_QUIET)
        self.port = int(self._server.socket.getsockname()[1])
        self._front = _Front(self)
        self.mcp.public_url = f"http://127.0.0.1:{self._front.server_address[1]}"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, name="web-socket"),
            threading.Thread(target=self._front.serve_forever, args=(_TICK,), name="web-socket-front"),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._front.shutdown()
        self._front.server_close()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(_SECONDS)
        self.mcp.public_url = None

    @property
    def url(self) -> str:
        """The URL of the WebSocket."""
        return self.mcp.url.replace("http", "ws", 1) + self.path

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        headers = Message()
        for name, value in request.headers.raw_items():
            headers[name] = value
        exchange = Exchange.read("GET", request.path, headers, b"", 0)
        self.handshakes.append(exchange)
        if exchange.path != self.path:
            return connection.respond(404, "there is nothing\n")
        with self.mcp.lock:
            refused = self.mcp._refuse(exchange)
        if refused is None:
            return None
        response = connection.respond(refused.status, "no token that is good here\n")
        for name, value in refused.headers:
            if name.lower() != "content-type":
                response.headers[name] = value
        return response

    @staticmethod
    def _echo(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)


class _Front(socketserver.ThreadingTCPServer):
    """The common port: handshakes go to the WebSocket, everything else to the MCP server."""

    daemon_threads = False

    def __init__(self, behind: WebSocketServer) -> None:
        self.behind = behind
        super().__init__(("127.0.0.1", 0), _Passage)


class _Passage(socketserver.BaseRequestHandler):
    """One connection; what its first request asks for decides where it goes."""

    server: _Front
    request: socket.socket

    def handle(self) -> None:
        behind, head = self.server.behind, b""
        while b"\r\n\r\n" not in head:
            if not self._next(self.request) or not (piece := self.request.recv(65536)):
                return
            head += piece
        port = behind.port if b"upgrade: websocket" in head.lower() else behind.mcp.port
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            upstream.sendall(head)
            other = {self.request: upstream, upstream: self.request}
            while source := self._next(*other):
                try:
                    piece = source.recv(65536)
                    other[source].sendall(piece)
                except OSError:
                    return
                if not piece:
                    return

    def _next(self, *sockets: socket.socket) -> socket.socket | None:
        """Wait for one of them to be ready; None when the server stops."""
        while not self.server.behind.stopping.is_set():
            if ready := select.select(sockets, [], [], _TICK)[0]:
                found: socket.socket = ready[0]
                return found
        return None
