"""Telling a metadata document that is there from one that is not. RFC 8414 section 3.2, RFC 9728 section 3.2.

Absent (any 4xx, a page, JSON that is no such document) means: look at the next place. Unknown (5xx, network)
means: try again later. Present is judged strictly by the caller.
"""

from __future__ import annotations

from ..exceptions import DiscoveryError
from ..models.document import Document
from ..urls import without_query
from .reply import TransportFailure
from .transport import Transport


class Trace:
    """The URLs tried so far, with what came back, for error messages."""

    def __init__(self) -> None:
        """Start empty."""
        self.lines: list[str] = []

    def add(self, url: str, outcome: str) -> None:
        """Note one URL."""
        self.lines.append(f"{without_query(url)}: {outcome}")


def fetch_document(
    http: Transport, url: str, *, what: str, marks: tuple[str, ...], trace: Trace, advice: str = ""
) -> Document | None:
    """Fetch one metadata document.

    Args:
        http: The transport.
        url: Where it should be.
        what: What it is, for messages.
        marks: Members that only such a document has: one of them is enough for it to be judged as one.
        trace: Gets a line.
        advice: What to do, beyond trying again, where the server fails; empty when nothing is known.

    Returns:
        The document, or None when there is none at this place.

    Raises:
        InsecureURLError: The URL may not be contacted.
        DiscoveryError: Whether there is one cannot be told now.
    """
    try:
        reply = http.get(url, what=what)
    except TransportFailure as failure:
        trace.add(url, failure.message)
        raise DiscoveryError(
            f"The {what} could not be fetched from {without_query(url)}: {failure.message}.",
            hint=failure.hint or "This is a fault of the network or the server; try again.",
            url=url,
            tried=trace.lines,
        ) from None
    trace.add(url, reply.describe())
    if reply.status >= 500 or reply.status == 429:
        raise DiscoveryError(
            f"The {what} could not be fetched from {without_query(url)}: {reply.describe()}.",
            hint=f"This is a fault of the server; try again. {advice}".rstrip(),
            url=url,
            tried=trace.lines,
        )
    document = reply.json_object() if reply.status == 200 else None
    return document if document is not None and any(mark in document for mark in marks) else None
