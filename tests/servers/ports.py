"""Ports that stay free until a test binds them."""

from __future__ import annotations

import contextlib
import random
import socket

#: Below what Linux gives to who asks for any free port: the many servers of these tests never get one of them.
FIRST, LAST = 20_000, 32_000
_had: set[int] = set()


def bind_anew(listener: socket.socket) -> socket.socket:
    """Bind to a port that no server of this process had before, for what is stored of that one counts for its address.

    Args:
        listener: Not bound.

    Returns:
        It, or one made like it.
    """
    with contextlib.ExitStack() as taken:
        while True:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            if port not in _had:
                _had.add(port)
                return listener
            taken.enter_context(listener)
            listener = socket.socket(listener.family, listener.type)


def free_ports(count: int) -> list[int]:
    """Return ports in a row that are free now, and that nobody gets who takes any."""
    while True:
        first = random.randrange(FIRST, LAST - count)
        ports = list(range(first, first + count))
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in ports:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                stack.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
            return ports
