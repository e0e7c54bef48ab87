"""One HTTP exchange, in a thread of its own so that its deadline holds, with a bounded body."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError as LowLevelError

from ..exceptions import OAuthError, printable
from ..interrupts import wait
from .giving_up import end_wait_of
from .reply import MAX_BODY, Reply, TransportFailure, decoded

_CHUNK = 64 * 1024


class Exchange:
    """One request, which ends in time even against a dripping server.

    Args:
        adapter: What sends it.
        request: The request.
        settings: What ``adapter.send`` takes besides.
    """

    def __init__(self, adapter: BaseAdapter, request: requests.PreparedRequest, settings: dict[str, Any]) -> None:
        self.adapter, self.request, self.settings = adapter, request, settings
        self.done = threading.Event()
        self.abandoned = False
        self.reply: Reply | None = None
        self.failure: BaseException | None = None
        self.response: requests.Response | None = None

    def run(self, deadline: float) -> Reply:
        """Return the answer.

        Args:
            deadline: Seconds for all of it.

        Raises:
            TransportFailure: No usable answer came in time.
        """
        worker = threading.Thread(target=self._work, name="mcp-oauth-sync exchange", daemon=True)
        worker.start()
        try:
            finished = wait(self.done, deadline)
        finally:
            self._abandon(worker)
        if not finished:
            raise TransportFailure(f"no complete answer within {deadline:g} seconds")
        if self.failure is not None:
            raise self.failure
        assert self.reply is not None  # noqa: S101  (set whenever there is no failure)
        return self.reply

    def _abandon(self, worker: threading.Thread) -> None:
        self.abandoned = True
        if self.done.is_set():
            return
        if self.response is None:
            end_wait_of(worker.ident)
        else:
            with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):  # it may have just ended
                self.response.raw.shutdown()

    def _work(self) -> None:
        try:
            self.reply = self._exchange()
        except OAuthError as failure:
            self.failure = failure.with_traceback(None)  # frames hold bodies
        except (requests.RequestException, LowLevelError, OSError, ValueError) as failure:
            self.failure = explain(failure, answering=self._answering(failure))
        except BaseException as failure:  # noqa: BLE001
            self.failure = failure  # anything a caller's own adapter raises is raised where the caller waits
        finally:
            if self.response is not None:
                self.response.close()
            self.done.set()

    def _answering(self, failure: Exception) -> bool:
        """Tell whether the answer had begun: requests calls a senseless header of it by the name of one of ours."""
        return self.response is not None or isinstance(failure, requests.exceptions.InvalidHeader)

    def _exchange(self) -> Reply:
        response = self.response = self.adapter.send(self.request, **self.settings)
        body = bytearray()
        while not self.abandoned:
            chunk = response.raw.read(_CHUNK, decode_content=False)
            if not chunk:
                break
            body += chunk
            if len(body) > MAX_BODY:
                raise TransportFailure(f"the body is larger than {MAX_BODY} bytes")
        response.raw.release_conn()
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            plain = decoded(bytes(body), headers.get("content-encoding", ""))
        except TransportFailure:
            if response.ok:
                raise
            plain = b""  # the status says enough
        return Reply(url=self.request.url or "", status=response.status_code, headers=headers, body=plain)


def explain(failure: Exception, *, answering: bool = False) -> TransportFailure:
    """Return what went wrong in words. The frames are dropped: they hold request bodies.

    Args:
        failure: What went wrong.
        answering: Whether the answer had begun, so that the request certainly was sent.
    """
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (requests.exceptions.SSLError, "the TLS certificate could not be verified"),
        (requests.exceptions.ProxyError, "the proxy refused or could not be reached"),
        (requests.exceptions.ConnectTimeout, "no connection within the timeout"),
        (requests.exceptions.Timeout, "no answer within the timeout"),
        (ValueError, "the answer could not be read" if answering else "the request could not be sent"),
        (requests.exceptions.ChunkedEncodingError, "the answer was cut short"),
        (LowLevelError, "the answer was cut short"),
        (requests.exceptions.ConnectionError, "the connection failed"),
        (OSError, "the connection failed"),
    )
    reason = next((words for kind, words in reasons if isinstance(failure, kind)), "the request could not be sent")
    hint = None
    misconfigured = type(failure) is OSError and failure.errno is None
    if misconfigured:  # requests looks for certificate files before it connects, and says which one is missing
        reason = printable(failure).rstrip(".")
    if isinstance(failure, requests.exceptions.SSLError):
        hint = "If a company proxy signs certificates, name its CA in REQUESTS_CA_BUNDLE or in session.verify."
    explained = TransportFailure(f"{reason} ({type(failure).__name__})", hint=hint)
    never_sent = (
        *(requests.exceptions.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError),
        ValueError,
    )
    explained.sent = answering or not (misconfigured or isinstance(failure, never_sent))
    return explained
