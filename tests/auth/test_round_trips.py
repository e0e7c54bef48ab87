"""How many requests a sign-in and a call cost: counted at the servers, not one more is allowed."""

from __future__ import annotations

import pytest
import requests

from tests.servers import AuthorizationServer, McpServer, Person

from .stage import (
    CALL,
    METADATA,
    RESOURCE_METADATA,
    another_process,
    auth_for,
    connections,
    grow_old,
    session_for,
    steps,
)


def test_a_cold_sign_in_takes_six_round_trips_and_one_connection_per_server(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    with session_for(mcp, person) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert [earlier.status_code for earlier in answer.history] == [401]
    assert steps(mcp) == [("POST", "/mcp", 401), RESOURCE_METADATA, ("POST", "/mcp", 200)]
    assert steps(az) == [METADATA, ("POST", "/register", 201), ("POST", "/token", 200)]
    assert connections(mcp) == connections(az) == 1
    assert len(person.visited) == 1


def test_a_cold_sign_in_through_requests_get_costs_the_same(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    answer = requests.get(mcp.mcp_url, auth=auth_for(mcp, person))
    assert answer.status_code == 200
    assert steps(mcp) == [("GET", "/mcp", 401), RESOURCE_METADATA, ("GET", "/mcp", 200)]
    assert steps(az) == [METADATA, ("POST", "/register", 201), ("POST", "/token", 200)]
    assert connections(mcp) == connections(az) == 1


def test_a_client_registered_by_hand_saves_the_registration(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    az.add_client("known-client")
    with session_for(mcp, person, client_id="known-client") as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert steps(mcp) == [("POST", "/mcp", 401), RESOURCE_METADATA, ("POST", "/mcp", 200)]
    assert steps(az) == [METADATA, ("POST", "/token", 200)]
    assert connections(mcp) == connections(az) == 1
    assert len(person.visited) == 1


def test_a_later_process_with_a_valid_token_sends_the_callers_request_and_nothing_else(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_process(monkeypatch)
    with session_for(mcp) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert answer.history == []
    assert steps(mcp) == [("POST", "/mcp", 200)]
    assert (mcp.connections, az.connections) == (1, 0)


def test_a_later_process_with_an_expired_token_asks_the_stored_token_endpoint_once(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    az.expire_all_access_tokens()
    grow_old(mcp.mcp_url)
    another_process(monkeypatch)
    with session_for(mcp) as session:
        answer = session.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert answer.history == []
    assert steps(az) == [("POST", "/token", 200)]
    assert steps(mcp) == [("POST", "/mcp", 200)]
    assert az.connections == mcp.connections == 1


def test_a_refusal_in_mid_session_is_healed_by_a_refresh_and_the_caller_sees_the_answer(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    az.expire_all_access_tokens()
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert [earlier.status_code for earlier in answer.history] == [401]
    assert steps(mcp) == [("POST", "/mcp", 401), ("POST", "/mcp", 200)]
    assert steps(az) == [("POST", "/token", 200)]
    assert az.exchanges == az.refreshes == 1
    assert mcp.connections == az.connections == 0, "the connections of the sign-in were there to be used"
    assert person.visited == []


def test_a_hundred_requests_take_a_hundred_round_trips_on_one_connection(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    assert {signed_in.post(mcp.mcp_url, json=CALL).status_code for _ in range(100)} == {200}
    assert steps(mcp) == [("POST", "/mcp", 200)] * 100
    assert connections(mcp) == 1
    assert az.log == []


def test_a_server_that_answers_without_a_token_is_left_alone(az: AuthorizationServer, mcp: McpServer) -> None:
    mcp.open = True
    with session_for(mcp) as session:
        answers = [session.post(mcp.mcp_url, json=CALL), session.get(mcp.mcp_url)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert steps(mcp) == [("POST", "/mcp", 200), ("GET", "/mcp", 200)]
    assert az.connections == 0
