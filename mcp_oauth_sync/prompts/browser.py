"""Asking through the system browser, with the answer on the loopback interface. RFC 8252 section 7.3."""

from __future__ import annotations

import logging
import os
import sys
import threading
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from ..exceptions import OAuthError
from .base import Prompt
from .listener import Listener

if TYPE_CHECKING:
    from ..models.device import DeviceAuthorization

logger = logging.getLogger(__name__)


class BrowserPrompt(Prompt):
    """Opens the system browser, and prints the address for when it does not come up.

    Args:
        output: Where the address is printed; None means standard error.

    Example::

        OAuth("https://mcp.example.com/mcp", prompt=BrowserPrompt())
    """

    def __init__(self, *, output: TextIO | None = None) -> None:
        """Print to ``output``."""
        self._output = output

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Open the browser without waiting for it, and print the address."""
        from .device_text import build_code_hint

        opens = browser_at_hand()
        first = "A browser window opens now. If it does not," if opens else "No browser can be opened from here:"
        offer = "" if opens else build_code_hint(listener)
        self._print(
            f"Sign in to {server_url}\n{first}\nopen this address in a browser on this machine:\n\n  {url}\n\n"
            f"{offer}Waiting for the answer. Ctrl-C stops."
        )
        if opens:
            _open_beside(url)

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Print the code, and open the browser where the address has the code in it. RFC 8628 section 3.3.1."""
        from .device_text import build_code_text

        complete = device.verification_uri_complete if browser_at_hand() else None
        output = self._output or sys.stderr
        self._print(build_code_text(device, server_url=server_url, output=output, opens=complete is not None))
        if complete is not None:
            _open_beside(complete)

    def conclude(self, error: OAuthError | None) -> None:
        """Say that the code was accepted; what went wrong, the error says."""
        from .device_text import ACCEPTED

        if error is None:
            self._print(ACCEPTED)

    def _print(self, text: str) -> None:
        output = self._output or sys.stderr
        if output is None:  # a windowed program on Windows has no standard error
            return
        with suppress(OSError, ValueError):  # closed, or its reader has gone: the browser may open all the same
            print(text, file=output, flush=True)


def browser_at_hand() -> bool:
    """Tell whether opening a browser makes sense: there is a screen, or the user named a browser.

    Without a screen the standard library would start a text browser on top of the running program.
    """
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


def _open_beside(url: str) -> None:
    threading.Thread(target=_open, args=(url,), name="mcp-oauth-sync browser", daemon=True).start()


def _open(url: str) -> None:
    """Open the browser in a thread of its own: some launchers return only when the browser ends."""
    try:
        if not webbrowser.open(url):
            logger.warning("no browser could be started; the address to open was printed")
    except (webbrowser.Error, OSError, ValueError) as failure:
        logger.warning("no browser could be started (%s); the address to open was printed", type(failure).__name__)
