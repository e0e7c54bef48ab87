"""A second MCP server of an authorization server that somebody has just signed in at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync import ClientMetadata, OAuth
from mcp_oauth_sync.exceptions import AccessDeniedError, OAuthError, TokenStorageError
from mcp_oauth_sync.models import known_issuer
from mcp_oauth_sync.stores import default_manager
from tests.auth.stage import CALL, METADATA, RESOURCE_METADATA, connections, steps
from tests.scene import Scene
from tests.servers import McpServer, reply

REGISTER, TOKEN = ("POST", "/register", 201), ("POST", "/token", 200)


class Company(Scene):
    """Two MCP servers under one authorization server; somebody has signed in at the first one."""

    def __enter__(self) -> Company:
        super().__enter__()
        self.other = McpServer(self.az)
        self.other.start()
        self.call(self.mcp)
        self.az.clear()
        return self

    def __exit__(self, *how: Any) -> None:
        self.other.stop()
        assert self.other.violations == []
        super().__exit__(*how)

    def call(self, mcp: McpServer, **options: Any) -> requests.Response:
        """Make a call with tokens for that server."""
        return requests.post(mcp.mcp_url, json=CALL, auth=OAuth(mcp.mcp_url, prompt=self.prompt, **options), timeout=30)


@pytest.fixture
def company() -> Iterator[Company]:
    with Company() as made:
        yield made


def age(company: Company, seconds: float) -> None:
    issuers = default_manager().issuers
    known = issuers.find(company.az.issuer)
    assert known is not None
    issuers.save(attrs.evolve(known, fetched_at=known.fetched_at - seconds))


def test_the_second_server_takes_four_round_trips_and_the_same_client(company: Company) -> None:
    assert company.call(company.other).status_code == 200
    assert steps(company.other) == [("POST", "/mcp", 401), RESOURCE_METADATA, ("POST", "/mcp", 200)]
    assert steps(company.az) == [TOKEN]
    assert connections(company.other) == connections(company.az) == 1
    first, second = (default_manager().load_record(mcp.mcp_url) for mcp in (company.mcp, company.other))
    assert first is not None
    assert second is not None
    assert first.registration == second.registration
    assert first.tokens != second.tokens
    assert second.resource == company.other.mcp_url


def test_somebody_who_asks_to_be_another_client_is_registered_as_one(company: Company) -> None:
    named = ClientMetadata(client_name="Another program")
    assert company.call(company.other, client_metadata=named).status_code == 200
    assert steps(company.az) == [REGISTER, TOKEN]


def test_a_client_of_the_callers_own_is_used_and_the_metadata_known(company: Company) -> None:
    company.az.add_client("known-client")
    assert company.call(company.other, client_id="known-client").status_code == 200
    assert steps(company.az) == [TOKEN]
    record = default_manager().find(company.other.mcp_url)[1]
    assert record is not None
    assert record.registration is not None
    assert record.registration.client_id == "known-client"


def test_another_profile_knows_nothing_of_it(company: Company) -> None:
    manager = default_manager().in_profile("work")
    assert company.call(company.other, token_manager=manager).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]


@pytest.mark.parametrize("seconds", [known_issuer.FRESH, -60.0], ids=["an hour later", "with a clock set back"])
def test_what_is_no_longer_fresh_is_asked_for_again_and_the_client_stays(company: Company, seconds: float) -> None:
    age(company, seconds)
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, TOKEN]


def test_a_client_that_the_server_has_forgotten_meanwhile_is_registered_anew(company: Company) -> None:
    age(company, known_issuer.FRESH)
    company.az.forget_clients()
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]


def test_a_server_that_has_forgotten_a_fresh_client_is_found_out_by_the_next_attempt(company: Company) -> None:
    company.az.forget_clients()
    with pytest.raises(OAuthError):
        company.call(company.other, sign_in_timeout=0.5)
    company.az.clear()
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]


def test_after_a_failure_nothing_is_relied_on(company: Company) -> None:
    company.az.fault("/token", reply(400, {"error": "invalid_request"}), times=1)
    with pytest.raises(OAuthError):
        company.call(company.other)
    company.az.clear()
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, TOKEN]


def test_after_a_second_step_that_failed_nothing_is_relied_on(company: Company) -> None:
    started = OAuth(company.other.mcp_url).start_sign_in()
    redirect = company.person.redirect_only(started.url)
    company.az.fault("/token", reply(400, {"error": "invalid_request"}), times=1)
    with pytest.raises(OAuthError):
        OAuth(company.other.mcp_url).finish_sign_in(str(redirect))
    company.az.clear()
    OAuth(company.other.mcp_url).start_sign_in()
    assert steps(company.az) == [METADATA]


def test_after_a_first_step_that_failed_nothing_is_relied_on(company: Company) -> None:
    named = ClientMetadata(client_name="Another program")
    company.az.fault("/register", reply(404, b""), times=1)
    with pytest.raises(OAuthError):
        OAuth(company.other.mcp_url, client_metadata=named).start_sign_in()
    company.az.clear()
    OAuth(company.other.mcp_url, client_metadata=named).start_sign_in()
    assert steps(company.az) == [METADATA, REGISTER]


def test_a_client_of_a_callers_own_in_between_leaves_the_shared_one(company: Company) -> None:
    company.az.add_client("known-client")
    for seconds in (0.0, known_issuer.FRESH):  # recalled, and asked for again
        age(company, seconds)
        server = McpServer(company.az)
        with server:
            assert company.call(server, client_id="known-client").status_code == 200
    company.az.clear()
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [TOKEN]


def test_a_no_of_the_person_changes_nothing(company: Company) -> None:
    company.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        company.call(company.other)
    company.az.decision = "allow"
    company.az.clear()
    auth = OAuth(company.other.mcp_url, prompt=company.prompt)
    auth.sign_in()
    assert steps(company.az) == [TOKEN]


def test_signing_in_again_at_the_same_server_asks_what_it_says_now(company: Company) -> None:
    OAuth(company.mcp.mcp_url, prompt=company.prompt).sign_in()
    assert METADATA in steps(company.az)


def test_a_client_that_is_forgotten_is_nobodys_any_more(company: Company) -> None:
    assert default_manager().delete_record(company.mcp.mcp_url)
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]


def test_a_client_of_a_start_that_is_cleared_is_nobodys_any_more(company: Company) -> None:
    default_manager().delete_record(company.mcp.mcp_url)
    OAuth(company.other.mcp_url).start_sign_in()
    company.az.clear()
    assert default_manager().delete_record(company.other.mcp_url)
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]


def test_signing_out_keeps_the_client(company: Company) -> None:
    assert OAuth(company.mcp.mcp_url).sign_out()
    company.az.clear()
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [TOKEN]


def test_what_cannot_be_read_is_asked_for(company: Company, caplog: pytest.LogCaptureFixture) -> None:
    manager = default_manager()
    manager.store.store_generic(company.az.issuer, '{"schema": 1}', namespace="issuers")
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]
    assert "cannot be read" in caplog.text


def test_what_is_filed_under_another_issuer_is_not_believed(company: Company) -> None:
    manager = default_manager()
    known = manager.issuers.find(company.az.issuer)
    assert known is not None
    foreign = attrs.evolve(known, server=attrs.evolve(known.server, issuer="https://login.example.com"))
    manager.store.store_generic(company.az.issuer, foreign.to_json(), namespace="issuers")
    assert company.call(company.other).status_code == 200
    assert steps(company.az) == [METADATA, REGISTER, TOKEN]


def test_a_sign_in_in_two_steps_is_known_too_and_leaves_what_it_knows(company: Company) -> None:
    OAuth(company.other.mcp_url).start_sign_in()
    assert steps(company.az) == []
    age(company, known_issuer.FRESH)
    for server in (company.mcp, company.other):
        default_manager().delete_record(server.mcp_url)
    OAuth(company.other.mcp_url).start_sign_in()
    assert steps(company.az) == [METADATA, REGISTER]
    OAuth(company.mcp.mcp_url).start_sign_in()
    assert steps(company.az) == [METADATA, REGISTER]


def test_a_store_that_cannot_keep_it_costs_nothing_but_a_warning(
    company: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    age(company, known_issuer.FRESH)
    kind = type(default_manager().store)
    keep = kind.store_generic

    def full(self: Any, key: str, value: str, *, namespace: str) -> None:
        if namespace == "issuers":
            raise TokenStorageError("The disk is full.")
        keep(self, key, value, namespace=namespace)

    monkeypatch.setattr(kind, "store_generic", full)
    assert company.call(company.other).status_code == 200
    assert "The disk is full." in caplog.text


def test_nothing_of_it_is_a_sign_in(company: Company) -> None:
    assert default_manager().names() == [company.mcp.mcp_url]
