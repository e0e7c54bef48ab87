"""Putting tokens on requests of a caller, and repeating those that a server refuses. RFC 6750 section 2.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import requests
from requests.auth import AuthBase

from .authorizer import Attempts, Authorizer
from .protocol.challenge import select_challenge
from .protocol.transport import Transport
from .repeat import closed_on_error, drain, repeat, shield_redirect
from .urls import same_origin

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

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on a request to the server's origin, and watch for its answer."""
        url = request.url or ""
        if url.startswith(self._prefix) or same_origin(url, self.server_url):
            header = self._authorizer.current()
            if header is not None:
                request.headers["Authorization"] = header
            request.hooks["response"].append(self._after)
        return request

    def _after(self, response: requests.Response, **sent_with: Any) -> requests.Response:
        """Look at an answer; the hook travels along redirects, so the origin is looked at again."""
        connection = getattr(response, "connection", None)
        if response.status_code < 300 and connection is self._connection:
            return response
        if not same_origin(response.request.url or "", self.server_url):
            return response
        if connection is not self._connection:
            self._connection = connection
            self._authorizer.http = attrs.evolve(self._way_of(response, sent_with), timeout=None)
        if response.status_code in (401, 403):
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
            if response.status_code not in (401, 403):
                break
            challenge = select_challenge([response.headers.get("WWW-Authenticate", "")])
            if response.status_code == 403 and not challenge.insufficient_scope:
                break
            drain(response, sent_with)
            rejected = _bearer(response.request)
            with closed_on_error(response):
                header = self._authorizer.answer(challenge, rejected=rejected, attempts=attempts, http=http)
            if header is None:
                break
            response = repeat(response, header, sent_with)
        return response


def _bearer(request: requests.PreparedRequest) -> str | None:
    """Return the token value a request carried; what another hook of the caller put there is not one."""
    value = request.headers.get("Authorization")
    return value if isinstance(value, str) and value.startswith("Bearer ") else None
