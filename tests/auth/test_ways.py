"""Adapters and timeouts of the caller hold for the OAuth requests too."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from mcp_oauth_sync.exceptions import DiscoveryError, OAuthError, RegistrationError, TokenExchangeError
from mcp_oauth_sync.grants import patience
from tests.servers import AuthorizationServer, McpServer, Person, hang

from .stage import CALL, session_for, steps


class Recording(HTTPAdapter):
    """An adapter that remembers what it sent, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.timeouts: list[Any] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        self.sent.append(request.url or "")
        self.timeouts.append(options.get("timeout"))
        return super().send(request, *args, **options)


def test_the_adapter_that_reached_the_server_reaches_the_oauth_endpoints(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    adapter = Recording()
    with session_for(mcp, person) as session:
        session.mount("http://", adapter)
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert len(adapter.sent) == 6
    assert {url for url in adapter.sent if url.startswith(az.url)} >= {az.endpoint("token"), az.endpoint("register")}


def test_each_adapter_of_a_session_given_for_oauth_serves_its_own_prefix(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    general, special = Recording(), Recording()
    with requests.Session() as session:
        session.mount("http://", general)
        session.mount(az.url, special)
        session.auth = session_for(mcp, person, session=session).auth
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert general.sent == [mcp.mcp_url, mcp.prm_url, mcp.mcp_url]
    assert len(special.sent) == 3
    assert all(url.startswith(az.url) for url in special.sent)


def test_what_an_adapter_of_the_caller_raises_reaches_the_caller(mcp: McpServer, person: Person) -> None:
    class Broken(HTTPAdapter):
        def send(self, *args: Any, **options: Any) -> requests.Response:
            raise ZeroDivisionError("the caller's own")

    with requests.Session() as through:
        through.mount("http://", Broken())
        with session_for(mcp, person, session=through) as session, pytest.raises(ZeroDivisionError, match="own"):
            session.post(mcp.mcp_url, json=CALL)
    assert person.visited == []


def test_the_timeout_of_the_request_holds_for_every_oauth_request(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    adapter = Recording()
    with session_for(mcp, person) as session:
        session.mount("http://", adapter)
        assert session.post(mcp.mcp_url, json=CALL, timeout=(3, 7)).status_code == 200
    assert adapter.timeouts == [(3, 7)] * 6


def test_a_request_without_a_timeout_has_its_oauth_requests_limited_all_the_same(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    adapter = Recording()
    with session_for(mcp, person) as session:
        session.mount("http://", adapter)
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert adapter.timeouts[0] is adapter.timeouts[-1] is None
    assert len(adapter.timeouts) == 6
    assert all(0 < connect <= 30 and 0 < read <= 30 for connect, read in adapter.timeouts[1:-1])


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("/.well-known/oauth-protected-resource/mcp", DiscoveryError),
        ("/.well-known/oauth-authorization-server", DiscoveryError),
        ("/register", RegistrationError),
        ("/token", TokenExchangeError),
    ],
)
def test_an_endpoint_that_hangs_ends_by_the_timeout_of_the_caller(
    az: AuthorizationServer, mcp: McpServer, person: Person, place: str, error: type[OAuthError]
) -> None:
    (mcp if "protected" in place else az).fault(place, hang())
    started = time.monotonic()
    with session_for(mcp, person) as session, pytest.raises(error) as caught:
        session.post(mcp.mcp_url, json=CALL, timeout=(5, 0.3))
    assert time.monotonic() - started < 10, "the default limit is twice that"
    assert "timeout" in str(caught.value)
    assert len(person.visited) == (1 if place == "/token" else 0)


def test_a_refresh_that_hangs_ends_by_the_timeout_of_the_caller_and_keeps_everything(
    az: AuthorizationServer,
    mcp: McpServer,
    signed_in: requests.Session,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_oauth_sync.authorizer.refresh.BACKOFF", ())
    assert len(patience.BACKOFF) == 3
    az.expire_all_access_tokens()
    az.fault("/token", hang())
    started = time.monotonic()
    with pytest.raises(OAuthError) as caught:
        signed_in.post(mcp.mcp_url, json=CALL, timeout=(5, 0.3))
    assert time.monotonic() - started < 10
    assert type(caught.value).__name__ == "TokenRefreshError"
    az.clear_faults()
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 200
    assert person.visited == []
    assert steps(mcp)[-1] == ("POST", "/mcp", 200)
