"""What belongs to the caller's session stays at the MCP server: OAuth requests carry their own headers only."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from mcp_oauth_sync import OAuth
from tests.servers import AuthorizationServer, McpServer, Person

from .stage import CALL, exchanges, grow_old, header_values, session_for

OWN = {"/mcp", "/mcp/stream"}


@pytest.fixture
def laden(mcp: McpServer, person: Person) -> requests.Session:
    """A session with everything on it that a session can have."""
    session = session_for(mcp, person)
    session.headers["X-Api-Key"] = "for-the-server-only"
    session.headers["Accept"] = "text/event-stream"
    session.cookies.set("own", "cookie")
    session.params = {"project": "one"}
    return session


def oauth_requests(*servers: Any) -> list[Any]:
    return [exchange for server in servers for exchange in exchanges(server) if exchange.path not in OWN]


def test_headers_cookies_and_parameters_of_the_session_reach_the_mcp_server_only(
    az: AuthorizationServer, mcp: McpServer, laden: requests.Session
) -> None:
    with laden:
        assert laden.post(mcp.mcp_url, json=CALL).status_code == 200
        az.expire_all_access_tokens()
        assert laden.post(mcp.mcp_url, json=CALL).status_code == 200
    ours = mcp.requests("/mcp")
    assert [exchange.status for exchange in ours] == [401, 200, 401, 200]
    for exchange in ours:
        assert exchange.headers["X-Api-Key"] == "for-the-server-only"
        assert exchange.headers["Cookie"] == "own=cookie"
        assert exchange.query == {"project": ["one"]}
    others = oauth_requests(az, mcp)
    assert [exchange.path for exchange in others if exchange.method == "POST"] == ["/register", "/token", "/token"]
    assert len(others) == 5
    for exchange in others:
        assert exchange.headers["X-Api-Key"] is None
        assert exchange.headers["Cookie"] is None
        assert exchange.headers["Authorization"] is None
        assert "application/json" in exchange.headers["Accept"]
        assert exchange.query == {}


def test_the_session_given_for_oauth_requests_lends_nothing_but_its_way_there(
    az: AuthorizationServer, mcp: McpServer, laden: requests.Session, person: Person
) -> None:
    calls: list[str] = []
    laden.hooks["response"].append(lambda answer, **_: calls.append(answer.url))
    with laden, session_for(mcp, person, session=laden) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert header_values([az, mcp], "X-Api-Key") == []
    assert header_values([az, mcp], "Cookie") == []
    assert calls == []


def test_cookies_set_by_oauth_endpoints_do_not_get_into_the_session(
    az: AuthorizationServer, mcp: McpServer, laden: requests.Session
) -> None:
    with laden:
        assert laden.post(mcp.mcp_url, json=CALL).status_code == 200
        assert dict(laden.cookies) == {"own": "cookie"}


def test_hooks_of_the_caller_see_the_final_answer_once_and_no_oauth_request(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    seen: list[tuple[int, str | None]] = []
    with session_for(mcp, person) as session:
        session.hooks["response"].append(lambda answer, **_: seen.append((answer.status_code, answer.request.url)))
        answer = session.post(
            mcp.mcp_url, json=CALL, hooks={"response": [lambda answer, **_: seen.append((answer.status_code, "own"))]}
        )
    assert answer.status_code == 200
    assert seen == [(200, "own")], "requests lets the hooks of a request replace those of its session"


def test_the_auth_of_the_session_never_lands_on_an_oauth_request(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    with requests.Session() as session:
        session.auth = ("somebody", "a-password")
        auth = session_for(mcp, person, session=session).auth
        assert requests.post(mcp.mcp_url, json=CALL, auth=auth).status_code == 200
        az.expire_all_access_tokens()
        assert session.post(mcp.mcp_url, json=CALL, auth=auth).status_code == 200
    values = header_values([az], "Authorization")
    assert values == []
    assert [value for value in header_values([mcp], "Authorization") if not value.startswith("Bearer ")] == []


@pytest.mark.parametrize("given", [True, False], ids=["session given", "session of the request"])
def test_the_user_agent_of_the_session_is_used_everywhere(
    az: AuthorizationServer, mcp: McpServer, person: Person, given: bool
) -> None:
    with requests.Session() as session:
        session.headers["User-Agent"] = "notes-app/7"
        session.auth = session_for(mcp, person, **({"session": session} if given else {})).auth
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert set(header_values([az, mcp], "User-Agent")) == {"notes-app/7"}


def test_a_session_without_a_name_of_its_own_uses_the_librarys(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    agents = {exchange.headers["User-Agent"] for exchange in oauth_requests(az, mcp)}
    assert len(agents) == 1
    assert agents.pop().startswith("mcp-oauth-sync/")


def test_further_headers_reach_the_named_origin_only(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    with session_for(mcp, person, oauth_headers={az.url: {"X-Gateway": "let-me-in"}}) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert len(exchanges(az)) == 3
    assert header_values([az], "X-Gateway") == ["let-me-in"] * 3
    assert header_values([mcp], "X-Gateway") == []


def test_nothing_of_one_sign_in_shows_in_the_auth_object(mcp: McpServer, signed_in: requests.Session) -> None:
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    assert auth.tokens is not None
    assert repr(auth) == f"OAuth({mcp.mcp_url!r})"
    assert str(auth.tokens.access_token) not in f"{auth} {auth.tokens!r}"


def test_an_early_refresh_carries_nothing_of_the_session(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, laden: requests.Session
) -> None:
    az.expire_all_access_tokens()
    grow_old(mcp.mcp_url)
    with laden:
        assert laden.post(mcp.mcp_url, json=CALL).status_code == 200
    assert az.refreshes == 1
    assert header_values([az], "X-Api-Key") == header_values([az], "Cookie") == []
