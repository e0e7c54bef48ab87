"""A transport that remembers what it sent and what came back, for the trace and for checks that need more."""

from __future__ import annotations

import re
import time

import attrs

from ..protocol.reply import Reply, TransportFailure
from ..protocol.transport import Headers, Sign, Transport

_KIND = re.compile(r"\((\w+)\)$")


@attrs.frozen(kw_only=True)
class Seen:
    """One exchange. Everything in it may hold secrets: only a trace shows it.

    Attributes:
        what: What was asked, in our words ("registration endpoint").
        method: The HTTP method.
        url: Where it went.
        body: What was sent; None when nothing was.
        sent: The names of the headers of ours that were sent beyond the usual ones.
        reply: What came back; None when nothing usable did.
        failure: Why not, as the kind of the error; None when something did.
        at: When the answer was there, in seconds since the epoch.
    """

    what: str
    method: str
    url: str = attrs.field(repr=False)
    body: str | None = attrs.field(default=None, repr=False)
    sent: tuple[str, ...] = ()
    reply: Reply | None = attrs.field(default=None, repr=False)
    failure: str | None = None
    at: float = attrs.field(factory=time.time)


@attrs.frozen(kw_only=True)
class RecordingTransport(Transport):
    """Calls endpoints as :class:`Transport` does, and remembers each exchange.

    Attributes:
        seen: The exchanges so far, in order.
    """

    seen: list[Seen] = attrs.field(factory=list, repr=False)

    def send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        body: str | None = None,
        headers: Headers | None = None,
        sign: Sign | None = None,
    ) -> Reply:
        """Make exactly one HTTP exchange. Arguments and errors as of :meth:`Transport.send`."""
        names = tuple({**self.headers_for(url), **(headers or {})})
        asked = Seen(what=what, method=method, url=url, body=body, sent=names)
        try:
            reply = super().send(method, url, what=what, body=body, headers=headers, sign=sign)
        except TransportFailure as failure:
            kind = _KIND.search(failure.message)
            self.seen.append(attrs.evolve(asked, failure=kind[1] if kind else "no usable answer", at=time.time()))
            raise
        self.seen.append(attrs.evolve(asked, reply=reply, at=time.time()))
        return reply

    def last(self, what: str) -> Seen | None:
        """Return the last exchange of a kind; None when there was none."""
        return next((seen for seen in reversed(self.seen) if seen.what == what), None)


def is_page(reply: Reply) -> bool:
    """Tell whether an answer is a page for people."""
    return "html" in reply.headers.get("content-type", "").lower() or reply.body[:200].lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    )
