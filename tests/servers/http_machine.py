"""The threads and sockets under an `Origin`: reads, applies faults, answers, stops without a trace."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .faults import Fault
from .messages import Exchange, Reply, Reset
from .ports import bind_anew

if TYPE_CHECKING:
    from .origin import Origin

STOP_SECONDS = 10.0


class Machine(ThreadingHTTPServer):
    """Listens from its construction on, until `stop`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, origin: Origin, port: int) -> None:
        self.origin = origin
        self.stopping = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._numbers = iter(range(1, 1 << 30))
        super().__init__(("127.0.0.1", port), _Handler)
        self.port = int(self.server_address[1])
        self._loop = threading.Thread(target=self.serve_forever, args=(0.02,), name=f"origin-{self.port}", daemon=True)
        self._loop.start()

    def server_bind(self) -> None:
        """Bind without asking the resolver for a name."""
        if self.server_address[1]:
            socketserver.TCPServer.server_bind(self)
        else:
            self.socket = bind_anew(self.socket)
            self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that `stop` can find again."""
        number = next(self._numbers)
        with self.origin.lock:
            self.origin.connections += 1
        thread = threading.Thread(
            target=self._connection, args=(request, number), name=f"origin-{self.port}-{number}", daemon=True
        )
        self._open[thread] = request
        thread.start()

    def _connection(self, request: socket.socket, number: int) -> None:
        me = threading.current_thread()
        try:
            if self.origin.tls is not None:
                request = secure = self.origin.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                self._open[me] = request
                if self.stopping.is_set():
                    return
                try:
                    secure.do_handshake()
                except OSError:
                    self.origin.failed_handshakes += 1
                    return
            _Handler(request, number, self)
        except (OSError, ValueError):
            pass  # the client went away, or the server stops
        finally:
            with contextlib.suppress(OSError):
                if getattr(me, "reset", False):
                    request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    socket.socket.shutdown(request, socket.SHUT_WR)
            request.close()
            self._open.pop(me, None)

    def is_left(self) -> bool:
        """Tell, in the thread of a connection, whether its client has left or this server stops."""
        connection = self._open.get(threading.current_thread())
        if connection is None or self.stopping.is_set():
            return True
        try:
            # What has come is not read, be it encrypted or not.
            return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def stop(self) -> None:
        """End the loop, then every connection, then wait for their threads."""
        self.stopping.set()
        self.shutdown()
        self._loop.join(STOP_SECONDS)
        self.server_close()
        threads = dict(self._open)
        for connection in threads.values():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in threads:
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                raise AssertionError(f"{thread.name} did not end")


class _Lines:
    """A stream that remembers the last line read: http.client takes a broken off head for a whole one."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.last = b""
        self.read, self.close = stream.read, stream.close

    def readline(self, limit: int = -1) -> bytes:
        """Read one line."""
        self.last = self.stream.readline(limit)
        return self.last


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request after the other."""

    server: Machine
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.stopping = self.server.stopping
        self.rfile: Any = _Lines(self.rfile)

    def log_message(self, *_: Any) -> None:
        """Keep quiet: the log of the origin is what tests read."""

    def write(self, data: bytes) -> None:
        """Send all of the data."""
        self.wfile.write(data)

    def serve(self) -> None:
        """Answer one request, with the faults that are due; one that was cut off is not acted upon."""
        body = self._body() if self.rfile.last in (b"\r\n", b"\n") else None
        if body is None:
            self.close_connection = True
            return
        number: Any = self.client_address
        exchange = Exchange.read(self.command, self.path, self.headers, body, number)
        faults = self.server.origin.admit(exchange)
        try:
            self._send(exchange, self._reply(exchange, faults), faults)
        except Reset:
            self.close_connection = True
            threading.current_thread().reset = True  # type: ignore[attr-defined]
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve

    def _body(self) -> bytes | None:
        """Read the whole body; None when the client broke off."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            parts = []
            while size := int(self.rfile.readline().split(b";")[0] or b"-1", 16):
                part = self.rfile.read(max(size, 0))
                if size < 0 or len(part) < size:
                    return None
                parts.append(part)
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _reply(self, exchange: Exchange, faults: tuple[Fault, ...]) -> Reply:
        reply = None
        for fault in faults:
            if fault.before is not None and (reply := fault.before(self, exchange)) is not None:
                break
        if reply is None:
            try:
                reply = self.server.origin.answer(exchange)
            except Reset:
                raise
            except Exception as error:
                self.server.origin.errors.append(error)
                reply = Reply(500, [("Content-Type", "text/plain")], b"the script of this server failed")
        for fault in faults:
            if fault.change is not None:
                reply = fault.change(self, reply)
        return reply

    def _send(self, exchange: Exchange, reply: Reply, faults: tuple[Fault, ...]) -> None:
        exchange.status = reply.status
        if reply.status == 0 or (reply.header("Connection") or "").lower() == "close":
            self.close_connection = True
        head, body = self._head(reply), b"" if exchange.method == "HEAD" else reply.body
        senders = [fault.send for fault in faults if fault.send is not None]
        if senders:
            return senders[-1](self, head, body)
        self.write(head + body)
        if reply.chunks is not None and exchange.method != "HEAD":
            framed = reply.header("Content-Length") is None
            for piece in reply.chunks:
                self.write(b"%x\r\n%b\r\n" % (len(piece), piece) if framed else piece)
            if framed:
                self.write(b"0\r\n\r\n")

    def _head(self, reply: Reply) -> bytes:
        fields = list(reply.headers)
        if reply.header("Date") is None:
            fields.append(("Date", self.date_time_string()))
        if reply.header("Content-Length") is None and reply.status != 204:
            chunked = reply.chunks is not None
            fields.append(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(reply.body))))
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
