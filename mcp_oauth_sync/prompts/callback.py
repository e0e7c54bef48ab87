"""Asking through the application: it shows the address in a window, a chat or a test. RFC 8252 section 4, RFC 8628."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..exceptions import AuthorizationError
from ..urls import without_query
from .base import Prompt
from .listener import Listener

if TYPE_CHECKING:
    from ..models.device import DeviceAuthorization


class CallbackPrompt(Prompt):
    """Hands the authorization URL, or the device code, to a function of the application.

    Args:
        show: Called with the URL. A string it returns is taken as the URL the browser came back to; anything
            else, such as None, means that the browser will come back to the loopback interface by itself.
        show_code: Called with the :class:`~mcp_oauth_sync.DeviceAuthorization` of a sign-in by code. None calls
            ``show`` with the address that has the code in it.

    Example::

        OAuth(url, prompt=CallbackPrompt(lambda url: window.open_link(url)))
    """

    def __init__(
        self, show: Callable[[str], object], *, show_code: Callable[[DeviceAuthorization], object] | None = None
    ) -> None:
        """Show URLs with ``show``, codes with ``show_code``."""
        self._show, self._show_code = show, show_code

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Call the application.

        Raises:
            AuthorizationError: It gave no redirect back, and the browser does not come back to this machine.
        """
        redirect = self._show(str(url))
        if isinstance(redirect, str):
            listener.deliver(redirect)
        elif not listener.listening:
            raise AuthorizationError(
                f"The browser comes back to {without_query(listener.redirect_uri)}, which is not on this machine.",
                hint="Let the function given to CallbackPrompt return the URL the browser came back to, or pass "
                "callback_port= with the port that is forwarded here.",
            )

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Call the application.

        Raises:
            AuthorizationError: It shows no codes, and the server names no address that has the code in it.
        """
        if self._show_code is not None:
            self._show_code(device)
        elif device.verification_uri_complete is not None:
            self._show(str(device.verification_uri_complete))
        else:
            raise AuthorizationError(
                "The code of this sign-in has to be shown to the person, and this prompt shows addresses only.",
                hint="Give CallbackPrompt a second function: CallbackPrompt(show, show_code=...).",
            )
