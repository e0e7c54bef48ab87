"""Putting tokens on requests of a caller, and repeating those that a server refuses. RFC 6750 s2.1, RFC 9449 s7."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import attrs
import requests
from requests.auth import AuthBase

from .authorizer import Attempts, Authorizer
from .protocol.presented import Presented, hear, presented_on
from .protocol.transport import Transport
from .repeat import REFUSALS, challenge_of, closed_on_error, drain, prove_again, repeat, shield_redirect
from .urls import same_origin, without_query

logger = logging.getLogger(__name__)

#: Most repetitions of one request of the caller.
MAX_REPEATS = 3


class SignedRequests(AuthBase):
    """Signs requests to one server's origin.

    Args:
        server_url: The MCP server.
        prefix: What a request's URL begins with, as requests writes it, when it certainly goes to that origin.
        authorizer: Knows the token to send, and a better one when the server refuses it.
        http: Reaches the OAuth endpoints.
        own_way: Whether they are reached by ``http`` itself, not the way each request reached the server.
    """

    def __init__(self, server_url: str, prefix: str, authorizer: Authorizer, http: Transport, *, own_way: bool) -> None:
        """Sign nothing yet."""
        self.server_url = server_url
        self._prefix, self._authorizer, self._http, self._own_way = prefix, authorizer, http, own_way
        self._connection: object = None  # the adapter that reached the server last

    @property
    def public_only(self) -> bool:
        """Whether the OAuth endpoints are reached at public addresses only."""
        return self._http.guard is not None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request to the server's origin, and watch for its answer."""
        url = request.url or ""
        if url.startswith(self._prefix) or same_origin(url, self.server_url):
            header = self._authorizer.current()
            if header is not None:
                request.headers["Authorization"] = header
                if header.prover is not None:
                    header.prove(request)
                    request.hooks["response"].append(hear)
            request.hooks["response"].append(self._after)
        return request

    def _after(self, response: requests.Response, **sent_with: Any) -> requests.Response:
        """Look at an answer; the hook travels along redirects, so the origin is looked at again."""
        connection = getattr(response, "connection", None)
        if response.status_code < 300 and connection is self._connection:
            return response
        if self.public_only and response.is_redirect:
            _require_public_target(response)
        if not same_origin(response.request.url or "", self.server_url):
            return response
        if connection is not self._connection:
            self._connection = connection
            self._authorizer.http = attrs.evolve(self._way_of(response, sent_with), timeout=None)
        if response.status_code in REFUSALS:
            response = self._repeat_until_settled(response, sent_with)
        if response.is_redirect:
            shield_redirect(response, self.server_url)
        return response

    def _way_of(self, response: requests.Response, sent_with: Mapping[str, Any]) -> Transport:
        """Return what reaches the OAuth endpoints the way a request of the caller reached the server."""
        return self._http if self._own_way else self._http.like(response, sent_with)

    def _repeat_until_settled(self, response: requests.Response, sent_with: Mapping[str, Any]) -> requests.Response:
        http, attempts = self._way_of(response, sent_with), Attempts()
        for _ in range(MAX_REPEATS):
            response = prove_again(response, sent_with)
            if not worth_an_answer(response):
                break
            drain(response, sent_with)
            with closed_on_error(response):
                header = answer_to(response, self._authorizer, attempts, http)
            if header is None:
                break
            response = repeat(response, header, sent_with)
        else:
            response = prove_again(response, sent_with)
        return response


def _require_public_target(response: requests.Response) -> None:
    """Refuse a redirect that certainly leads to no public address: requests would follow it.

    Raises:
        NotPublicError: It does.
    """
    from .protocol.public_addresses import require_public

    try:
        target = urljoin(response.url, response.headers["Location"])
    except ValueError:
        return  # requests cannot follow it either
    with closed_on_error(response):
        require_public(target, "redirect to")


def plain_prefix(server_url: str) -> str:
    """Return what the URL of a request to a server begins with, as requests writes it."""
    parts = urlsplit(server_url)
    return f"{parts.scheme}://{parts.netloc.lower()}/"


def worth_an_answer(response: requests.Response) -> bool:
    """Tell whether another token may help where this answer came: a 401, or a 403 that names the scopes it lacks."""
    if response.status_code not in (401, 403):
        return False
    challenge, carried = challenge_of(response), presented_on(response.request)
    if challenge.proof_refused and carried is not None and carried.prover is not None:
        logger.warning("%s refuses our proof (%s)", without_query(response.request.url or ""), challenge.error)
        return False  # every token would need such a proof
    return response.status_code == 401 or challenge.insufficient_scope


def answer_to(
    response: requests.Response, authorizer: Authorizer, attempts: Attempts, http: Transport
) -> Presented | None:
    """Return a better token after a 401 or 403, or None when nothing is left to do. Raises as ``Authorizer.answer``.

    Args:
        response: The answer.
        authorizer: Knows the token to send.
        attempts: What was tried for this request so far.
        http: Reaches servers the way the caller's request did.
    """
    # A nonce that came before there was anything to prove is good for the first proof.
    authorizer.held.provers.heard.hear_nonce(response.request.url or "", response.headers)
    rejected = presented_on(response.request)  # what another hook of the caller put there is not one
    return authorizer.answer(challenge_of(response), rejected=rejected, attempts=attempts, http=http)
