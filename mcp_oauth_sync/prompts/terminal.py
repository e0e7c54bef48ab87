"""Asking a person at a terminal: they read an address, and may paste the one that the browser ends on. RFC 8252."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from ..exceptions import AuthorizationError, OAuthError
from .base import Prompt
from .instructions import sign_in_instructions
from .listener import Listener
from .output import PromptOutput
from .paste import PasteListener, one_keyboard

if TYPE_CHECKING:
    from ..models.callback import Callback
    from ..models.device import DeviceAuthorization
    from .countdown import Countdown


class TerminalPrompt(Prompt):
    """What the prompts at a terminal share.

    Args:
        output: Where to print; None means standard error.
        accept_bare_code: Whether a code that is pasted alone is taken. It has no ``state`` to be checked; it is
            still bound to this sign-in by PKCE.
    """

    def __init__(self, *, output: TextIO | None = None, accept_bare_code: bool = False) -> None:
        """Print to ``output``."""
        self.output = PromptOutput(output)
        self._accept_bare_code = accept_bare_code
        #: Tells the person how long they have left; None tells them once, or not at all.
        self.countdown: Countdown | None = None

    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        """Listen where the callback says, and get ready to read what is pasted.

        Raises:
            AuthorizationError: The redirect cannot be listened on, and nobody can paste it either.
        """
        from .loopback import loopback_listener

        with one_keyboard(self.may_read()) as keyboard:
            if not callback.ports and keyboard is None:
                raise AuthorizationError(
                    f"The browser is to end on {callback.redirect_uri}, which cannot be listened for here, and there "
                    "is no terminal of its own where this program could read what is pasted.",
                    hint="Run it in the foreground of a terminal, or pass callback_port= with a port that is forwarded "
                    "here.",
                )
            with loopback_listener(callback, state=state) as inner:
                listener = PasteListener(
                    inner,
                    keyboard,
                    state=state,
                    accept_bare_code=self._accept_bare_code,
                    output=self.output,
                    countdown=self.countdown,
                )
                try:
                    yield listener
                finally:
                    listener.end()

    def may_read(self) -> bool:
        """Tell whether this is a place to read what is typed."""
        return True

    def instruct(self, url: str, *, listener: Listener, server_url: str, opens: bool) -> None:
        """Print what to do, once it is clear what can be done.

        Args:
            url: What the person opens.
            listener: Where the answer arrives; one of :meth:`listen` reads from now on.
            server_url: What the sign-in is for.
            opens: Whether a browser is opened for them.
        """
        from .device_text import build_code_hint

        pasting = isinstance(listener, PasteListener) and listener.begin()
        self.output.say(
            sign_in_instructions(
                url,
                server_url=server_url,
                redirect_uri=listener.redirect_uri,
                opens=opens,
                listening=listener.listening,
                pasting=pasting,
                forwarding=_forwarding(listener),
                offer="" if opens else build_code_hint(listener),
            )
        )

    def instruct_code(self, device: DeviceAuthorization, *, server_url: str, opens: bool) -> None:
        """Print a device code and what to do with it. RFC 8628 section 3.3.

        Args:
            device: The code.
            server_url: What the sign-in is for.
            opens: Whether a browser opens at the address that has the code in it.
        """
        from .device_text import build_code_text

        self.output.say(build_code_text(device, server_url=server_url, output=self.output.stream, opens=opens))
        if self.countdown is not None:
            self.countdown.begin(self.output, device.expires_in)

    def conclude(self, error: OAuthError | None) -> None:
        """Say that the code was accepted; what went wrong, the error says."""
        from .device_text import ACCEPTED

        if self.countdown is not None:
            self.countdown.end()
        if error is None:
            self.output.say(ACCEPTED)


def _forwarding(listener: Listener) -> str | None:
    from .ssh import forwarding_command

    address = listener.inner.address if isinstance(listener, PasteListener) else None
    return forwarding_command(listener.redirect_uri, address) if address else None
