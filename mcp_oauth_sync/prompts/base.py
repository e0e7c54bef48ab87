"""What a way of asking a person has to offer. RFC 8252 section 4."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

from ..exceptions import OAuthError


class Listener(ABC):
    """Where the answer to one authorization request arrives.

    Attributes:
        redirect_uri: What to send as ``redirect_uri``: final, with the port that is really bound.
    """

    redirect_uri: str

    @abstractmethod
    def wait(self, timeout: float) -> str:
        """Wait for the redirect.

        Args:
            timeout: Seconds.

        Returns:
            The redirect: its URL or its query, not yet checked beyond its state.

        Raises:
            AuthorizationTimeoutError: Nothing came in time.
        """

    def deliver(self, redirect: str) -> None:
        """Take the redirect from somewhere else: pasted by the person, or handed in by the application.

        Args:
            redirect: The URL the browser came back to, or its query.
        """

    def conclude(self, error: OAuthError | None) -> None:
        """Tell the person's browser how it ended.

        Args:
            error: Why it failed; None when the sign-in is complete.
        """


class Prompt(ABC):
    """A way to get a person through a sign-in.

    Example::

        class LinkInChat(Prompt):
            def listen(self, redirect_uri, *, state, exact=False):
                return loopback_listener(redirect_uri, state=state, exact=exact)

            def show(self, url, *, listener, server_url):
                chat.post(f"Please sign in: {url}")
    """

    #: Whether there is a person to ask. False makes the library fail at once instead of asking.
    interactive: bool = True

    @abstractmethod
    def listen(self, redirect_uri: str, *, state: str, exact: bool = False) -> AbstractContextManager[Listener]:
        """Get ready for the answer before anything is shown.

        Args:
            redirect_uri: The redirect wished for; port 0 stands for any free port.
            state: The ``state`` that tells the answer from everything else.
            exact: Whether another port than the one wished for would be of no use.

        Raises:
            AuthorizationError: The redirect cannot be listened on.
            SignInRequiredError: There is nobody to ask.
        """

    @abstractmethod
    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Bring the authorization URL to the person; must not wait for the answer.

        Args:
            url: The URL, already checked to be fit for a browser.
            listener: Where the answer may be delivered.
            server_url: What the sign-in is for, to be named to the person.
        """
