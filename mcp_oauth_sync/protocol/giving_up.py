"""Ending the wait of another thread for an answer that has not begun.

The time limit of a socket is one for each piece: a server that sends a byte of its head now and then, or greetings of
TLS, or ``100 Continue`` again and again, would keep a thread and a connection for ever. Before an answer begins, its
connection is known to the thread alone that waits for it.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any


def end_wait_of(thread: int | None) -> None:
    """Shut down the connection that a thread waits at; do nothing where there is none.

    Args:
        thread: The identifier of the thread; None for one that has not begun.
    """
    frames: dict[int | None, Any] = getattr(sys, "_current_frames", dict)()  # not every Python has it
    frame = frames.pop(thread, None)
    frames.clear()
    while frame is not None:
        sock = _socket_of(frame.f_locals.get("self"))
        if sock is not None:
            with suppress(OSError):  # it may have just ended
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS: nobody is asked to agree
            return
        frame = frame.f_back


def _socket_of(owner: Any) -> socket.socket | None:
    if isinstance(owner, HTTPConnection):
        owner = owner.sock
    owner = getattr(owner, "socket", owner)  # of TLS within TLS
    return owner if isinstance(owner, socket.socket) else None
