"""The strict device authorization endpoint: each rule, each switch, and the person who enters the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from . import ABSENT, AuthorizationServer, Person
from .device_endpoint import GRANT_TYPE
from .plain_client import PlainClient


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        running.offer_device_codes = True
        yield running
        assert running.errors == []


@pytest.fixture
def client(server: AuthorizationServer) -> Iterator[PlainClient]:
    with PlainClient(server) as running:
        assert running.register(grant_types=["authorization_code", "refresh_token", GRANT_TYPE]).status_code == 201
        yield running


def start(client: PlainClient, **changes: Any) -> requests.Response:
    return client.post("device", {"scope": "mcp:basic", "resource": client.resource, **changes})


def ask(client: PlainClient, device: dict[str, Any], **changes: Any) -> requests.Response:
    fields = {"grant_type": GRANT_TYPE, "device_code": device["device_code"], "resource": client.resource}
    return client.post("token", {**fields, **changes})


def error_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize("in_address", [True, False])
def test_a_correct_client_and_a_person_who_enters_the_code_get_tokens(server, client, in_address):
    device = start(client).json()
    server.advance(5)
    assert error_of(ask(client, device)) == (400, "authorization_pending")
    person = Person()
    person.enter(device["verification_uri_complete" if in_address else "verification_uri"], device["user_code"].lower())
    server.advance(5)
    tokens = ask(client, device).json()
    assert server.is_active(tokens["access_token"])
    assert (tokens["scope"], server.resource_of(tokens["access_token"])) == ("mcp:basic", client.resource)
    assert client.refresh(tokens["refresh_token"]).status_code == 200
    assert server.violations == []
    assert (server.device_authorizations, server.exchanges, len(server.device_questions)) == (1, 1, 2)


@pytest.mark.parametrize(("decision", "error"), [("deny", "access_denied"), ("ignore", "authorization_pending")])
def test_a_person_may_say_no_or_nothing(server, client, decision, error):
    device = start(client).json()
    Person(decision).enter(device["verification_uri"], device["user_code"])
    server.advance(5)
    assert error_of(ask(client, device)) == (400, error)
    assert server.violations == []


def test_a_wrong_code_is_not_known(server, client):
    device = start(client).json()
    person = Person()
    person.enter(device["verification_uri"], "BBBB-BBBB")
    assert person.page is not None
    assert person.page.status == 400


def test_asking_too_soon_is_a_violation_and_makes_the_pause_longer(server, client):
    device = start(client).json()
    server.advance(4.9)
    assert error_of(ask(client, device)) == (400, "slow_down")
    server.advance(9)
    assert error_of(ask(client, device)) == (400, "slow_down")
    server.advance(15)
    assert error_of(ask(client, device)) == (400, "authorization_pending")
    assert [text.partition(": ")[2][:14] for text in server.violations] == ["asked after 4.", "asked after 9."]


@pytest.mark.parametrize(("interval", "wanted"), [(2, 2), (ABSENT, 5), ("soon", 5), (0, 0), (-3, -3)])
def test_the_interval_that_was_named_is_the_one_that_counts(server, client, interval, wanted):
    server.device_interval = interval
    device = start(client).json()
    assert device.get("interval", ABSENT) == interval
    if wanted > 0:
        server.advance(wanted - 0.5)
        assert error_of(ask(client, device)) == (400, "slow_down")
        server.advance(wanted + 5)
    assert error_of(ask(client, device)) == (400, "authorization_pending")


def test_a_scripted_slow_down_is_none_of_the_clients_faults_but_binds_it(server, client):
    server.device_slow_downs = 1
    device = start(client).json()
    server.advance(5)
    assert error_of(ask(client, device)) == (400, "slow_down")
    assert server.violations == []
    server.advance(5)
    assert error_of(ask(client, device)) == (400, "slow_down")
    assert len(server.violations) == 1


def test_codes_expire_and_are_redeemed_once(server, client):
    server.device_ttl = 20
    device, another = start(client).json(), start(client).json()
    assert device["expires_in"] == 20
    Person().enter(device["verification_uri"], device["user_code"])
    server.advance(10)
    assert ask(client, device).status_code == 200
    assert error_of(ask(client, device)) == (400, "invalid_grant")
    server.advance(20)
    assert error_of(ask(client, another)) == (400, "expired_token")
    person = Person()
    person.enter(another["verification_uri"], another["user_code"])
    assert person.page is not None
    assert person.page.status == 400
    assert len(server.violations) == 1


@pytest.mark.parametrize(
    "changes", [{"device_code": "made-up"}, {"device_code": ABSENT}, {"resource": "https://other.example.com"}]
)
def test_a_question_that_does_not_fit_is_refused(server, client, changes):
    device = start(client).json()
    Person().enter(device["verification_uri"], device["user_code"])
    server.advance(5)
    assert ask(client, device, **changes).status_code == 400
    assert len(server.violations) == 1


def test_a_code_of_another_client_is_refused(server, client):
    device = start(client).json()
    with PlainClient(server) as stranger:
        stranger.register(grant_types=["authorization_code", GRANT_TYPE])
        assert error_of(ask(stranger, device)) == (400, "invalid_grant")
    assert len(server.violations) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://127.0.0.1/callback"},
        {"response_type": "code"},
        {"code_challenge": "x"},
        {"resource": ABSENT},
        {"resource": "no URI"},
    ],
)
def test_a_request_for_a_code_that_does_not_fit_is_refused(server, client, changes):
    assert start(client, **changes).status_code == 400
    assert len(server.violations) == 1


def test_a_client_that_is_not_registered_for_codes_is_refused_which_is_no_fault(server, client):
    assert client.register().status_code == 201
    assert error_of(start(client)) == (400, "unauthorized_client")
    assert server.violations == []


def test_without_the_switch_there_is_no_such_thing(server, client):
    server.offer_device_codes = False
    assert "device_authorization_endpoint" not in server.metadata()
    assert start(client).status_code == 404
    assert client.register(grant_types=["authorization_code", GRANT_TYPE]).status_code == 400
    assert error_of(ask(client, {"device_code": "x"})) == (400, "unsupported_grant_type")


def test_scopes_and_overrides_are_as_scripted(server, client):
    server.allowed_scopes = ["a"]
    assert error_of(start(client, scope="a b")) == (400, "invalid_scope")
    server.device_overrides = {"user_code": "X", "verification_uri_complete": ABSENT}
    server.grant_scope = lambda asked: "narrow"
    device = start(client, scope="a").json()
    assert device["user_code"] == "X"
    assert "verification_uri_complete" not in device
    assert [one.grant.scope for one in server.devices.values()] == ["narrow"]
