"""Each request that goes out, and each repetition, has a proof of its own: for its method, its URL, its token."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import jwt
import pytest
import requests

from mcp_oauth_sync import OAuth
from mcp_oauth_sync.exceptions import RequestNotRepeatedError
from mcp_oauth_sync.protocol.presented import Presented
from mcp_oauth_sync.repeat import challenge_of, shield_redirect
from mcp_oauth_sync.signing import MAX_REPEATS
from tests.servers import AuthorizationServer, Exchange, McpServer, Origin, Person, json_reply, redirect_reply, reply

from .stage import CALL, auth_for, session_for, steps
from .test_processes import in_fork


@pytest.fixture(autouse=True)
def bound(az: AuthorizationServer, mcp: McpServer) -> None:
    """Both servers offer it, and look at each proof."""
    az.dpop.offered = mcp.binding.offered = True


def claims(exchange: Exchange) -> dict[str, Any]:
    (proof,) = exchange.headers.get_all("DPoP") or []
    found: dict[str, Any] = jwt.decode(proof, options={"verify_signature": False})
    return found


def test_every_request_has_a_proof_of_its_own(mcp: McpServer, signed_in: requests.Session) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        signed_in.request(method, f"{mcp.mcp_url}?some=query#fragment", data=b"x")
    proofs = [claims(exchange) for exchange in mcp.log]
    assert [proof["htm"] for proof in proofs] == ["GET", "POST", "PUT", "DELETE"]
    assert {proof["htu"] for proof in proofs} == {mcp.mcp_url}
    assert len({proof["jti"] for proof in proofs}) == 4
    assert len({proof["ath"] for proof in proofs}) == 1


@pytest.mark.parametrize(
    ("url", "htu"),
    [
        ("https://mcp.example.com", "https://mcp.example.com/"),
        ("HTTPS://MCP.Example.com:443/a/../mcp?x=1#y", "https://mcp.example.com/mcp"),
        ("https://user:password@mcp.example.com/caf\xe9 x;y=z", "https://mcp.example.com/caf%C3%A9%20x;y=z"),
        ("https://mcp.example.com/%7Ename/%2f", "https://mcp.example.com/~name/%2F"),
    ],
)
def test_the_url_in_the_proof_is_the_one_that_goes_out(signed_in: requests.Session, url: str, htu: str) -> None:
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    header = auth._authorizer.current()
    assert isinstance(header, Presented)
    request = requests.Request("GET", url).prepare()
    header.prove(request)
    assert jwt.decode(request.headers["DPoP"], options={"verify_signature": False})["htu"] == htu


def test_a_proof_of_the_callers_own_is_replaced_not_doubled(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    mcp.binding.wants_nonce = True
    assert signed_in.post(mcp.mcp_url, json=CALL, headers={"dpop": "their own"}).status_code == 200
    assert [exchange.status for exchange in mcp.log] == [401, 401, 200]
    assert [len(exchange.headers.get_all("DPoP") or []) for exchange in mcp.log] == [1, 1, 1]


def test_a_bearer_token_leaves_a_header_of_that_name_alone(mcp: McpServer, person: Person) -> None:
    mcp.binding.offered = False
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL, headers={"DPoP": "their own"}).status_code == 200
    assert [exchange.headers["DPoP"] for exchange in mcp.requests("/mcp")] == ["their own"] * 2


# Redirects


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_redirect_on_the_servers_own_origin_has_a_proof_for_its_own_url(
    mcp: McpServer, signed_in: requests.Session, status: int, method: str
) -> None:
    mcp.route("POST", "/moved", mcp._protected(lambda _: redirect_reply("/mcp", status)))
    answer = signed_in.post(f"{mcp.url}/moved", json=CALL)
    assert answer.status_code == 200
    assert steps(mcp) == [("POST", "/moved", status), (method, "/mcp", 200)]
    first, second = map(claims, mcp.log)
    assert (second["htm"], second["htu"]) == (method, mcp.mcp_url)
    assert first["jti"] != second["jti"]


def test_a_redirect_is_followed_with_the_nonce_wherever_it_is_wanted(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    mcp.binding.gives_nonces = mcp.binding.wants_nonce = True
    mcp.route("POST", "/moved", mcp._protected(lambda _: redirect_reply("/mcp", 307)))
    assert signed_in.post(f"{mcp.url}/moved", json=CALL).status_code == 200
    assert steps(mcp) == [("POST", "/moved", 401), ("POST", "/moved", 307), ("POST", "/mcp", 200)]
    mcp.binding.gives_nonces = False
    mcp.route("POST", "/later", mcp._protected(forgetting(mcp)))
    mcp.clear()
    assert signed_in.post(f"{mcp.url}/later", json=CALL).status_code == 200
    assert steps(mcp) == [("POST", "/later", 307), ("POST", "/mcp", 401), ("POST", "/mcp", 200)]
    assert az.log == []


def forgetting(mcp: McpServer) -> Any:
    def redirect(_: Exchange) -> Any:
        mcp.binding.forget_nonces()
        return redirect_reply("/mcp", 307)

    return redirect


@pytest.fixture
def evil() -> Iterator[Origin]:
    """Another origin that wants a proof, too."""
    with Origin() as origin:
        challenge = ("WWW-Authenticate", 'DPoP error="use_dpop_nonce", algs="ES256"')
        refusal = json_reply({}, 401, [challenge, ("DPoP-Nonce", "a-nonce-of-theirs")])
        origin.route("*", "/trap", lambda _: refusal)
        yield origin


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_elsewhere_carries_neither_token_nor_proof(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, evil: Origin, person: Person, status: int
) -> None:
    target = {"to": f"{evil.url}/trap", "status": str(status)}
    answer = signed_in.post(f"{mcp.url}/redirect", params=target, json=CALL)
    assert answer.status_code == 401
    assert [(exchange.headers["Authorization"], exchange.headers["DPoP"]) for exchange in evil.log] == [(None, None)]
    assert az.log == []
    assert person.visited == []
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    assert auth._authorizer.held.provers.heard.nonce(evil.url) is None
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 200


def test_what_stays_by_the_rule_of_requests_for_https_on_the_same_host_is_taken_off_too(
    signed_in: requests.Session,
) -> None:
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    header = auth._authorizer.current()
    assert header is not None
    response = requests.Response()
    response.request = requests.Request("GET", "http://localhost/mcp").prepare()
    response.request.headers["Authorization"] = header
    header.prove(response.request)
    shield_redirect(response, "http://localhost/mcp")
    copied = response.request.copy()
    copied.url = "https://localhost/mcp"
    copied.prepare_cookies({})
    assert {"Authorization", "DPoP"} & set(copied.headers) == set()


def test_a_redirect_there_and_back_ends_at_the_server_with_a_proof(
    mcp: McpServer, signed_in: requests.Session, evil: Origin, person: Person
) -> None:
    mcp.binding.wants_nonce = True
    evil.route("*", "/back", lambda _: redirect_reply(mcp.mcp_url, 307))
    target = {"to": f"{evil.url}/back", "status": "307"}
    assert signed_in.post(f"{mcp.url}/redirect", params=target, json=CALL).status_code == 200
    assert [exchange.status for exchange in mcp.requests("/mcp")] == [401, 401, 200]
    assert person.visited == []


# Bodies


def generator() -> Iterator[bytes]:
    yield b'{"jsonrpc": "2.0",'
    yield b'"id": 1, "method": "ping"}'


def test_a_body_that_is_used_up_is_not_sent_again_for_a_nonce_and_the_next_one_gets_through(
    mcp: McpServer, signed_in: requests.Session
) -> None:
    mcp.binding.wants_nonce = True
    with pytest.raises(RequestNotRepeatedError) as caught:
        signed_in.post(mcp.mcp_url, data=generator())
    assert isinstance(caught.value.response, requests.Response)
    assert caught.value.response.status_code == 401
    assert [exchange.status for exchange in mcp.log] == [401]
    assert signed_in.post(mcp.mcp_url, data=generator()).status_code == 200


def test_a_file_is_sent_again_whole_for_a_nonce(mcp: McpServer, signed_in: requests.Session) -> None:
    mcp.binding.wants_nonce = True
    body = b"x" * 100_000
    assert signed_in.post(mcp.mcp_url, data=io.BytesIO(body)).status_code == 200
    assert [(exchange.status, exchange.body == body) for exchange in mcp.log] == [(401, True), (200, True)]


def test_a_nonce_that_came_with_the_first_refusal_saves_a_repetition(mcp: McpServer, person: Person) -> None:
    mcp.binding.wants_nonce = mcp.binding.gives_nonces = True
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
    assert [exchange.status for exchange in mcp.requests("/mcp")] == [401, 200]


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_is_given_by_whatever_status_it_is_asked_for(
    mcp: McpServer, signed_in: requests.Session, status: int
) -> None:
    nonce = ("DPoP-Nonce", mcp.binding.new_nonce())
    mcp.fault("/mcp", reply(status, {}, [("WWW-Authenticate", 'DPoP error="use_dpop_nonce"'), nonce]), times=1)
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert [earlier.status_code for earlier in answer.history] == [status]
    assert answer.status_code == 200
    mcp.fault("/mcp", reply(400, {"error": "of the caller's own"}), times=1)
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 400


# Servers that are never content


def test_a_server_that_always_wants_another_nonce_gets_two_proofs_a_request(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.binding.never_content = True
    for _ in range(2):
        answer = signed_in.post(mcp.mcp_url, json=CALL)
        assert answer.status_code == 401
        assert [earlier.status_code for earlier in answer.history] == [401]
    assert len({claims(exchange)["jti"] for exchange in mcp.log}) == len(mcp.log) == 4
    assert az.log == []
    assert person.visited == []


def test_a_proof_that_is_refused_for_good_costs_neither_a_refresh_nor_a_question(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.binding.algorithms = ["ES512"]
    mcp.violations = Unheeded()
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert (answer.status_code, answer.history) == (401, [])
    assert az.log == []
    assert person.visited == []


class Unheeded(list[str]):
    """Notes nothing: what happens is meant to."""

    def __iadd__(self, _: Any) -> Unheeded:  # type: ignore[misc,override]
        return self


def test_nonce_refusals_between_other_refusals_end_too(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.binding.wants_nonce = True
    mcp.reject_all_tokens = True
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 401
    assert [exchange.status for exchange in mcp.log if exchange.path == "/mcp"] == [401] * 4
    assert (az.refreshes, len(person.visited)) == (1, 1)


def test_a_nonce_that_is_wanted_of_the_last_repetition_is_given_too(
    mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    for number in range(MAX_REPEATS):
        line = ("WWW-Authenticate", f'DPoP error="insufficient_scope", scope="s{number}"')
        mcp.fault("/mcp", reply(403, {}, [line]), times=1)
    nonce = ("DPoP-Nonce", mcp.binding.new_nonce())
    mcp.fault("/mcp", reply(401, {}, [("WWW-Authenticate", 'DPoP error="use_dpop_nonce"'), nonce]), times=1)
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert [earlier.status_code for earlier in answer.history] == [403] * MAX_REPEATS + [401]
    assert len(person.visited) == MAX_REPEATS


# Clocks


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0, 10 * 365 * 86400.0])
def test_a_clock_that_is_wrong_costs_one_repetition_at_each_server(
    az: AuthorizationServer, mcp: McpServer, person: Person, ahead: float
) -> None:
    az.dpop.ahead = mcp.binding.ahead = ahead
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200
        assert [exchange.status for exchange in mcp.requests("/mcp")] == [401, 401, 200]
        assert [exchange.status for exchange in az.requests("/token")] == [400, 200]
        mcp.clear()
        assert session.post(mcp.mcp_url, json=CALL).history == []
        mcp.binding.ahead = 0.5  # somebody puts the clock right
        assert len(session.post(mcp.mcp_url, json=CALL).history) == 1
        assert session.post(mcp.mcp_url, json=CALL).history == []


def test_a_wrong_clock_and_a_nonce_are_put_right_one_after_the_other(
    mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    mcp.binding.ahead = 7200.0
    date = ("Date", formatdate(time.time() + 7200, usegmt=True))
    mcp.fault("/mcp", reply(401, {}, [("WWW-Authenticate", 'DPoP error="invalid_dpop_proof"'), date]), times=1)
    mcp.binding.wants_nonce = True
    answer = signed_in.post(mcp.mcp_url, json=CALL)
    assert answer.status_code == 200
    assert [challenge_of(earlier).error for earlier in answer.history] == ["invalid_dpop_proof", "use_dpop_nonce"]
    assert person.visited == []


# Threads and processes


def test_a_forked_child_makes_proofs_with_the_key_of_its_parent_and_both_go_on(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    auth = signed_in.auth
    mcp.binding.wants_nonce = mcp.binding.gives_nonces = True

    def call() -> int:
        return requests.post(mcp.mcp_url, json=CALL, auth=auth, timeout=20).status_code

    assert [call(), in_fork(call), call(), in_fork(call)] == [200, 0, 200, 0]
    az.expire_all_access_tokens()
    assert [in_fork(call), call()] == [0, 200]
    assert (az.refreshes, az.reuses, len(set(mcp.binding.keys))) == (1, 0, 1)


def test_another_object_finds_the_key_in_the_store(mcp: McpServer, signed_in: requests.Session) -> None:
    assert requests.post(mcp.mcp_url, json=CALL, auth=auth_for(mcp), timeout=20).status_code == 200
    assert len(set(mcp.binding.keys)) == 1
