"""A ``.netrc`` with entries for every host involved: nobody sees its password, and the token stays."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import requests

from tests.servers import AuthorizationServer, McpServer, Origin, Person, json_reply, redirect_reply

from .stage import CALL, auth_for, grow_old, header_values, session_for, steps

PASSWORD = "from-the-netrc"
BASIC = "Basic " + base64.b64encode(f"somebody:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def netrc(home: Path) -> Path:
    """Entries for the hosts of both servers, and for everywhere else."""
    path = home / ".netrc"
    entry = f"login somebody password {PASSWORD}"
    path.write_text(f"machine 127.0.0.1 {entry}\nmachine localhost {entry}\ndefault {entry}\n")
    path.chmod(0o600)
    return path


def nothing_of_it_arrived(*origins: Origin) -> bool:
    return not [value for value in header_values(origins, "Authorization") if value.startswith("Basic")]


def test_the_netrc_is_one_that_requests_obeys() -> None:
    with Origin() as plain:
        plain.route("GET", "/", lambda _: json_reply({}))
        requests.get(plain.url)
        assert header_values([plain], "Authorization") == [BASIC]


def test_no_request_of_a_sign_in_carries_it(az: AuthorizationServer, mcp: McpServer, person: Person) -> None:
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert nothing_of_it_arrived(az, mcp)


def test_no_request_of_a_refresh_carries_it(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 200
    az.expire_all_access_tokens()
    grow_old(mcp.mcp_url)
    with session_for(mcp) as later:
        assert later.post(mcp.mcp_url, json=CALL).status_code == 200
        assert later.auth.sign_out() is True  # type: ignore[union-attr]
    assert (az.refreshes, az.revocations) == (2, 2)
    assert nothing_of_it_arrived(az, mcp)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_servers_own_origin_does_not_bring_it_in(
    mcp: McpServer, signed_in: requests.Session, status: int
) -> None:
    for _ in range(2):
        answer = signed_in.post(f"{mcp.url}/redirect", params={"to": mcp.mcp_url, "status": str(status)}, json=CALL)
        assert answer.status_code == 200
        assert [earlier.status_code for earlier in answer.history] == [status]
    assert nothing_of_it_arrived(mcp)


def test_a_chain_of_redirects_does_not_bring_it_in(mcp: McpServer, signed_in: requests.Session) -> None:
    mcp.route("*", "/one", lambda _: redirect_reply("/two", 307))
    mcp.route("*", "/two", lambda _: redirect_reply("/mcp", 307))
    answer = signed_in.post(f"{mcp.url}/one", json=CALL)
    assert answer.status_code == 200
    assert len(answer.history) == 2
    assert nothing_of_it_arrived(mcp)


def test_a_redirect_before_anybody_signed_in_does_not_bring_it_in(mcp: McpServer, person: Person) -> None:
    with session_for(mcp, person) as session:
        answer = session.get(f"{mcp.url}/redirect", params={"to": mcp.mcp_url})
    assert answer.status_code == 200
    assert nothing_of_it_arrived(mcp)


def test_a_redirect_that_answers_a_repeated_request_does_not_bring_it_in(mcp: McpServer, person: Person) -> None:
    mcp.route("POST", "/guarded", mcp._protected(lambda _: redirect_reply("/mcp", 307)))
    with session_for(mcp, person) as session:
        answer = session.post(f"{mcp.url}/guarded", json=CALL)
    assert answer.status_code == 200
    assert answer.url == mcp.mcp_url
    assert nothing_of_it_arrived(mcp)


def test_a_redirect_followed_by_hand_does_not_bring_it_in(mcp: McpServer, signed_in: requests.Session) -> None:
    first = signed_in.get(f"{mcp.url}/redirect", params={"to": mcp.mcp_url}, allow_redirects=False)
    assert first.status_code == 302
    assert first.next is not None
    assert signed_in.send(first.next).status_code == 200
    assert nothing_of_it_arrived(mcp)


def test_what_the_netrc_has_for_a_third_place_is_between_requests_and_that_place(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    with Origin() as third:
        third.route("*", "/", lambda _: json_reply({}))
        assert signed_in.get(f"{mcp.url}/redirect", params={"to": f"{third.url}/"}).status_code == 200
        assert header_values([third], "Authorization") == [BASIC]
    assert nothing_of_it_arrived(mcp)


def test_a_request_with_an_auth_object_of_its_own_session_carries_the_token(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    assert requests.post(mcp.mcp_url, json=CALL, auth=auth_for(mcp)).status_code == 200
    assert steps(mcp) == [("POST", "/mcp", 200)]
    assert nothing_of_it_arrived(mcp)
