"""How many requests a sign-in without a person costs: counted at the servers, not one more is allowed."""

from __future__ import annotations

import pytest
import requests

from mcp_oauth_sync import ClientCredentialsGrant, EnterpriseGrant, JWTBearerGrant
from mcp_oauth_sync.stores import manager
from tests.servers import AuthorizationServer, IdentityProvider, McpServer, Workload

from .stage import CALL, METADATA, RESOURCE_METADATA, another_process, connections, grow_old, session_for, steps

SECRET = "a-secret-of-the-job-Zq7XcV2bN9mK4jH6"
FIRST_AT_SERVER = [("POST", "/mcp", 401), RESOURCE_METADATA, ("POST", "/mcp", 200)]
TOKEN = ("POST", "/token", 200)


def session(az: AuthorizationServer, mcp: McpServer, kind: str) -> requests.Session:
    """Return the session of a program that signs in by one of the grants."""
    if kind == "client_credentials":
        return session_for(mcp, client_id="job", client_secret=SECRET, grant=ClientCredentialsGrant())
    return session_for(mcp, grant=JWTBearerGrant(Workload().assertion(az.issuer)))


@pytest.fixture(params=["client_credentials", "jwt_bearer"])
def kind(az: AuthorizationServer, request: pytest.FixtureRequest) -> str:
    az.machines.add_client("job", SECRET)
    Workload().trust(az)
    return str(request.param)


def test_a_first_call_costs_what_the_challenge_and_two_documents_cost_and_one_token_request(
    az: AuthorizationServer, mcp: McpServer, kind: str
) -> None:
    with session(az, mcp, kind) as program:
        assert program.post(mcp.mcp_url, json=CALL).status_code == 200
    assert steps(mcp) == FIRST_AT_SERVER
    assert steps(az) == [METADATA, TOKEN]
    assert connections(mcp) == connections(az) == 1


def test_a_later_process_with_a_valid_token_sends_the_callers_request_and_nothing_else(
    az: AuthorizationServer, mcp: McpServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(az, mcp, kind) as program:
        program.post(mcp.mcp_url, json=CALL)
    az.clear()
    mcp.clear()
    another_process(monkeypatch)
    with session(az, mcp, kind) as program:
        answer = program.post(mcp.mcp_url, json=CALL)
    assert (answer.status_code, answer.history) == (200, [])
    assert (steps(mcp), az.connections) == ([("POST", "/mcp", 200)], 0)


def test_a_later_process_with_an_expired_token_asks_the_stored_token_endpoint_once(
    az: AuthorizationServer, mcp: McpServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(az, mcp, kind) as program:
        program.post(mcp.mcp_url, json=CALL)
    az.expire_all_access_tokens()
    [name] = manager.default_manager().names()
    grow_old(name)
    az.clear()
    mcp.clear()
    another_process(monkeypatch)
    with session(az, mcp, kind) as program:
        answer = program.post(mcp.mcp_url, json=CALL)
    assert (answer.status_code, answer.history) == (200, [])
    assert steps(az) == [TOKEN]
    assert steps(mcp) == [("POST", "/mcp", 200)]
    assert az.connections == mcp.connections == 1


def test_a_refusal_in_mid_session_costs_one_token_request_on_the_connections_that_are_there(
    az: AuthorizationServer, mcp: McpServer, kind: str
) -> None:
    with session(az, mcp, kind) as program:
        program.post(mcp.mcp_url, json=CALL)
        az.clear()
        mcp.clear()
        az.expire_all_access_tokens()
        answer = program.post(mcp.mcp_url, json=CALL)
    assert [earlier.status_code for earlier in answer.history] == [401]
    assert steps(mcp) == [("POST", "/mcp", 401), ("POST", "/mcp", 200)]
    assert steps(az) == [TOKEN]
    assert mcp.connections == az.connections == 0


def test_a_hundred_requests_take_a_hundred_round_trips(az: AuthorizationServer, mcp: McpServer, kind: str) -> None:
    with session(az, mcp, kind) as program:
        program.post(mcp.mcp_url, json=CALL)
        az.clear()
        mcp.clear()
        assert {program.post(mcp.mcp_url, json=CALL).status_code for _ in range(100)} == {200}
    assert (steps(mcp), az.log) == ([("POST", "/mcp", 200)] * 100, [])


def test_through_a_company_it_costs_one_exchange_more(az: AuthorizationServer, mcp: McpServer) -> None:
    az.machines.add_client("our-app", SECRET)
    with IdentityProvider() as idp:
        idp.let_in(az, "our-app")
        grant = EnterpriseGrant(
            identity_assertion=idp.id_token(), client_id=idp.client_id, token_endpoint=f"{idp.url}/oauth2/token"
        )
        with session_for(mcp, client_id="our-app", client_secret=SECRET, grant=grant) as program:
            assert program.post(mcp.mcp_url, json=CALL).status_code == 200
            assert steps(mcp) == FIRST_AT_SERVER
            assert steps(az) == [METADATA, TOKEN]
            az.expire_all_access_tokens()
            assert program.post(mcp.mcp_url, json=CALL).status_code == 200
        assert steps(idp) == [("POST", "/oauth2/token", 200)] * 2
        assert steps(az) == [METADATA, TOKEN, TOKEN]
        assert idp.violations == []
