"""A TCP proxy that misbehaves on demand, in front of an origin.

Faults, for `Chaos.set` (they hold for connections opened afterwards; open ones are dropped):

    latency=s           wait before each piece, both ways
    rate=n              at most about n bytes of the answer each second
    reset_connect=True  RST as soon as the connection is accepted
    blackhole=True      accept, pass nothing on, stay open
    cut_request=n       RST once n bytes of the request went through
    cut_response=n      RST once n bytes of the answer went through
    lose_response=True  the server gets the whole request and answers; the client gets a RST instead
    hang_response=True  the server gets the request; the client gets nothing, and no close
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Any

from .origin import Origin
from .ports import bind_anew

FAULTS = frozenset("latency rate reset_connect blackhole cut_request cut_response lose_response hang_response".split())
STOP_SECONDS = 10.0


class Chaos:
    """`with Chaos(origin) as chaos:` then talk to `chaos.url`. The origin is one of ours, or (host, port)."""

    def __init__(self, upstream: Origin | tuple[str, int]) -> None:
        self.upstream = upstream
        self.port = 0
        self.connections = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._faults: dict[str, Any] = {}
        self._left: int | None = None
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """The URL of the proxy, without a slash at the end."""
        tls = isinstance(self.upstream, Origin) and self.upstream.tls is not None
        return f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def set(self, times: int | None = None, **faults: Any) -> None:
        """Misbehave on the next `times` connections, or on all; without faults, behave."""
        if unknown := set(faults) - FAULTS:
            raise TypeError(f"unknown faults: {sorted(unknown)}")
        with self.lock:
            self._faults, self._left = faults, times
            open_now = list(self._sockets)
        for connection in open_now:
            self._end(connection)

    def __enter__(self) -> Chaos:
        self._listener = bind_anew(socket.socket())
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        if self._listener is not None:
            self._end(self._listener)  # wakes accept(), which close() alone would not
            self._threads[0].join(STOP_SECONDS)
        with self.lock:
            open_now = list(self._sockets)
        for connection in open_now:
            self._end(connection)
        for thread in list(self._threads):
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                raise AssertionError(f"{thread.name} did not end")
        if self._listener is not None:
            self._listener.close()

    def _run(self, target: Any, *args: Any) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, name=f"chaos-{self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    @staticmethod
    def _end(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while not self.stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                faults = dict(self._faults) if self._left is None or self._left > 0 else {}
                if self._left is not None:
                    self._left -= 1
                self._sockets.add(client)
            self._run(self._serve, client, faults)

    def _serve(self, client: socket.socket, faults: dict[str, Any]) -> None:
        """Own both sockets of one connection: nothing else closes them."""
        server: socket.socket | None = None
        rst = threading.Event()
        if faults.get("reset_connect"):
            rst.set()
        try:
            if not rst.is_set() and not faults.get("blackhole"):
                target = self.upstream
                server = socket.create_connection(
                    ("127.0.0.1", target.port) if isinstance(target, Origin) else target, 5
                )
                server.settimeout(None)
                with self.lock:
                    self._sockets.add(server)
                if self.stopping.is_set():
                    return
                there = self._run(self._pump, client, server, faults, "cut_request", rst)
                self._pump(server, client, faults, "cut_response", rst)
                there.join()
            elif faults.get("blackhole"):
                while client.recv(65536):
                    pass
        except OSError:
            rst.set()
        finally:
            with self.lock:
                self._sockets -= {client, server}
            if rst.is_set():
                with contextlib.suppress(OSError):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            if server is not None:
                server.close()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        faults: dict[str, Any],
        cut: str,
        rst: threading.Event,
    ) -> None:
        answers = cut == "cut_response"
        left = faults.get(cut)
        try:
            while data := source.recv(65536):
                if faults.get("latency"):
                    self.stopping.wait(faults["latency"])
                if answers and faults.get("hang_response"):
                    continue
                if answers and faults.get("lose_response"):
                    rst.set()
                    break
                if left is not None and len(data) >= left:
                    sink.sendall(data[:left])
                    self.stopping.wait(0.05)  # the RST must not overtake the bytes
                    rst.set()
                    break
                self._send(sink, data, faults.get("rate") if answers else None)
                left = None if left is None else left - len(data)
        except OSError:
            rst.set()
        if rst.is_set():
            # Wake the other direction; the client's own end is a RST, sent when _serve closes it
            self._end(sink if answers is False else source)
            with contextlib.suppress(OSError):
                (source if answers is False else sink).shutdown(socket.SHUT_RD)
        else:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def _send(self, sink: socket.socket, data: bytes, rate: int | None) -> None:
        if rate is None:
            sink.sendall(data)
            return
        step = max(1, rate // 10)
        for start in range(0, len(data), step):
            sink.sendall(data[start : start + step])
            if self.stopping.wait(0.1):
                return
