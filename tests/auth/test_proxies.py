"""The caller's proxies carry the OAuth requests too, and only what they should."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.servers import AuthorizationServer, McpServer, Person

from .proxy import ForwardProxy
from .stage import CALL, auth_for, exchanges, grow_old, session_for


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    """A proxy between us and both servers."""
    with ForwardProxy() as server:
        yield server


def passed_of(proxy: ForwardProxy, url: str) -> list[tuple[str, str]]:
    return [(method, target.removeprefix(url)) for method, target in proxy.passed if target.startswith(url)]


def everything(az: AuthorizationServer, mcp: McpServer) -> list[tuple[str, str]]:
    return [
        ("POST", mcp.mcp_url),
        ("GET", mcp.prm_url or ""),
        ("GET", f"{az.url}/.well-known/oauth-authorization-server"),
        ("POST", az.endpoint("register")),
        ("POST", az.endpoint("token")),
        ("POST", mcp.mcp_url),
    ]


def test_the_proxies_of_the_session_carry_every_request_of_a_sign_in(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy
) -> None:
    with session_for(mcp, person) as session:
        session.proxies = {"http": proxy.url}
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert proxy.passed == everything(az, mcp)


def test_the_proxies_of_one_request_carry_its_sign_in(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy
) -> None:
    answer = requests.post(mcp.mcp_url, json=CALL, auth=auth_for(mcp, person), proxies={"http": proxy.url})
    assert answer.status_code == 200
    assert proxy.passed == everything(az, mcp)


def test_the_proxies_of_a_session_given_for_oauth_carry_oauth_requests_only(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy
) -> None:
    with requests.Session() as through:
        through.proxies = {"http": proxy.url}
        with session_for(mcp, person, session=through) as session:
            assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert proxy.passed == everything(az, mcp)[1:-1]


def test_the_proxies_of_the_environment_carry_every_request(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert proxy.passed == everything(az, mcp)


@pytest.mark.parametrize("direct", ["az", "mcp"])
def test_no_proxy_is_obeyed_for_each_host_by_itself(
    az: AuthorizationServer,
    mcp: McpServer,
    person: Person,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    direct: str,
) -> None:
    az.public_url = f"http://localhost:{az.port}"
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "localhost" if direct == "az" else "127.0.0.1")
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    everywhere = everything(az, mcp)
    expected = [step for step in everywhere if not step[1].startswith(az.url if direct == "az" else mcp.url)]
    assert proxy.passed == expected
    assert len(expected) == 3


def test_a_session_that_ignores_the_environment_ignores_it_for_oauth_too(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    with session_for(mcp, person) as session:
        session.trust_env = False
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert proxy.passed == []


def test_a_proxy_of_the_session_for_one_scheme_leaves_those_of_the_environment_for_others(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server is reached through a proxy of its own; the authorization server through the one for all.
    az.public_url = f"http://localhost:{az.port}"
    with ForwardProxy() as special:
        monkeypatch.setenv("all_proxy", proxy.url)
        with session_for(mcp, person) as session:
            session.proxies = {"http://127.0.0.1": special.url}
            assert session.post(mcp.mcp_url, json=CALL).status_code == 200
        everywhere = everything(az, mcp)
        assert special.passed == [step for step in everywhere if step[1].startswith(mcp.url)]
        assert proxy.passed == [step for step in everywhere if step[1].startswith(az.url)]


def test_a_proxy_of_the_request_that_overrides_one_of_the_environment_leaves_the_others(
    az: AuthorizationServer, mcp: McpServer, person: Person, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy() as special:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
        answer = requests.post(mcp.mcp_url, json=CALL, auth=auth_for(mcp, person), proxies={"all": special.url})
        assert answer.status_code == 200
        assert special.passed == []
        assert proxy.passed == everything(az, mcp)


def test_a_refresh_on_a_refusal_goes_through_the_proxy_of_the_request(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, proxy: ForwardProxy
) -> None:
    az.expire_all_access_tokens()
    signed_in.proxies = {"http": proxy.url}
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 200
    assert passed_of(proxy, az.url) == [("POST", "/token")]


def test_an_early_refresh_goes_the_way_the_last_request_went(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, proxy: ForwardProxy
) -> None:
    with session_for(mcp) as session:
        session.proxies = {"http": proxy.url}
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
        az.expire_all_access_tokens()
        grow_old(mcp.mcp_url)
        session.auth._authorizer.held.good_until = 0.0  # type: ignore[union-attr]
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert len(exchanges(az)) == 1
    assert proxy.passed == [("POST", mcp.mcp_url), ("POST", az.endpoint("token")), ("POST", mcp.mcp_url)]


def test_the_headers_for_another_library_are_got_the_way_the_last_request_went(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, proxy: ForwardProxy
) -> None:
    auth = auth_for(mcp)
    assert requests.post(mcp.mcp_url, json=CALL, auth=auth, proxies={"http": proxy.url}).status_code == 200
    az.expire_all_access_tokens()
    grow_old(mcp.mcp_url)
    auth._authorizer.held.good_until = 0.0
    headers = auth.headers()
    assert requests.post(mcp.mcp_url, json=CALL, headers=headers).status_code == 200
    assert proxy.passed == [("POST", mcp.mcp_url), ("POST", az.endpoint("token"))]


def test_a_proxy_that_cannot_be_reached_is_not_gone_around(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    with ForwardProxy() as gone:
        url = gone.url
    signed_in.proxies = {"http": url}
    with pytest.raises(requests.exceptions.ProxyError):
        signed_in.post(mcp.mcp_url, json=CALL)
    assert az.log == []
