"""Asking in a notebook: a link in the cell, and a box for the address where the browser ended. RFC 8252 section 4.

The kernel may be on another computer than the browser, so the listener and the box wait side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ..exceptions import AuthorizationError, OAuthError
from ..urls import without_query
from .base import Prompt
from .cell import Cell
from .listener import Listener
from .notebook_listener import NO_INPUT, WAYS_OUT, NotebookListener, nobody_answers
from .surroundings import is_hosted_notebook, notebook_kernel

if TYPE_CHECKING:
    from ..models.callback import Callback
    from ..models.device import DeviceAuthorization

_EXPECTED = "At the end your browser shows a page that cannot be reached. That is as it should be here: "
_POSSIBLE = "If your browser ends on a page that cannot be reached, "
_PASTE = "copy the address of that page, paste it below and press Enter. What you paste is not shown."
_OUT_OF_REACH = "The browser has to be on the computer where this notebook runs."
_CODE_TOO = " This server also takes a code instead: grant=DeviceCodeGrant()."


class NotebookPrompt(Prompt):
    """Shows a link in the cell, and takes the redirect pasted back: the default in a notebook.

    Args:
        accept_bare_code: Whether a code that is pasted alone is taken. It has no ``state`` to be checked; it is
            still bound to this sign-in by PKCE.

    Example::

        OAuth("https://mcp.example.com/mcp", prompt=NotebookPrompt())
    """

    missing, ways_out = NO_INPUT, WAYS_OUT

    def __init__(self, *, accept_bare_code: bool = False) -> None:
        """Show nothing yet."""
        self._bare = accept_bare_code
        self._codes = threading.local()

    @property
    def interactive(self) -> bool:  # type: ignore[override]
        """Whether somebody can answer the cell that runs now; not under nbconvert, nbclient or papermill."""
        kernel = notebook_kernel()
        return kernel is not None and bool(getattr(kernel, "_allow_stdin", True))

    def listen(self, callback: Callback, *, state: str) -> AbstractContextManager[Listener]:
        """Get ready for the answer: on the loopback interface, and in a box below the cell.

        Raises:
            AuthorizationError: The redirect cannot be listened on.
            SignInRequiredError: There is nobody to ask: no notebook, or one that is executed by a program.
        """
        self._require_somebody()
        return self._listening(callback, state)

    @contextmanager
    def _listening(self, callback: Callback, state: str) -> Iterator[Listener]:
        from .loopback import loopback_listener

        with loopback_listener(callback, state=state) as inner:
            listener = NotebookListener(inner, state=state, accept_bare_code=self._bare)
            try:
                yield listener
            finally:
                listener.leave()

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Show the link.

        Raises:
            SignInRequiredError: Nobody can answer this cell.
            AuthorizationError: There is no box to paste into, and the browser does not come back to this machine.
        """
        self._require_somebody()
        boxed = isinstance(listener, NotebookListener) and listener.boxed
        if not boxed and not listener.listening:
            raise AuthorizationError(
                f"The browser comes back to {without_query(listener.redirect_uri)}, which is not on this machine.",
                hint="Sign in from the cell itself, not from a thread: it then takes the address pasted back.",
            )
        advice = (_EXPECTED if is_hosted_notebook() or not listener.listening else _POSSIBLE) + _PASTE
        cell = Cell(
            server_url,
            link=url,
            advice=(advice if boxed else _OUT_OF_REACH) + (_CODE_TOO if listener.code_offered else ""),
        )
        if isinstance(listener, NotebookListener):
            listener.cell = cell
        cell.wait()

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Show the code, and a link to where it is entered. RFC 8628 section 3.3.

        Raises:
            SignInRequiredError: There is nobody to ask.
        """
        self._require_somebody()
        from .device_text import lookalikes, time_left

        complete, notes = device.verification_uri_complete, lookalikes(device.user_code)
        advice = [f"{'; '.join(notes)}."] if notes else []
        advice += ["The link has the code in it: compare it with the one shown here."] if complete else []
        self._codes.cell = Cell(
            server_url,
            link=complete or device.verification_uri,
            address=device.verification_uri,
            code=device.user_code,
            advice=" ".join([*advice, time_left(device)]),
        )
        self._codes.cell.wait()

    def conclude(self, error: OAuthError | None) -> None:
        """Show how the sign-in by code ended."""
        cell: Cell | None = getattr(self._codes, "cell", None)
        if cell is not None:
            cell.conclude(error)

    def _require_somebody(self) -> None:
        if not self.interactive:
            raise nobody_answers()
