"""Asking through the application: it shows the address in a window, a chat or a test. RFC 8252 section 4."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from .base import Listener, Prompt
from .loopback import loopback_listener


class CallbackPrompt(Prompt):
    """Hands the authorization URL to a function of the application.

    Args:
        show: Called with the URL. A string it returns is taken as the URL the browser came back to; anything
            else, such as None, means that the browser will come back to the loopback interface by itself.

    Example::

        OAuth(url, prompt=CallbackPrompt(lambda url: window.open_link(url)))
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        """Show URLs with ``show``."""
        self._show = show

    def listen(self, redirect_uri: str, *, state: str, exact: bool = False) -> AbstractContextManager[Listener]:
        """Listen on the loopback interface."""
        return loopback_listener(redirect_uri, state=state, exact=exact)

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Call the application."""
        redirect = self._show(str(url))
        if isinstance(redirect, str):
            listener.deliver(redirect)
