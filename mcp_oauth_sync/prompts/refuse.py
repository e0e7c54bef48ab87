"""Nobody to ask: fail at once and say what to run. RFC 8252 section 4 has no answer for a machine alone."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ..exceptions import SignInRequiredError
from .base import Listener, Prompt


class NoPrompt(Prompt):
    """Never asks: the default where there is no terminal and no notebook.

    Example::

        OAuth(url, prompt=NoPrompt())      # a cron job on a desktop: never open a browser
    """

    interactive = False

    def listen(self, redirect_uri: str, *, state: str, exact: bool = False) -> AbstractContextManager[Listener]:
        """Refuse.

        Raises:
            SignInRequiredError: Always.
        """
        raise SignInRequiredError("A person has to sign in, and there is nobody to ask.")

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Refuse.

        Raises:
            SignInRequiredError: Always.
        """
        raise SignInRequiredError("A person has to sign in, and there is nobody to ask.")
