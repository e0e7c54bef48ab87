"""What a way of asking a person has to offer. RFC 8252 section 4."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..exceptions import AuthorizationError, OAuthError
from .listener import Listener

if TYPE_CHECKING:
    from ..models.callback import Callback
    from ..models.device import DeviceAuthorization


class Prompt(ABC):
    """A way to get a person through a sign-in.

    Example::

        class LinkInChat(Prompt):
            def show(self, url, *, listener, server_url):
                chat.post(f"Please sign in: {url}")
    """

    #: Whether there is a person to ask. False makes the library fail at once instead of asking.
    interactive: bool = True
    #: What is missing where :attr:`interactive` is False, for messages.
    missing: str = "no terminal, no notebook"
    #: What follows the command to run there, for hints; may be empty.
    ways_out: str = ""

    def listen(self, callback: Callback, *, state: str) -> AbstractContextManager[Listener]:
        """Get ready for the answer before anything is shown: by default, listen where the callback says.

        Args:
            callback: The redirect wished for, and the ports to listen on.
            state: The ``state`` that tells the answer from everything else.

        Raises:
            AuthorizationError: The redirect cannot be listened on.
            SignInRequiredError: There is nobody to ask.
        """
        from .loopback import loopback_listener  # the web server is loaded when a person is really asked

        return loopback_listener(callback, state=state)

    @abstractmethod
    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Bring the authorization URL to the person; must not wait for the answer.

        Args:
            url: The URL, already checked to be fit for a browser.
            listener: Where the answer may be delivered.
            server_url: What the sign-in is for, to be named to the person.
        """

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Bring a device code to the person; must not wait until it was entered. RFC 8628 section 3.3.

        Args:
            device: The code, and where it is to be entered, both fit to be shown; ``expires_in`` says how long the
                person has.
            server_url: What the sign-in is for, to be named to the person.

        Raises:
            AuthorizationError: This way of asking cannot show a code; the default.
        """
        raise AuthorizationError(
            f"{type(self).__name__} cannot show a device code.",
            hint="Use ConsolePrompt, or give your prompt a method show_code().",
        )

    def conclude(self, error: OAuthError | None) -> None:
        """Tell the person how a sign-in by device code ended; by default nothing.

        Args:
            error: Why it failed; None when the sign-in is complete.
        """
