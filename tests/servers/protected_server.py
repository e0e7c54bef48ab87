"""OAuth in front of an MCP server that has none: asks for a token, and passes on everything else as it comes."""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .authorization_server import AuthorizationServer
from .mcp_server import McpServer
from .messages import Exchange, Reply, Reset

#: Of one connection only (RFC 9110 section 7.6.1), or made anew on the other one.
_NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "authorization", "dpop"}
_TICK = 0.02
_SECONDS = 10.0


class ProtectedServer(McpServer):
    """A protected resource with the switches of `McpServer` whose answers come from a server behind it.

    Every path but those of the metadata is protected and passed on, at the same path. A stream is passed on event by
    event; when the client leaves, the server behind is left at once.

    Args:
        authorization_server: Whose tokens open it.
        upstream: The endpoint of the server behind, by http on loopback.
        tls: Server side SSL context; None = plain http.
        port: 0 takes a free port.
    """

    def __init__(
        self,
        authorization_server: AuthorizationServer,
        upstream: str,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.upstream = urlsplit(upstream)
        super().__init__(authorization_server, self.upstream.path, tls=tls, port=port)

    def answer(self, exchange: Exchange) -> Reply:
        """Serve the metadata; pass everything else on."""
        if exchange.path.startswith("/.well-known/"):
            return super().answer(exchange)
        return self._protected(self._serve)(exchange)

    def _serve(self, exchange: Exchange) -> Reply:
        passage = _Passage(self, exchange)
        response: http.client.HTTPResponse = passage.next()
        fields = [(name, value) for name, value in response.getheaders() if name.lower() not in _NOT_PASSED_ON]
        pieces = passage.pieces()
        if response.length is None:
            return Reply(response.status, fields, chunks=pieces)
        return Reply(response.status, fields, b"".join(pieces))


class _Passage:
    """One exchange with the server behind: a thread reads it, so that the one that asks can watch the client."""

    def __init__(self, server: ProtectedServer, exchange: Exchange) -> None:
        assert server._machine is not None
        self._machine = server._machine
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        host, port = server.upstream.hostname, server.upstream.port
        assert host is not None
        self._connection = http.client.HTTPConnection(host, port)
        try:
            self._connection.connect()
        except OSError:
            raise Reset from None
        self._socket: socket.socket = self._connection.sock
        self._reader = threading.Thread(target=self._read, args=(exchange,), name="passage", daemon=True)
        self._reader.start()

    def _read(self, exchange: Exchange) -> None:
        try:
            self._connection.putrequest(exchange.method, exchange.target, skip_accept_encoding=True)
            for name, value in exchange.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self._connection.putheader(name, value)
            self._connection.putheader("Content-Length", str(len(exchange.body)))
            self._connection.endheaders(exchange.body)
            response = self._connection.getresponse()
            self._came.put(response)
            while piece := response.read1(65536):
                self._came.put(piece)
            self._came.put(Reset() if response.length else b"")
        except (OSError, http.client.HTTPException):
            self._came.put(Reset())

    def next(self) -> Any:
        """Return what comes next: the head, pieces, and an empty piece at the end.

        Raises:
            Reset: The client has left, or the server behind broke off.
        """
        while True:
            try:
                came = self._came.get(timeout=_TICK)
                break
            except queue.Empty:
                if self._machine.is_left():
                    came = Reset()
                    break
        if isinstance(came, Reset):
            self._end()
            raise came
        return came

    def pieces(self) -> Iterator[bytes]:
        """Yield the pieces of the body as they come."""
        try:
            while piece := self.next():
                yield piece
        finally:
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(_SECONDS)
        assert not self._reader.is_alive(), "the server behind is still read"
        self._connection.close()
        self._socket.close()
