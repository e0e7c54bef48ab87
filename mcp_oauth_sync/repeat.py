"""Sending a request of the caller once more: by us after a refusal, by requests after a redirect. RFC 9110 section 15.

What goes out again is what went out first, but for the token, its proof (RFC 9449 section 4.1: a new one for every
request) and cookies that came with the refusal.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import requests
from requests.cookies import extract_cookies_to_jar, get_cookie_header

from .exceptions import RequestNotRepeatedError
from .protocol.presented import Presented, present, presented_on, withdraw
from .urls import same_origin, without_query

if TYPE_CHECKING:
    from .protocol.challenge import Challenge

logger = logging.getLogger(__name__)

#: Answers that may say what a server wants instead: some ask for a nonce by 400, as authorization servers do.
REFUSALS = (400, 401, 403)
#: Most bytes read from a refused answer to keep its connection; a longer one costs the connection.
_DRAIN, _DIGITS = 64 * 1024, 9


def drain(response: requests.Response, sent_with: Mapping[str, Any]) -> None:
    """Read a refused answer, so that its connection can be used again; leave alone one that may never end.

    Args:
        response: The answer.
        sent_with: The keyword arguments requests gave to its response hook.
    """
    length = response.headers.get("Content-Length", "")
    told = not any(coding in response.headers for coding in ("Content-Encoding", "Transfer-Encoding"))
    short = told and length.isdecimal() and len(length) < _DIGITS and int(length) <= _DRAIN
    endless = "event-stream" in response.headers.get("Content-Type", "")
    if short or not (sent_with.get("stream") or endless):
        with contextlib.suppress(requests.RequestException):  # cut short: what it said is in its headers
            response.content  # noqa: B018  (reading it is the point; requests would do it next)


@contextlib.contextmanager
def closed_on_error(response: requests.Response) -> Iterator[None]:
    """Close a refused answer when what is done about it fails, by Ctrl-C too: nobody will read it any more."""
    with contextlib.ExitStack() as on_error:
        on_error.callback(response.close)
        yield
        on_error.pop_all()


def repeat(response: requests.Response, header: Presented, sent_with: Mapping[str, Any]) -> requests.Response:
    """Send the request of a refused answer once more, with another token.

    Args:
        response: The answer; it is closed.
        header: The token.
        sent_with: The keyword arguments requests gave to its response hook.

    Returns:
        The new answer, whose history ends with the refused one.

    Raises:
        RequestNotRepeatedError: The body was used up by the first attempt.
        AuthorizationError: The token needs a proof, and the extra that makes proofs is not installed.
    """
    response.close()
    request = response.request.copy()
    _rewind(request, response)
    _renew_cookies(request, response)
    present(request, header)
    started = time.perf_counter()
    repeated: requests.Response = response.connection.send(request, **sent_with)
    repeated.elapsed = datetime.timedelta(seconds=time.perf_counter() - started)
    repeated.history = [*response.history, response]
    return repeated


def prove_again(response: requests.Response, sent_with: Mapping[str, Any]) -> requests.Response:
    """Send a request once more with another proof, where the server refused not the token but its proof.

    RFC 9449 sections 9 and 11.1. It happens once with the server's nonce, and once by the server's clock.

    Args:
        response: The answer of the server that the token is for.
        sent_with: The keyword arguments requests gave to its response hook.

    Raises:
        RequestNotRepeatedError: The body was used up by the first attempt.
    """
    header, corrected = presented_on(response.request), set[str]()
    while header is not None and header.prover is not None:
        challenge = challenge_of(response)
        url, error = response.request.url or "", challenge.error if challenge.proof_refused else None
        if not header.prover.can_do_better(url, response.headers, error=error, corrected=corrected):
            break
        drain(response, sent_with)
        logger.debug("%s: %s; sending another proof", without_query(url), error)
        response = repeat(response, header, sent_with)
    return response


def challenge_of(response: requests.Response) -> Challenge:
    """Return what a server asks for instead of what it was sent; an empty challenge when it asks for nothing."""
    from .protocol.challenge import Challenge, select_challenge  # not loaded by programs that are never refused

    if response.status_code not in REFUSALS:
        return Challenge()
    sent = response.request.headers.get("Authorization")
    return select_challenge(
        [response.headers.get("WWW-Authenticate", "")], sent=sent if isinstance(sent, str) else None
    )


def _rewind(request: requests.PreparedRequest, response: requests.Response) -> None:
    body: Any = request.body
    if body is None or isinstance(body, (str, bytes, bytearray, memoryview)):
        return
    position = getattr(request, "_body_position", None)
    if isinstance(position, int) and hasattr(body, "seek"):
        with contextlib.suppress(OSError, ValueError):
            body.seek(position)
            return
    failure = RequestNotRepeatedError(
        f"{without_query(request.url or '')} now accepts this sign-in, but the body of the request was used up by "
        "the first attempt.",
        hint="Send the request again with a fresh body, or give requests bytes or a file instead of a generator.",
    )
    failure.response = response
    raise failure


def _renew_cookies(request: requests.PreparedRequest, response: requests.Response) -> None:
    """Send the cookies that the refusal set along; a ``Cookie`` header the caller wrote stays as it is."""
    jar = request._cookies  # type: ignore[attr-defined]
    sent = request.headers.pop("Cookie", None)
    from_jar = get_cookie_header(jar, request)  # type: ignore[no-untyped-call]
    if sent is not None and sorted(sent.split("; ")) != sorted((from_jar or "").split("; ")):
        request.headers["Cookie"] = sent
        return
    extract_cookies_to_jar(jar, response.request, response.raw)  # type: ignore[no-untyped-call]
    request.prepare_cookies(jar)


class _ShieldedRequest(requests.PreparedRequest):
    """A request whose redirects on one origin have proofs of their own, and take nothing from a ``.netrc``.

    Those to other places take neither the token along nor its proof.
    """

    shielded = ""

    def prepare_cookies(self, cookies: Any) -> None:
        """Prove anew what goes to the new place: requests asks for its cookies when it has set URL and method."""
        super().prepare_cookies(cookies)
        carried = presented_on(self)
        if carried is None:
            return
        if same_origin(self.url or "", self.shielded):
            carried.prove(self)
        else:
            withdraw(self)

    def copy(self) -> requests.PreparedRequest:
        """Shield the copy that requests sends to the new place."""
        copied = super().copy()
        _shield(copied, self.shielded)
        return copied

    def prepare_auth(self, auth: Any, url: str = "") -> None:
        """Take what requests found in a ``.netrc`` only for places elsewhere."""
        if not same_origin(self.url or "", self.shielded):
            super().prepare_auth(auth, url)


def _shield(request: requests.PreparedRequest, server_url: str) -> None:
    request.__class__ = _ShieldedRequest
    request.shielded = server_url  # type: ignore[attr-defined]


def shield_redirect(response: requests.Response, server_url: str) -> None:
    """See to it that a redirect to the server itself has our token, with a proof of its own, and no other one does.

    requests offers no way to ask for that: it copies the request with all of its headers but ``Authorization``, and
    for a place of a ``.netrc`` puts a password in the place of our token.

    Args:
        response: The redirect, as the response hook gets it.
        server_url: The MCP server.
    """
    first = (response.history or [response])[0]  # requests goes on from the request it sent itself
    _shield(first.request, server_url)
