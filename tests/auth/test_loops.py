"""Servers that are never content: every request of the caller ends, after few requests and few questions."""

from __future__ import annotations

import pytest
import requests

from mcp_oauth_sync.authorizer import cool_down
from mcp_oauth_sync.exceptions import ScopeRequiredError
from mcp_oauth_sync.signing import MAX_REPEATS
from tests.servers import AuthorizationServer, McpServer, Person, reply

from .stage import CALL, another_process, challenge, session_for, steps


def statuses(mcp: McpServer) -> list[int]:
    return [exchange.status for exchange in mcp.requests("/mcp")]


def test_a_server_that_always_says_401_is_asked_twice_and_the_person_once(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    mcp.reject_all_tokens = True
    with session_for(mcp, person) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_token"}
    assert [earlier.status_code for earlier in answer.history] == [401]
    assert statuses(mcp) == [401, 401]
    assert (len(person.visited), az.exchanges) == (1, 1)


def test_a_server_that_rejects_even_fresh_tokens_gets_a_refresh_then_a_sign_in_then_no_more(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.reject_all_tokens = True
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 401
    assert statuses(mcp) == [401, 401, 401]
    assert (az.refreshes, len(person.visited)) == (1, 1)
    tokens = [exchange.bearer for exchange in mcp.requests("/mcp")]
    assert len(set(tokens)) == 3, "every repetition carried a new token"


def test_a_server_that_rejects_even_fresh_tokens_does_not_make_every_call_ask_the_person(
    az: AuthorizationServer,
    mcp: McpServer,
    signed_in: requests.Session,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mcp.reject_all_tokens = True
    assert [signed_in.post(mcp.mcp_url, json=CALL).status_code for _ in range(4)] == [401] * 4
    assert len(person.visited) == 1, "asking again at once would bring no more"
    monkeypatch.setattr(cool_down, "COOL_DOWN", 0.0)
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 401
    assert len(person.visited) == 2, "later it may"
    mcp.reject_all_tokens = False
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 200


def test_a_server_that_always_says_403_leads_to_one_step_up(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.always_403 = "mcp:admin"
    first = signed_in.post(mcp.mcp_url, json=CALL)
    assert first.status_code == 403
    assert statuses(mcp) == [403, 403]
    assert (len(person.visited), az.refreshes) == (1, 0)
    second = signed_in.post(mcp.mcp_url, json=CALL)
    assert second.status_code == 403
    assert statuses(mcp) == [403, 403, 403]
    assert len(person.visited) == 1, "what did not help is not asked for again"


def test_a_403_that_always_names_another_scope_is_followed_three_times(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    for number in range(10):
        mcp.fault("/mcp", reply(403, {}, [challenge(mcp, error="insufficient_scope", scope=f"s{number}")]), times=1)
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 403
    assert statuses(mcp) == [403] * (MAX_REPEATS + 1)
    assert len(person.visited) == MAX_REPEATS


def test_refusals_that_alternate_end_too(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    for _ in range(10):
        mcp.fault("/mcp", reply(401, {}, [challenge(mcp)]), times=1)
        mcp.fault("/mcp", reply(403, {}, [challenge(mcp, error="insufficient_scope", scope="more")]), times=1)
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code in (401, 403)
    assert len(statuses(mcp)) <= MAX_REPEATS + 1
    assert len(person.visited) <= 2
    assert [earlier.status_code for earlier in answer.history] == statuses(mcp)[:-1]


def test_a_403_without_insufficient_scope_is_the_callers_own_business(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.fault("/mcp", reply(403, {"detail": "not for you"}))
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert (answer.status_code, answer.json(), answer.history) == (403, {"detail": "not for you"}, [])
    assert statuses(mcp) == [403]
    assert az.log == []
    assert person.visited == []


def test_a_step_up_asks_for_the_scopes_held_and_the_new_one_and_the_call_succeeds(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    mcp.challenge_scope = "read"
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
        mcp.scope_for = {"ping": "write"}
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert [earlier.status_code for earlier in answer.history] == [403]
    asked = [set((page.param("scope") or "").split()) for page in az.requests("/authorize")]
    assert asked == [{"read"}, {"read", "write"}]
    assert az.refreshes == 0


def test_a_step_up_with_nobody_there_names_the_scopes(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    mcp.required_scopes = ("write",)
    another_process(monkeypatch)
    with session_for(mcp) as session, pytest.raises(ScopeRequiredError) as caught:
        session.post(mcp.mcp_url, json=CALL)
    assert tuple(caught.value.scopes) == ("write",)
    assert steps(mcp) == [("POST", "/mcp", 403)]
    assert az.log == []
