"""The listener of a notebook: the loopback receiver and the box in the cell, whichever brings the answer first.

RFC 8252 section 7.3. The one that did not is closed: no thread waits on, and no box is left open.
"""

from __future__ import annotations

import threading

from ..exceptions import AuthorizationTimeoutError, InvalidRedirectError, OAuthError, SignInRequiredError
from ..models.redirect import MAX_REDIRECT
from .cell import PASTE_HERE, Cell
from .listener import Listener
from .paste_box import PasteBox
from .pasted import BARE_HINT, read_pasted

#: Seconds a frontend has to close its box of its own accord, before the wait for it is broken off.
PATIENCE = 0.5
#: The longest wait for a thread in one piece.
_PIECE = 0.5
#: Why nobody is there to ask where a notebook is executed by a program, and what helps besides the command.
NO_INPUT = "this notebook runs where no input can be given"
WAYS_OUT = (
    "\nRun that in a terminal, as the user this notebook runs as: the notebook then finds the sign-in. Or use "
    "start_sign_in() and finish_sign_in(), which wait for nobody."
)
#: Questions in a row after which only the listener is waited for: no person answers that often.
MOST_QUESTIONS = 50


class NotebookListener(Listener):
    """Waits for the answer at the loopback receiver and, where one can be opened, in a box.

    Args:
        receiver: Where the answer arrives by itself.
        state: Our state, for a code that is pasted alone.
        accept_bare_code: Whether such a code is taken.

    Attributes:
        boxed: Whether there will be a box.
        cell: What the person sees; None before they do.
    """

    def __init__(self, receiver: Listener, *, state: str, accept_bare_code: bool) -> None:
        """Wait for nothing yet."""
        self.redirect_uri, self.listening = receiver.redirect_uri, receiver.listening
        self.boxed = PasteBox.possible()
        self.cell: Cell | None = None
        self._receiver, self._state, self._bare = receiver, state, accept_bare_code
        self._was_bare = False
        self._answered = threading.Event()

    def wait(self, timeout: float) -> str:
        """Wait for the redirect, wherever it comes.

        Raises:
            AuthorizationTimeoutError: Nothing came in time.
            SignInRequiredError: The frontend takes no input, so that nobody is there.
        """
        if not self.boxed:
            return self._receiver.wait(timeout)
        came: list[str | AuthorizationTimeoutError] = []
        with PasteBox() as box:
            beside = threading.Thread(
                target=self._wait_beside, args=(box, timeout, came), name="mcp-oauth-sync notebook", daemon=True
            )
            beside.start()
            try:
                self._ask(box)
                _join(beside)
            finally:
                self._receiver.deliver("")  # read by nobody: it lets the thread go when the wait was broken off
                _join(beside)
        if isinstance(came[0], AuthorizationTimeoutError):
            raise came[0]
        return came[0]

    def _wait_beside(self, box: PasteBox, timeout: float, came: list[str | AuthorizationTimeoutError]) -> None:
        try:
            came.append(self._receiver.wait(timeout))
        except AuthorizationTimeoutError as late:
            came.append(late)
        try:
            self._answered.set()
            if self.cell is not None and box.open:
                self.cell.receive()
        finally:
            box.close(PATIENCE)

    def _ask(self, box: PasteBox) -> None:
        """Ask until an answer was pasted, or the box is closed because one came another way."""
        for _ in range(MOST_QUESTIONS):
            try:
                line = box.ask(PASTE_HERE)
            except EOFError:
                return
            except NotImplementedError as unable:  # IPython's StdinNotImplementedError is one
                raise nobody_answers() from unable
            if line is None or self._answered.is_set():
                return
            pasted = read_pasted(line, state=self._state, accept_bare_code=self._bare)
            complaint = "It is too long. Paste the address alone." if len(line) > MAX_REDIRECT else pasted.complaint
            if pasted.redirect is not None and not complaint:
                self._was_bare = pasted.bare
                self._receiver.deliver(pasted.redirect)
                return
            if self.cell is not None:
                self.cell.wait(complaint)

    def deliver(self, redirect: str) -> None:
        """Take the redirect from somewhere else."""
        self._receiver.deliver(redirect)

    def conclude(self, error: OAuthError | None) -> None:
        """Tell the browser and the cell how it ended, and what was missing when a code alone was not enough."""
        if self._was_bare and isinstance(error, InvalidRedirectError):
            error.hint = BARE_HINT
        self._receiver.conclude(error)
        if self.cell is not None:
            self.cell.conclude(error)

    def leave(self) -> None:
        """Say in the cell that it was interrupted, if nothing else was said."""
        if self.cell is not None:
            self.cell.interrupt()


def _join(thread: threading.Thread) -> None:
    """Wait for a thread in pieces: on Windows, the stop button is seen between two of them only."""
    while thread.is_alive():
        thread.join(_PIECE)


def nobody_answers() -> SignInRequiredError:
    """Return the error for a notebook that is executed by a program."""
    return SignInRequiredError(
        f"A person has to sign in, and nobody is there to ask ({NO_INPUT}).",
        hint=f"Run: mcp-oauth-sync auth NAME URL{WAYS_OUT}",
    )
