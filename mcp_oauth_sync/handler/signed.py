"""One request of the handler: its token, and the repetition after a 401. RFC 6750 sections 2.1 and 3.1."""

from __future__ import annotations

from typing import Any

import attrs
import requests
from requests.auth import AuthBase

from ..authorizer import Attempts, Authorizer
from ..protocol.presented import Presented, hear, present
from ..repeat import closed_on_error, drain, prove_again, repeat, shield_redirect
from ..signing import answer_to, worth_an_answer
from ..urls import same_origin


class Signed(AuthBase):
    """Puts a token on a request, and a better one on its repetition; as an auth object it keeps ``.netrc`` out.

    Args:
        authorizer: Knows a better token when the server answers 401.
        header: The token to send first.
        repeats: How often the request may be sent again with another token; 0 never sends it again at all.
    """

    def __init__(self, authorizer: Authorizer, header: Presented, *, repeats: int) -> None:
        """Sign nothing yet."""
        self.authorizer, self.header, self.repeats = authorizer, header, repeats
        self._may_repeat = repeats > 0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on the request and watch for its answer."""
        present(request, self.header)
        request.hooks["response"] += [hear, self._after]
        return request

    def _after(self, response: requests.Response, **sent_with: Any) -> requests.Response:
        """Look at an answer; the hook travels along redirects, so the origin is looked at again."""
        authorizer = self.authorizer
        if not same_origin(response.request.url or "", authorizer.server_url):
            return response
        if self._may_repeat:
            response = prove_again(response, sent_with)
        if response.status_code == 401 and self.repeats and worth_an_answer(response):
            self.repeats -= 1
            drain(response, sent_with)
            http = attrs.evolve(authorizer.http.like(response, sent_with), connection=None)
            with closed_on_error(response):
                better = answer_to(response, authorizer, Attempts(), http)
            response = response if better is None else prove_again(repeat(response, better, sent_with), sent_with)
        if response.is_redirect:
            shield_redirect(response, authorizer.server_url)
        return response
