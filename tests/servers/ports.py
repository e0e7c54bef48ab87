"""Ports that stay free until a test binds them."""

from __future__ import annotations

import contextlib
import random
import socket

#: Below what Linux gives to who asks for any free port: the many servers of these tests never get one of them.
FIRST, LAST = 20_000, 32_000


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
