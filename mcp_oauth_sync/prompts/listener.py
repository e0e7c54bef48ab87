"""Where the answer to one authorization request arrives. RFC 6749 section 4.1.2."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..exceptions import OAuthError


class Listener(ABC):
    """Where the answer to one authorization request arrives.

    Attributes:
        redirect_uri: What to send as ``redirect_uri``: final, with the port that is really bound.
        listening: Whether the answer can arrive by itself; else somebody has to :meth:`deliver` it.
        code_offered: Whether the server takes a sign-in by a code too (RFC 8628), for prompts that tell the person.
    """

    redirect_uri: str
    listening: bool = True
    code_offered: bool = False

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
