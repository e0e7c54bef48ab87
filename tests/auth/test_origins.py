"""The token goes to the server's own origin: not to look-alikes, and not where a redirect leads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from mcp_oauth_sync import NoPrompt, OAuth, OAuthTokens, TokenManager, TokenStoreBackend
from tests.servers import AuthorizationServer, Exchange, McpServer, Origin, Person, Reply, json_reply, redirect_reply

from .stage import CALL, session_for, steps

SERVER = "https://mcp.example.com/mcp"


@pytest.fixture
def auth() -> OAuth:
    """An auth object that holds a good token for https://mcp.example.com."""
    return holder(SERVER)


def holder(server_url: str) -> OAuth:
    manager = TokenManager(backend=TokenStoreBackend.MEMORY)
    manager.save_tokens(server_url, OAuthTokens(access_token="good-access-token", expires_in=3600))
    return OAuth(server_url, prompt=NoPrompt(), token_manager=manager)


def prepared(url: str, auth: OAuth) -> requests.PreparedRequest:
    return requests.Request("GET", url, auth=auth).prepare()


@pytest.mark.parametrize(
    "url",
    [
        SERVER,
        "https://mcp.example.com",
        "https://mcp.example.com/",
        "https://mcp.example.com/another/path?and=query#fragment",
        "https://mcp.example.com:443/mcp",
        "HTTPS://MCP.Example.COM/mcp",
        "https://mcp.example.com/@evil.example.com/",
        "https://mcp.example.com\\.evil.example/mcp",  # requests contacts mcp.example.com for this one
    ],
)
def test_a_request_to_the_servers_origin_carries_the_token(auth: OAuth, url: str) -> None:
    request = prepared(url, auth)
    assert request.headers["Authorization"] == "Bearer good-access-token"
    assert len(request.hooks["response"]) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example.com.evil.example/mcp",
        "https://mcp.example.comevil/mcp",
        "https://evil-mcp.example.com/mcp",
        "https://evil.mcp.example.com/mcp",
        "https://example.com/mcp",
        "https://mcp.example.com./mcp",
        "https://mcp.example.com@evil.example/mcp",
        "https://mcp.example.com:443@evil.example/mcp",
        "https://mcp.example.com%2f@evil.example/mcp",
        "https://evil.example/https://mcp.example.com/mcp",
        "https://evil.example\\@mcp.example.com/mcp",
        "https://evil.example#https://mcp.example.com/",
        "https://mcp.example.com:8443/mcp",
        "https://mcp.example.com:80/mcp",
        "http://mcp.example.com/mcp",
        "http://mcp.example.com:443/mcp",
        "https://mcp-example.com/mcp",
    ],
)
def test_a_request_elsewhere_carries_nothing_and_is_not_watched(auth: OAuth, url: str) -> None:
    request = prepared(url, auth)
    assert "Authorization" not in request.headers
    assert request.hooks["response"] == []
    assert request.url is not None
    assert not request.url.startswith("https://mcp.example.com/")


@pytest.mark.parametrize("server_url", ["https://MCP.example.com:443/mcp", "https://mcp.example.com", SERVER + "?q=1"])
def test_the_way_the_servers_url_is_written_does_not_matter(server_url: str) -> None:
    auth = holder(server_url)
    assert "Authorization" in prepared("https://mcp.example.com/mcp", auth).headers
    assert "Authorization" in prepared("https://mcp.example.com:443/mcp", auth).headers
    assert "Authorization" not in prepared("https://mcp.example.com:444/mcp", auth).headers


def test_a_user_in_the_url_of_the_server_itself_does_not_replace_the_token(auth: OAuth) -> None:
    request = prepared("https://user:password@mcp.example.com/mcp", auth)
    assert request.headers["Authorization"] == "Bearer good-access-token"


@pytest.fixture
def evil() -> Iterator[Origin]:
    """Another origin that answers 401 with a challenge that names our server's metadata."""
    with Origin() as origin:
        yield origin


def refusing(mcp: McpServer) -> Reply:
    line = f'Bearer error="invalid_token", resource_metadata="{mcp.prm_url}"'
    return json_reply({"error": "invalid_token"}, 401, [("WWW-Authenticate", line)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_origin_that_answers_401_gets_no_token(
    az: AuthorizationServer,
    mcp: McpServer,
    signed_in: requests.Session,
    person: Person,
    evil: Origin,
    status: int,
    host: str,
) -> None:
    evil.route("*", "/trap", lambda _: refusing(mcp))
    trap = f"http://{host}:{evil.port}/trap"
    answer = signed_in.post(f"{mcp.url}/redirect", params={"to": trap, "status": str(status)}, json=CALL)
    assert answer.status_code == 401
    assert answer.url == trap
    assert len(evil.log) == 1
    assert evil.log[0].headers["Authorization"] is None
    assert az.log == []
    assert person.visited == []


def test_a_redirect_elsewhere_after_a_refresh_gets_no_token_either(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, evil: Origin
) -> None:
    az.expire_all_access_tokens()
    evil.route("*", "/trap", lambda _: refusing(mcp))
    mcp.route("POST", "/moved", mcp._protected(lambda _: redirect_reply(f"{evil.url}/trap", 307)))
    answer = signed_in.post(f"{mcp.url}/moved", json=CALL)
    assert answer.status_code == 401
    assert [exchange.status for exchange in mcp.log] == [401, 307]
    assert [exchange.headers["Authorization"] for exchange in evil.log] == [None]
    assert az.refreshes == 1


def test_a_redirect_to_the_same_host_by_another_scheme_gets_no_token(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        signed_in.get(f"{mcp.url}/redirect", params={"to": f"https://127.0.0.1:{mcp.port}/mcp"})
    assert mcp.tokens_seen[1:] == [mcp.tokens_seen[-1]], "nothing arrived but the sign-in's own calls"
    assert steps(mcp) == [("GET", "/redirect", 302)]


def test_a_redirect_there_and_back_ends_at_the_server_with_the_token(
    mcp: McpServer, signed_in: requests.Session, evil: Origin, person: Person
) -> None:
    evil.route("*", "/back", lambda _: redirect_reply(mcp.mcp_url, 307))
    answer = signed_in.post(f"{mcp.url}/redirect", params={"to": f"{evil.url}/back", "status": "307"}, json=CALL)
    assert answer.status_code == 200
    assert [exchange.headers["Authorization"] for exchange in evil.log] == [None]
    assert steps(mcp) == [("POST", "/redirect", 307), ("POST", "/mcp", 401), ("POST", "/mcp", 200)]
    assert person.visited == []


def test_a_request_that_starts_elsewhere_never_gets_a_token(
    mcp: McpServer, signed_in: requests.Session, evil: Origin
) -> None:
    def refuse(exchange: Exchange) -> Reply:
        return refusing(mcp)

    evil.route("GET", "/direct", refuse)
    assert signed_in.get(f"{evil.url}/direct").status_code == 401
    assert [exchange.headers["Authorization"] for exchange in evil.log] == [None]
    assert mcp.log == []


def test_two_servers_on_one_session_get_their_own_tokens_only(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    with AuthorizationServer() as other_az, McpServer(other_az) as other:
        with session_for(mcp, person) as session, session_for(other, person) as second:
            assert session.post(mcp.mcp_url, json=CALL).status_code == 200
            assert second.post(other.mcp_url, json=CALL).status_code == 200
            assert session.post(other.mcp_url, json=CALL).status_code == 401
            assert other.tokens_seen[-1] is None
        assert other.violations == []
        assert other_az.violations == []


def test_a_redirect_on_the_servers_own_origin_keeps_the_token(mcp: McpServer, signed_in: requests.Session) -> None:
    answer = signed_in.post(f"{mcp.url}/redirect", params={"to": mcp.mcp_url, "status": "307"}, json=CALL)
    assert answer.status_code == 200
    assert steps(mcp) == [("POST", "/redirect", 307), ("POST", "/mcp", 200)]
