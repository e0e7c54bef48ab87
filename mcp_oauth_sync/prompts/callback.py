"""Asking through the application: it shows the address in a window, a chat or a test. RFC 8252 section 4."""

from __future__ import annotations

from collections.abc import Callable

from ..exceptions import AuthorizationError
from ..urls import without_query
from .base import Prompt
from .listener import Listener


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

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Call the application."""
        redirect = self._show(str(url))
        if isinstance(redirect, str):
            listener.deliver(redirect)
        elif not listener.listening:
            raise AuthorizationError(
                f"The browser comes back to {without_query(listener.redirect_uri)}, which is not on this machine.",
                hint="Let the function given to CallbackPrompt return the URL the browser came back to, or pass "
                "callback_port= with the port that is forwarded here.",
            )
