"""The answer a caller gets after a repetition: what it says of itself, and the cookies on the way."""

from __future__ import annotations

import time

import pytest
import requests

from mcp_oauth_sync import CallbackPrompt
from tests.servers import AuthorizationServer, McpServer, Person, Reply, json_reply, redirect_reply, reply

from .stage import CALL, auth_for, challenge, session_for, steps


def test_history_request_and_elapsed_tell_what_happened(mcp: McpServer, person: Person) -> None:
    asked_at: list[float] = []

    def show(url: str) -> str | None:
        asked_at.append(time.perf_counter())
        return person.redirect_only(url)

    with session_for(mcp, prompt=CallbackPrompt(show)) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    after = time.perf_counter()
    (refused,) = answer.history
    assert (refused.status_code, answer.status_code) == (401, 200)
    assert "Authorization" not in refused.request.headers
    assert answer.request is not refused.request
    assert answer.request.headers["Authorization"].startswith("Bearer ")
    assert answer.request.body == refused.request.body
    assert answer.request.url == answer.url == refused.url == mcp.mcp_url
    assert 0 < answer.elapsed.total_seconds() < after - asked_at[0], "the person's time is not the server's"


def test_a_request_prepared_by_hand_is_signed_and_healed(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    request = signed_in.prepare_request(requests.Request("POST", mcp.mcp_url, json=CALL))
    assert signed_in.send(request).status_code == 200
    az.expire_all_access_tokens()
    for _ in range(2):
        assert signed_in.send(request).status_code == 200
    assert az.refreshes == 1
    assert steps(mcp)[1:] == [("POST", "/mcp", 401), ("POST", "/mcp", 200)] * 2


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_without_a_body_is_repeated(mcp: McpServer, person: Person, method: str) -> None:
    assert requests.request(method, mcp.mcp_url, auth=auth_for(mcp, person)).status_code == 200


def test_cookies_of_the_refusal_go_along_with_the_repetition_and_into_the_session(
    mcp: McpServer, person: Person
) -> None:
    headers = [challenge(mcp), ("Set-Cookie", "route=a7; Path=/"), ("Set-Cookie", "own=new; Path=/")]
    mcp.fault("/mcp", reply(401, {}, headers), times=1)
    with session_for(mcp, person) as session:
        session.cookies.set("own", "old", domain="127.0.0.1", path="/")
        session.cookies.set("kept", "1", domain="127.0.0.1", path="/")
        answer = session.post(mcp.mcp_url, json=CALL, cookies={"once": "2"})
        assert answer.status_code == 200
        assert dict(session.cookies) == {"own": "new", "kept": "1", "route": "a7"}
    sent = [set(exchange.headers["Cookie"].split("; ")) for exchange in mcp.requests("/mcp")]
    assert sent == [{"own=old", "kept=1", "once=2"}, {"own=new", "kept=1", "once=2", "route=a7"}]


def test_a_cookie_header_written_by_the_caller_is_repeated_as_it_is(mcp: McpServer, person: Person) -> None:
    mcp.fault("/mcp", reply(401, {}, [challenge(mcp), ("Set-Cookie", "route=a7; Path=/")]), times=1)
    answer = requests.get(mcp.mcp_url, headers={"Cookie": "written=by-hand"}, auth=auth_for(mcp, person))
    assert answer.status_code == 200
    assert [exchange.headers["Cookie"] for exchange in mcp.requests("/mcp")] == ["written=by-hand"] * 2


def test_headers_of_the_caller_are_repeated(mcp: McpServer, person: Person) -> None:
    with session_for(mcp, person) as session:
        session.post(mcp.mcp_url, json=CALL, headers={"Mcp-Session-Id": "s-1", "X-Api-Key": "k"})
    sent = [(exchange.headers["Mcp-Session-Id"], exchange.headers["X-Api-Key"]) for exchange in mcp.requests("/mcp")]
    assert sent == [("s-1", "k")] * 2


def test_an_authorization_header_of_the_caller_gives_way_to_the_token(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    answer = signed_in.post(mcp.mcp_url, json=CALL, headers={"Authorization": "Bearer something-old"})
    assert answer.status_code == 200
    assert len(mcp.requests("/mcp")) == 1


def test_a_repetition_that_is_redirected_is_followed(mcp: McpServer, person: Person) -> None:
    mcp.route("POST", "/guarded", mcp._protected(lambda _: redirect_reply("/mcp", 307)))
    with session_for(mcp, person) as session:
        answer = session.post(f"{mcp.url}/guarded", json=CALL)
    assert (answer.status_code, answer.url) == (200, mcp.mcp_url)


def test_an_answer_that_is_neither_401_nor_403_is_handed_over_untouched(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    for status in (200, 202, 400, 404, 407, 429, 500, 503):
        mcp.route("POST", "/any", lambda _, status=status: json_reply({"was": status}, status))
        answer = signed_in.post(f"{mcp.url}/any", json=CALL)
        assert (answer.status_code, answer.json(), answer.history) == (status, {"was": status}, [])
    assert az.log == []


def test_a_challenge_on_several_lines_among_other_schemes_is_understood(mcp: McpServer, person: Person) -> None:
    mcp.challenge_headers = ["Negotiate", 'Basic realm="a, b"', f'Bearer resource_metadata="{mcp.prm_url}"']
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200


def test_the_connection_survives_a_refusal_without_a_length(mcp: McpServer, person: Person) -> None:
    refusal = Reply(401, [challenge(mcp)], chunks=iter([b"no", b" length"]))
    turns = iter([refusal])
    served = mcp._protected(mcp._serve)
    mcp.route("POST", "/mcp", lambda exchange: next(turns, None) or served(exchange))
    with session_for(mcp, person) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert answer.history[0].text == "no length"
    assert mcp.connections == 1
