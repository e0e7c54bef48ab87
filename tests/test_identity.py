"""Who we are to an authorization server: which way is taken, and that no client goes where it does not belong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import requests

from mcp_oauth_sync.exceptions import RegistrationError, RegistrationRequiredError
from mcp_oauth_sync.identity import Way, choose_way, identify, is_usable, wished_callback
from mcp_oauth_sync.models.client import DOCUMENT, DYNAMIC, PREREGISTERED, ClientRegistration
from mcp_oauth_sync.models.client_metadata import ClientMetadata
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.models.options import SignInOptions
from mcp_oauth_sync.protocol.transport import Transport

from .servers import AuthorizationServer

ISSUER = "https://as.example.com"
OTHER = "https://other.example.com"
REDIRECT = "http://127.0.0.1:5555/callback"
URL = "https://app.example.com/client.json"
CLOSED = AuthorizationServerMetadata(issuer=ISSUER)
OPEN = attrs.evolve(CLOSED, registration_endpoint=f"{ISSUER}/register")
READER = attrs.evolve(OPEN, client_id_metadata_document_supported=True)
SAVED = ClientRegistration(
    client_id="saved",
    issuer=ISSUER,
    client_secret="canary-secret",
    token_endpoint_auth_method="client_secret_post",
    redirect_uris=(REDIRECT,),
    scope="a b",
    source=DYNAMIC,
)


@pytest.fixture
def http() -> Iterator[Transport]:
    with requests.Session() as session:
        yield Transport(session=session)


@pytest.fixture
def server() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


def choose(
    server: AuthorizationServerMetadata, saved: ClientRegistration | None = None, scopes: str = "", **options: Any
) -> Way:
    return choose_way(SignInOptions(**options), server, saved, scopes=scopes.split())


# The order


def test_a_client_registered_by_hand_comes_first() -> None:
    assert choose(READER, SAVED, client_id="mine", client_id_metadata_url=URL) is Way.PREREGISTERED
    assert choose(CLOSED, client_id="mine") is Way.PREREGISTERED


def test_a_client_id_document_comes_second_where_the_server_reads_it() -> None:
    assert choose(READER, SAVED, client_id_metadata_url=URL) is Way.DOCUMENT
    assert choose(OPEN, client_id_metadata_url=URL) is Way.DYNAMIC
    assert choose(READER) is Way.DYNAMIC


def test_a_saved_registration_comes_third_and_a_new_one_last() -> None:
    assert choose(OPEN, SAVED) is Way.SAVED
    assert choose(OPEN) is Way.DYNAMIC
    assert choose(CLOSED, SAVED) is Way.SAVED
    for source in (PREREGISTERED, DOCUMENT):
        assert choose(OPEN, attrs.evolve(SAVED, source=source, scope="x"), "a") is Way.SAVED


@pytest.mark.parametrize(
    ("options", "redirect"),
    [
        ({}, "http://127.0.0.1/callback, any port"),
        ({"callback_port": 8123}, "http://127.0.0.1:8123/callback"),
        ({"callback_host": "localhost"}, "http://localhost/callback, any port"),
        ({"callback_host": "::1"}, "http://[::1]/callback, any port"),
        ({"client_id_metadata_url": URL}, "http://127.0.0.1/callback"),
    ],
)
def test_where_there_is_no_way_the_error_says_what_to_register(options: dict[str, Any], redirect: str) -> None:
    with pytest.raises(RegistrationRequiredError) as required:
        choose(CLOSED, **options)
    assert required.value.issuer == ISSUER
    assert ISSUER in required.value.message
    assert redirect in (required.value.hint or "")
    assert "client_id=" in (required.value.hint or "")


# Bound to the issuer


@pytest.mark.parametrize("issuer", [None, ISSUER, ISSUER + "/"])
def test_a_client_given_for_this_issuer_or_for_none_is_used(issuer: str | None) -> None:
    assert choose(OPEN, client_id="mine", issuer=issuer) is Way.PREREGISTERED


@pytest.mark.parametrize("server", [OPEN, CLOSED, READER])
def test_a_client_given_for_another_issuer_is_an_error_and_not_used(server: AuthorizationServerMetadata) -> None:
    with pytest.raises(RegistrationError, match="it was not used there") as refused:
        choose(server, client_id="mine", client_secret="canary-secret", issuer=OTHER)
    assert all(word in refused.value.message for word in ("mine", OTHER, ISSUER))
    assert "canary" not in str(refused.value)
    assert refused.value.issuer == ISSUER


def test_a_client_given_without_an_issuer_stays_with_the_one_it_was_first_used_at() -> None:
    earlier = ClientRegistration(client_id="mine", issuer=OTHER, source=PREREGISTERED)
    with pytest.raises(RegistrationError, match="it was not used there"):
        choose(OPEN, earlier, client_id="mine")
    assert choose(OPEN, earlier, client_id="another") is Way.PREREGISTERED


def test_a_saved_client_of_another_issuer_is_never_used() -> None:
    assert choose(attrs.evolve(OPEN, issuer=OTHER), SAVED) is Way.DYNAMIC
    with pytest.raises(RegistrationRequiredError):
        choose(attrs.evolve(CLOSED, issuer=OTHER), SAVED)
    by_hand = attrs.evolve(SAVED, source=PREREGISTERED)
    assert choose(attrs.evolve(OPEN, issuer=OTHER), by_hand) is Way.DYNAMIC
    with pytest.raises(RegistrationError, match="it was not used there"):
        choose(attrs.evolve(CLOSED, issuer=OTHER), by_hand)


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"issuer": OTHER}, {}),
        ({"issuer": None}, {}),
        ({"issuer": ISSUER + "/tenant"}, {}),
        ({"client_secret_expires_at": time.time() - 1}, {}),
        ({}, {"scopes": ["a", "c"]}),
        ({}, {"redirect_uri": "http://127.0.0.1:5556/callback"}),
    ],
)
def test_a_saved_registration_that_no_longer_fits_is_not_used(change: dict[str, Any], more: dict[str, Any]) -> None:
    assert is_usable(SAVED, OPEN, scopes=["a"], redirect_uri=REDIRECT)
    assert not is_usable(attrs.evolve(SAVED, **change), OPEN, **more)


def test_a_registration_that_says_nothing_of_scopes_and_redirects_fits_all() -> None:
    silent = attrs.evolve(SAVED, scope=None, redirect_uris=())
    assert is_usable(silent, OPEN, scopes=["x"], redirect_uri="http://127.0.0.1:1/callback")


def test_a_client_registered_by_hand_fits_any_scope_and_redirect() -> None:
    assert is_usable(
        attrs.evolve(SAVED, source=PREREGISTERED), OPEN, scopes=["x"], redirect_uri="http://[::1]:1/callback"
    )


# Becoming somebody


def become(
    http: Transport,
    server: AuthorizationServerMetadata,
    way: Way,
    saved: ClientRegistration | None = None,
    redirect_uri: str = REDIRECT,
    scopes: tuple[str, ...] = ("a",),
    **options: Any,
) -> ClientRegistration:
    return identify(way, http, SignInOptions(**options), server, saved, redirect_uri=redirect_uri, scopes=scopes)


def described(server: AuthorizationServer) -> AuthorizationServerMetadata:
    return AuthorizationServerMetadata.from_document(server.metadata())


@pytest.mark.parametrize(
    ("given", "method"),
    [
        ({}, "none"),
        ({"client_secret": "s"}, "client_secret_post"),
        ({"client_secret": "s", "token_endpoint_auth_method": "client_secret_basic"}, "client_secret_basic"),
    ],
)
def test_a_client_registered_by_hand_is_bound_and_makes_no_request(
    http: Transport, server: AuthorizationServer, given: dict[str, str], method: str
) -> None:
    known = become(http, described(server), Way.PREREGISTERED, client_id="mine", **given)
    assert (known.client_id, known.issuer, known.token_endpoint_auth_method) == ("mine", server.issuer, method)
    assert known.source == PREREGISTERED
    assert server.log == []


def test_a_client_id_document_makes_no_request_and_has_no_secret(http: Transport, server: AuthorizationServer) -> None:
    known = become(http, described(server), Way.DOCUMENT, client_id_metadata_url=URL)
    assert (known.client_id, known.source, known.client_secret) == (URL, DOCUMENT, None)
    assert server.log == []


def test_a_saved_registration_that_fits_makes_no_request(http: Transport, server: AuthorizationServer) -> None:
    saved = attrs.evolve(SAVED, issuer=server.issuer)
    assert become(http, described(server), Way.SAVED, saved) == saved
    assert server.log == []


def test_a_new_registration_is_made_once_for_the_port_that_is_really_bound(
    http: Transport, server: AuthorizationServer
) -> None:
    known = become(http, described(server), Way.DYNAMIC, client_metadata=ClientMetadata(client_name="Mine"))
    asked = server.requests("/register")[0].json()
    assert (asked["redirect_uris"], asked["scope"], asked["client_name"]) == ([REDIRECT], "a", "Mine")
    assert asked["application_type"] == "native"
    assert (known.redirect_uris, known.issuer, known.source) == ((REDIRECT,), server.issuer, DYNAMIC)
    assert server.registrations == 1
    assert server.violations == []


def test_what_the_server_does_not_repeat_is_remembered_as_asked_for(
    http: Transport, server: AuthorizationServer
) -> None:
    server.registration_overrides = {"redirect_uris": None}
    assert become(http, described(server), Way.DYNAMIC).redirect_uris == (REDIRECT,)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": OTHER},
        {"client_secret_expires_at": 1.0},
        {"redirect_uris": ("http://127.0.0.1:1/callback",)},
        {"scope": "x"},
    ],
)
def test_a_saved_registration_that_turns_out_not_to_fit_is_replaced_and_never_sent(
    http: Transport, server: AuthorizationServer, change: dict[str, Any]
) -> None:
    saved = attrs.evolve(SAVED, **{"issuer": server.issuer, **change})
    known = become(http, described(server), Way.SAVED, saved)
    assert known.client_id != "saved"
    assert server.registrations == 1
    assert not [x for x in server.log if b"canary" in x.body or b"saved" in x.body]


def test_a_saved_registration_that_does_not_fit_a_closed_server_is_a_clear_error(
    http: Transport, server: AuthorizationServer
) -> None:
    server.registration_mode = "absent"
    saved = attrs.evolve(SAVED, issuer=server.issuer, client_secret_expires_at=1.0)
    with pytest.raises(RegistrationRequiredError) as required:
        become(http, described(server), Way.SAVED, saved)
    assert REDIRECT in (required.value.hint or "")
    assert server.log == []


def test_an_initial_access_token_goes_to_the_registration_endpoint_only(
    http: Transport, server: AuthorizationServer
) -> None:
    server.registration_mode = "needs-token"
    become(http, described(server), Way.DYNAMIC, initial_access_token=server.initial_access_token)
    assert [exchange.path for exchange in server.log if exchange.bearer] == ["/register"]
    assert server.violations == []


def test_a_refusal_is_told_within_one_request(http: Transport, server: AuthorizationServer) -> None:
    server.registration_mode = "forbidden"
    with pytest.raises(RegistrationRequiredError, match="HTTP 403, no JSON: 'Forbidden'"):
        become(http, described(server), Way.DYNAMIC)
    assert len(server.log) == 1


# The redirect to listen on


def test_a_port_asked_for_is_the_only_one() -> None:
    wished = wished_callback(SignInOptions(callback_port=8123), SAVED)
    assert (wished.ports, wished.exact, wished.uri_at(8123)) == ((8123,), True, "http://127.0.0.1:8123/callback")


def test_the_port_registered_earlier_is_preferred() -> None:
    wished = wished_callback(SignInOptions(), SAVED)
    assert (wished.uri_at(wished.ports[0]), wished.ports[1:], wished.exact) == (REDIRECT, (0,), False)
    with_six = attrs.evolve(SAVED, redirect_uris=("https://x.example.com/cb", "http://[::1]:7/callback"))
    assert wished_callback(SignInOptions(callback_host="::1"), with_six).ports == (7, 0)


def test_of_several_ports_asked_for_a_registered_one_is_preferred() -> None:
    saved = attrs.evolve(SAVED, redirect_uris=("http://127.0.0.1:8124/callback", "http://127.0.0.1:9/callback"))
    assert wished_callback(SignInOptions(callback_port=(8123, 8124)), saved).ports == (8124, 8123)


def test_the_name_registered_earlier_is_preferred_unless_the_caller_chose_another() -> None:
    saved = attrs.evolve(SAVED, redirect_uris=("http://localhost:5/callback",))
    wished = wished_callback(SignInOptions(), saved)
    assert (wished.uri_at(wished.ports[0]), wished.ports) == ("http://localhost:5/callback", (5, 0))
    for chosen in (SignInOptions(callback_host="127.0.0.1"), SignInOptions(redirect_uri="http://127.0.0.1/callback")):
        assert wished_callback(chosen, saved) == chosen.callback


@pytest.mark.parametrize(
    "saved",
    [
        None,
        attrs.evolve(SAVED, source=PREREGISTERED),
        attrs.evolve(SAVED, redirect_uris=()),
        attrs.evolve(SAVED, redirect_uris=("http://localhost:5/other",)),
        attrs.evolve(SAVED, redirect_uris=("http://[::1]:5/callback",)),
        attrs.evolve(SAVED, redirect_uris=("https://app.example.com/callback",)),
    ],
)
def test_else_any_free_port_will_do(saved: ClientRegistration | None) -> None:
    assert wished_callback(SignInOptions(), saved) == SignInOptions().callback
