"""Connections of a requests.Session that another thread can end while they wait, and whose waits end in time.

The time limit of a socket is one for each piece: a server that sends a byte now and then could hold a call for ever.
What is sent, and how, stays as it is: proxies, certificates, pools, time limits. So does what OAuth sends over the same
session, in threads of its own: a refresh that is cut short may cost the sign-in.
"""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class Sockets:
    """The connections of one session that wait for an answer to begin.

    Args:
        session: The session. Its adapters are replaced.
    """

    def __init__(self, session: requests.Session) -> None:
        """Know none yet."""
        self._waiting: set[Any] = set()
        self._closer: int | None = None
        self._here = threading.local()
        for scheme in ("https://", "http://"):
            before = type(session.get_adapter(scheme))  # one that judges where connections go still does
            kind = _Adapter if before is HTTPAdapter else type(f"Held{before.__name__}", (_Adapter, before), {})
            session.mount(scheme, kind(self))

    def close(self) -> None:
        """End every wait. From now on only the calling thread may send anything."""
        self._closer = threading.get_ident()
        for connection in list(self._waiting):
            shut_down(connection.sock)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Have what this thread sends in the block be ended with the others."""
        self._here.calling = True
        try:
            yield
        finally:
            self._here.calling = False

    def check(self) -> None:
        """Refuse to go on where this is closed.

        Raises:
            ConnectionAbortedError: It is.
        """
        if self._is_call() and self._closer not in (None, threading.get_ident()):
            raise ConnectionAbortedError("the session was closed")

    def begin(self, connection: object) -> None:
        """Know a connection that is about to send a request. Raises as :meth:`check`."""
        if self._is_call():
            self._waiting.add(connection)
            self.check()

    def done(self, connection: object) -> None:
        """Forget a connection whose answer has begun."""
        self._waiting.discard(connection)

    def _is_call(self) -> bool:
        return getattr(self._here, "calling", False)


def shut_down(sock: Any) -> None:
    """End what is sent and received, also in the middle of it. Encrypted or not, the layer below is what is ended."""
    below = getattr(sock, "socket", sock)  # of TLS within TLS
    with suppress(OSError, AttributeError, TypeError):  # it may have just ended, or not be connected yet
        socket.socket.shutdown(below, socket.SHUT_RDWR)


def end_answer(response: requests.Response) -> None:
    """End an open answer: who reads it gets to its end, or an error."""
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    if sock is not None:
        shut_down(sock)
    else:  # the answer is the last of its connection, which is known to nobody else
        with suppress(OSError, ValueError, AttributeError, RuntimeError):  # it may have just ended
            response.raw.shutdown()


def wait_at_most(seconds: float, response: requests.Response) -> None:
    """Limit what the rest of an answer is waited for; for a session of a caller's, what each piece of it is."""
    answer = getattr(response.raw, "_original_response", None)
    if isinstance(answer, _Answer):
        answer.wait_at_most(seconds)
        return
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.settimeout(seconds)


class _Answer(HTTPResponse):
    """An answer that comes in time as a whole: first its head, in the time limit of the socket, then what is read."""

    def __init__(self, sock: Any, *args: Any, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        self._pieces = _Pieces(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._pieces)
        if (limit := sock.gettimeout()) is not None:
            self.wait_at_most(limit)

    def wait_at_most(self, seconds: float) -> None:
        self._pieces.ends = time.monotonic() + seconds


class _Pieces(io.RawIOBase):
    """What arrives at a socket, until a moment.

    Args:
        raw: Reads the socket.
        sock: The socket.
    """

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        self._raw, self._sock = raw, sock
        self.ends: float | None = None

    def readinto(self, buffer: Any) -> int | None:
        if self.ends is not None:
            left = self.ends - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Held:
    """A connection that says when it waits; stands before a connection class of urllib3."""

    sockets: Sockets
    response_class = _Answer

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sockets.check()

    def request(self, *args: Any, **settings: Any) -> None:
        try:
            self.sockets.begin(self)
            super().request(*args, **settings)  # type: ignore[misc]
        except BaseException:
            self.sockets.done(self)
            raise

    def getresponse(self) -> Any:
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            self.sockets.done(self)


class _Adapter(HTTPAdapter):
    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._kinds: dict[type, Any] = {}
        super().__init__()

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> Any:
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        kind = pool.ConnectionCls
        if not issubclass(kind, _Held):
            pool.ConnectionCls = self._held(kind)
        return pool

    def close(self) -> None:
        """Close idle connections now: urllib3 does when nothing refers to their pool, and kept errors may."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in list(manager.pools.keys()):
                manager.pools[key].close()
        super().close()

    def _held(self, kind: type) -> Any:
        held = self._kinds.get(kind)
        if held is None:
            held = self._kinds[kind] = type(f"Held{kind.__name__}", (_Held, kind), {"sockets": self._sockets})
        return held
