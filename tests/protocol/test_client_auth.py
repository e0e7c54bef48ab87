"""How a client authenticates: by exactly one method, the one that was agreed."""

from __future__ import annotations

import base64

import pytest

from mcp_oauth_sync import ClientKey
from mcp_oauth_sync.exceptions import RegistrationError
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.client_auth import (
    BASIC,
    KEY,
    KEY_AND_ID,
    NONE,
    POST,
    build_client_authentication,
    select_method,
    select_other_method,
    select_requested_method,
)
from mcp_oauth_sync.protocol.proofs import Proofs
from tests.servers.keys import private_pem

PROOFS = Proofs(issuer="https://as", client_key=ClientKey(private_pem()))


def server(*methods: str) -> AuthorizationServerMetadata:
    return AuthorizationServerMetadata(issuer="https://as", token_endpoint_auth_methods_supported=methods or None)


def client(method: str | None, secret: str | None = "s") -> ClientRegistration:
    return ClientRegistration(client_id="c", client_secret=secret, token_endpoint_auth_method=method)


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        ((), NONE),
        ((NONE,), NONE),
        ((BASIC, POST, NONE), NONE),
        ((BASIC, POST), POST),
        ((BASIC,), BASIC),
        (("private_key_jwt",), NONE),
    ],
)
def test_a_public_client_is_asked_for_wherever_that_is_possible(offered: tuple[str, ...], asked: str) -> None:
    assert select_requested_method(server(*offered)) == asked


@pytest.mark.parametrize("offered", [(), (NONE,), (POST,), (BASIC,), (BASIC, POST, NONE)])
@pytest.mark.parametrize("method", [POST, BASIC])
def test_the_method_of_the_registration_response_wins(method: str, offered: tuple[str, ...]) -> None:
    assert select_method(client(method), server(*offered)) == method


@pytest.mark.parametrize("said", [None, NONE])
@pytest.mark.parametrize(
    ("offered", "used"),
    [((POST,), POST), ((POST, BASIC), POST), ((BASIC, POST, NONE), POST), ((BASIC,), BASIC), ((NONE,), NONE)],
)
def test_a_secret_without_a_method_is_used_the_way_the_server_lists(
    said: str | None, offered: tuple[str, ...], used: str
) -> None:
    assert select_method(client(said), server(*offered)) == used


def test_where_nothing_is_listed_a_secret_means_basic_unless_none_was_said() -> None:
    assert select_method(client(None), server()) == BASIC
    assert select_method(client(NONE), server()) == NONE


@pytest.mark.parametrize("said", [None, NONE, POST, BASIC])
def test_without_a_secret_there_is_no_method(said: str | None) -> None:
    assert select_method(client(said, None), server(POST, BASIC)) == NONE
    assert select_other_method(client(said, None)) is None


@pytest.mark.parametrize(("first", "second"), [(NONE, POST), (None, POST), (POST, BASIC), (BASIC, POST)])
def test_after_a_refusal_there_is_one_other_method_to_try(first: str | None, second: str) -> None:
    assert select_other_method(client(first)) == second
    assert select_other_method(client(first), "invalid_grant") is None


@pytest.mark.parametrize("method", [None, NONE, POST, BASIC, KEY, KEY_AND_ID])
@pytest.mark.parametrize("secret", [None, "s"])
def test_a_request_never_carries_two_methods(method: str | None, secret: str | None) -> None:
    headers, fields = build_client_authentication(client(method, secret), PROOFS)
    shown = ["Authorization" in headers, "client_secret" in fields, "client_assertion" in fields]
    assert sum(shown) == (0 if method in (None, NONE) or (secret is None and method in (POST, BASIC)) else 1)
    assert ("client_assertion" in fields) == (method in (KEY, KEY_AND_ID))
    assert ("client_id" in fields) == (method != KEY and "Authorization" not in headers)


@pytest.mark.parametrize(
    ("offered", "used"),
    [((), KEY), ((NONE,), KEY), ((BASIC,), KEY), ((POST, KEY), KEY), ((KEY_AND_ID,), KEY_AND_ID)],
)
@pytest.mark.parametrize("said", [None, NONE])
def test_a_key_without_a_secret_is_used(said: str | None, offered: tuple[str, ...], used: str) -> None:
    assert select_method(client(said, None), server(*offered), PROOFS.client_key) == used


@pytest.mark.parametrize(
    ("offered", "used"), [((KEY,), KEY), ((BASIC, KEY), KEY), ((POST,), POST), ((BASIC, POST), POST), ((), BASIC)]
)
def test_of_a_key_and_a_secret_the_key_is_used_where_the_server_lists_it(offered: tuple[str, ...], used: str) -> None:
    assert select_method(client(None), server(*offered), PROOFS.client_key) == used


def test_the_method_that_the_caller_names_wins_over_a_key() -> None:
    assert select_method(client(POST), server(KEY), PROOFS.client_key) == POST
    assert select_method(client(KEY), server(POST), PROOFS.client_key) == KEY


def test_each_request_gets_an_assertion_of_its_own() -> None:
    made = {build_client_authentication(client(KEY, None), PROOFS)[1]["client_assertion"] for _ in range(3)}
    assert len(made) == 3
    assert "eyJ" not in repr(made)


def test_a_client_that_needs_its_key_says_so_when_it_is_not_there() -> None:
    with pytest.raises(RegistrationError, match="'c' authenticates with its private key, which is not here") as caught:
        build_client_authentication(client(KEY, None))
    assert caught.value.hint == "Pass client_key=."


@pytest.mark.parametrize(
    ("error", "description", "other"),
    [
        ("invalid_request", "The request body must contain the following parameter: 'client_id'.", KEY_AND_ID),
        ("invalid_client", "client_id is missing", KEY_AND_ID),
        ("invalid_client", "signature", None),
        ("invalid_client", None, None),
        ("invalid_grant", "client_id", None),
        (None, None, None),
    ],
)
def test_a_server_that_misses_the_client_id_gets_it_beside_the_assertion(
    error: str | None, description: str | None, other: str | None
) -> None:
    assert select_other_method(client(KEY, None), error, description) == other
    assert select_other_method(client(KEY_AND_ID, None), error, description) is None


@pytest.mark.parametrize(
    ("raw", "encoded"),
    [(":", "%3A"), ("%", "%25"), ("+", "%2B"), (" ", "+"), ("&=/", "%26%3D%2F"), ("\u00fc", "%C3%BC")],
)
def test_basic_form_encodes_the_name_and_the_secret(raw: str, encoded: str) -> None:
    known = ClientRegistration(client_id=f"c{raw}", client_secret=f"s{raw}", token_endpoint_auth_method=BASIC)
    headers, _ = build_client_authentication(known)
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == f"c{encoded}:s{encoded}".encode()


def test_the_header_does_not_show_itself() -> None:
    headers, _ = build_client_authentication(client(BASIC))
    assert "Basic" not in repr(headers)
