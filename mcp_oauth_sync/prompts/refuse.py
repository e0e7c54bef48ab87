"""Nobody to ask: fail at once and say what to run. RFC 8252 section 4 has no answer for a machine alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..exceptions import SignInRequiredError
from .base import Prompt
from .listener import Listener

if TYPE_CHECKING:
    from ..models.callback import Callback
    from ..models.device import DeviceAuthorization


class NoPrompt(Prompt):
    """Never asks: the default where there is no terminal and no notebook.

    Example::

        OAuth(url, prompt=NoPrompt())      # a cron job on a desktop: never open a browser
    """

    interactive = False

    def listen(self, callback: Callback, *, state: str) -> AbstractContextManager[Listener]:
        """Refuse.

        Raises:
            SignInRequiredError: Always.
        """
        raise nobody_to_ask()

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Refuse.

        Raises:
            SignInRequiredError: Always.
        """
        raise nobody_to_ask()

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Refuse.

        Raises:
            SignInRequiredError: Always.
        """
        raise nobody_to_ask()


def nobody_to_ask() -> SignInRequiredError:
    """Return the error of a sign-in that needs a person where there is none."""
    return SignInRequiredError(
        "A person has to sign in, and nobody is there to ask (no terminal, no notebook).",
        hint="Run: mcp-oauth-sync auth NAME URL in a terminal, or pass a prompt= that reaches a person.",
    )
