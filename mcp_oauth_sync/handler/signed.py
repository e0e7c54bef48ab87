"""One request of the handler: its token, and the repetition after a 401. RFC 6750 sections 2.1 and 3.1."""

from __future__ import annotations

from typing import Any

import attrs
import requests
from requests.auth import AuthBase

from ..authorizer import Attempts, Authorizer
from ..protocol.challenge import select_challenge
from ..repeat import closed_on_error, drain, repeat, shield_redirect
from ..urls import same_origin


class Signed(AuthBase):
    """Puts a token on a request, and a better one on its repetition; as an auth object it keeps ``.netrc`` out.

    Args:
        authorizer: Knows a better token when the server answers 401.
        header: The ``Authorization`` value to send first.
        repeats: How often the request may be sent again.
    """

    def __init__(self, authorizer: Authorizer, header: str, *, repeats: int) -> None:
        """Sign nothing yet."""
        self.authorizer, self.header, self.repeats = authorizer, header, repeats

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on the request and watch for its answer."""
        request.headers["Authorization"] = self.header
        request.hooks["response"].append(self._after)
        return request

    def _after(self, response: requests.Response, **sent_with: Any) -> requests.Response:
        """Look at an answer; the hook travels along redirects, so the origin is looked at again."""
        authorizer = self.authorizer
        if not same_origin(response.request.url or "", authorizer.server_url):
            return response
        if response.status_code == 401 and self.repeats:
            self.repeats -= 1
            drain(response, sent_with)
            challenge = select_challenge([response.headers.get("WWW-Authenticate", "")])
            http = attrs.evolve(authorizer.http.like(response, sent_with), connection=None)
            with closed_on_error(response):
                better = authorizer.answer(challenge, rejected=self.header, attempts=Attempts(), http=http)
            response = response if better is None else repeat(response, better, sent_with)
        if response.is_redirect:
            shield_redirect(response, authorizer.server_url)
        return response
