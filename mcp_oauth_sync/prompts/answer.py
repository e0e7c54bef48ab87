"""The one answer that a sign-in waits for, and the page its browser gets. RFC 8252 section 8.3.

No sockets here: the servers of :mod:`.loopback` bring redirects in and take pages out, each from a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..exceptions import AccessDeniedError, AuthorizationTimeoutError, InvalidRedirectError, OAuthError
from ..interrupts import wait
from ..models.asker import NOBODY, Asker
from ..models.redirect import belongs_to
from ..models.secret import Secret
from ..urls import loopback_host
from .listener import Listener
from .pages import denied_page, failure_page, received_page, success_page

#: Seconds the browser's page waits to learn how the sign-in ended.
PAGE_PATIENCE = 0.7
#: Seconds the end waits for the browser to get its page.
_FAREWELL = 1.0


class LoopbackListener(Listener):
    """Waits for the one redirect that carries our state, from the servers or from :meth:`deliver`."""

    def __init__(self, redirect_uri: str, state: str, *, addresses: Sequence[str] = (), asker: Asker = NOBODY) -> None:
        """Wait for ``state`` at ``redirect_uri``, on sockets at ``addresses`` (host:port), if on any."""
        self.redirect_uri = redirect_uri
        parts = urlsplit(redirect_uri)
        self.path = parts.path or "/"
        self._forwarded = loopback_host(redirect_uri) is None
        self.listening = bool(addresses)
        self.address = next(iter(addresses), None)
        ports = {address.rpartition(":")[2] for address in (*addresses, f":{parts.port or 80}")}
        own = parts.hostname or ""
        names = {"127.0.0.1", "localhost", "[::1]", f"[{own}]" if ":" in own else own}
        self._hosts = {f"{name}:{port}" for name in names for port in ports} | set(addresses)
        self._hosts |= names if "80" in ports else set()
        self._state, self._asker = state, asker
        self._answer: str | None = None
        self._turn = threading.Lock()
        self._answered, self._concluded, self._page_sent = (threading.Event() for _ in range(3))
        self._page = received_page(asker)

    def is_for(self, hosts: Sequence[str]) -> bool:
        """Tell whether the ``Host`` headers of a request name us. A proxy in between may write what it likes."""
        return len(hosts) == 1 and (self._forwarded or hosts[0] in self._hosts)

    def is_at(self, path: str) -> bool:
        """Tell whether a path is that of the redirect. A proxy in between may have taken the beginning off."""
        return path == self.path or (self._forwarded and path.startswith("/") and self.path.endswith(path))

    def accept(self, redirect: str) -> bool:
        """Take a redirect if it is the answer and the first one; tell whether it was taken."""
        if not belongs_to(redirect, self._state):
            return False
        with self._turn:
            if self._answer is not None:
                return False
            self._answer = Secret(redirect)
        self._answered.set()
        return True

    def deliver(self, redirect: str) -> None:
        """Take a redirect whoever sent it: it is checked where it is read."""
        with self._turn:
            if self._answer is None:
                self._answer = Secret(redirect)
                self._page_sent.set()  # no browser waits for a page of ours
        self._answered.set()

    def wait(self, timeout: float) -> str:
        """Wait for the answer; ends at once on Ctrl-C, on Windows too."""
        if not wait(self._answered, timeout):
            raise AuthorizationTimeoutError(
                f"Nobody completed the sign-in within {timeout:g} seconds.",
                hint="Start it again; sign_in_timeout= gives more time.",
            )
        assert self._answer is not None  # noqa: S101  (the event says so)
        return self._answer

    def conclude(self, error: OAuthError | None) -> None:
        """Settle the page that the browser gets; the first word counts."""
        if self._concluded.is_set():
            return
        if error is None:
            self._page = success_page(self._asker)
        elif isinstance(error, AccessDeniedError):
            self._page = denied_page(self._asker, said=error.error_description)
        elif isinstance(error, InvalidRedirectError):
            self._page = failure_page("The answer did not belong to this sign-in and was not used.", self._asker)
        else:
            self._page = failure_page(error.message, self._asker, advice=error.hint)
        self._concluded.set()

    def page(self) -> bytes:
        """Return the page for the browser that brought the answer."""
        self._concluded.wait(PAGE_PATIENCE)
        return self._page

    def page_sent(self) -> None:
        """Note that the browser has its page."""
        self._page_sent.set()

    def finish(self) -> None:
        """Give the browser that brought the answer a moment to get its page."""
        if self._answered.is_set():
            self._concluded.set()
            self._page_sent.wait(_FAREWELL)
