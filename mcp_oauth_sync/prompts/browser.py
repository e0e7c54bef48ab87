"""Asking through the system browser, with the answer on the loopback interface. RFC 8252 section 7.3."""

from __future__ import annotations

import logging
import subprocess
import threading
import webbrowser
from typing import TYPE_CHECKING

from .listener import Listener
from .surroundings import browser_at_hand, windows_opener
from .terminal import TerminalPrompt

if TYPE_CHECKING:
    from ..models.device import DeviceAuthorization

logger = logging.getLogger(__name__)


class BrowserPrompt(TerminalPrompt):
    """Opens the system browser, and prints the address for when it does not come up.

    In the main thread of a program at a terminal, the address that the browser ends on can be pasted as well.

    Args:
        output: Where the address is printed; None means standard error.
        accept_bare_code: Whether a code that is pasted alone is taken. It has no ``state`` to be checked; it is
            still bound to this sign-in by PKCE.

    Example::

        OAuth("https://mcp.example.com/mcp", prompt=BrowserPrompt())
    """

    def may_read(self) -> bool:
        """Tell whether this is the main thread: while it waits, nobody else in the program reads what is typed."""
        return threading.current_thread() is threading.main_thread()

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Open the browser without waiting for it, and print the address."""
        opens = browser_at_hand()
        self.instruct(url, listener=listener, server_url=server_url, opens=opens)
        if opens:
            open_beside(url)

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Print the code, and open the browser where the address has the code in it. RFC 8628 section 3.3.1."""
        complete = device.verification_uri_complete if browser_at_hand() else None
        self.instruct_code(device, server_url=server_url, opens=complete is not None)
        if complete is not None:
            open_beside(complete)


def open_beside(url: str) -> None:
    """Open an address in the system browser, without waiting for it; what goes wrong is logged.

    Args:
        url: One that :func:`~mcp_oauth_sync.urls.require_secure` has passed.
    """
    threading.Thread(target=_open, args=(url,), name="mcp-oauth-sync browser", daemon=True).start()


def _open(url: str) -> None:
    """Open the browser in a thread of its own: some launchers return only when the browser ends."""
    opener = windows_opener()
    try:
        if opener is not None:
            nowhere = subprocess.DEVNULL
            opened = not subprocess.call([opener, url], stdin=nowhere, stdout=nowhere, stderr=nowhere)
        else:
            opened = webbrowser.open(url)
        if not opened:
            logger.warning("no browser could be started; the address to open was printed")
    except (webbrowser.Error, OSError, ValueError) as failure:
        logger.warning("no browser could be started (%s); the address to open was printed", type(failure).__name__)
