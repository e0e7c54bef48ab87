"""Asking at a terminal that has no browser: SSH, a container, a server's console. RFC 8252 section 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .listener import Listener
from .terminal import TerminalPrompt

if TYPE_CHECKING:
    from ..models.device import DeviceAuthorization


class ConsolePrompt(TerminalPrompt):
    """Prints the address, and takes the one that the browser ends on, pasted; never opens a browser.

    Whoever came over SSH is also told the command that lets their browser find its way back by itself.

    Args:
        output: Where to print; None means standard error.
        accept_bare_code: Whether a code that is pasted alone is taken. It has no ``state`` to be checked; it is
            still bound to this sign-in by PKCE.

    Example::

        OAuth("https://mcp.example.com/mcp", prompt=ConsolePrompt())
    """

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Print the address, and what to do with it."""
        self.instruct(url, listener=listener, server_url=server_url, opens=False)

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Print the code, and where it is entered."""
        self.instruct_code(device, server_url=server_url, opens=False)
