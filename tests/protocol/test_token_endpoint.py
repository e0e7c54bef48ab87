"""The token endpoint: codes and refresh tokens in, tokens or the right error out."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import InsecureURLError, RefreshRejectedError, TokenExchangeError, TokenRefreshError
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.models.tokens import OAuthTokens
from mcp_oauth_sync.protocol.authorization import build_authorization_request, build_state
from mcp_oauth_sync.protocol.token_endpoint import exchange_code, refresh_tokens
from mcp_oauth_sync.protocol.token_response import Granted, parse_token_response
from mcp_oauth_sync.protocol.transport import Transport

from ..models.test_document import JSON
from ..servers import (
    ABSENT,
    AuthorizationServer,
    Fault,
    Origin,
    Person,
    bom_of_normal,
    gzip_of_normal,
    html,
    redirect_to,
)
from ..servers import reply as answer

REDIRECT = "http://127.0.0.1:5555/callback"
RESOURCE = "https://mcp.example.com/mcp"
SECRET = "s:%+& /\u00fc"


def client(server: AuthorizationServer, method: str = "none", name: str = "c:%+ ") -> ClientRegistration:
    """Register by hand at the server, for one method."""
    secret = None if method == "none" else SECRET
    server.add_client(name, secret, token_endpoint_auth_method=method)
    return ClientRegistration(
        client_id=name, issuer=server.issuer, client_secret=secret, token_endpoint_auth_method=method
    )


def exchange(
    http: Transport, server: AuthorizationServer, who: ClientRegistration, resource: str | None = RESOURCE, **more: Any
) -> Granted:
    """Walk through the browser for a code and redeem it."""
    request = build_authorization_request(
        AuthorizationServerMetadata.from_document(server.metadata()),
        client_id=who.client_id,
        redirect_uri=REDIRECT,
        state=build_state(),
        scopes=("a", "b"),
        resource=resource,
    )
    redirect = Person().redirect_only(request.url) or ""
    return exchange_code(
        http,
        server.endpoint("token"),
        who,
        code=parse_qs(urlsplit(redirect).query)["code"][0],
        verifier=request.verifier,
        redirect_uri=REDIRECT,
        resource=resource,
        requested_scope="a b",
        **more,
    )


def refresh(http: Transport, server: AuthorizationServer, granted: Granted, **more: Any) -> Granted:
    given = {"resource": RESOURCE, **more}
    return refresh_tokens(http, server.endpoint("token"), granted.registration, granted.tokens, **given)


# The happy way


def test_a_code_is_redeemed_with_everything_it_was_asked_with(http: Transport, server: AuthorizationServer) -> None:
    before = time.time()
    granted = exchange(http, server, client(server), extra={"audience": "api"})
    form = server.requests("/token")[0].form
    assert set(form) == {"grant_type", "code", "redirect_uri", "code_verifier", "resource", "client_id", "audience"}
    assert (form["resource"], form["redirect_uri"]) == ([RESOURCE], [REDIRECT])
    assert server.is_active(granted.tokens.access_token)
    assert granted.tokens.expires_in == 3600
    assert before <= granted.tokens.issued_at <= time.time()
    assert granted.tokens.scope == "a b"
    assert server.violations == []


def test_a_refresh_carries_the_resource_and_no_scope(http: Transport, server: AuthorizationServer) -> None:
    granted = refresh(http, server, exchange(http, server, client(server)), extra={"audience": "api"})
    form = server.requests("/token")[1].form
    assert set(form) == {"grant_type", "refresh_token", "resource", "client_id", "audience"}
    assert form["resource"] == [RESOURCE]
    assert server.is_active(granted.tokens.access_token)
    assert server.violations == []


def test_without_a_resource_none_is_sent(http: Transport, server: AuthorizationServer) -> None:
    server.resource_required = False
    refresh(http, server, exchange(http, server, client(server), resource=None), resource=None)
    assert all("resource" not in request.form for request in server.requests("/token"))


@pytest.mark.parametrize("resource", ["https://h.example", "https://h.example/", "https://h.example/mcp?x=1"])
def test_the_resource_is_the_same_to_the_letter_in_every_request(
    http: Transport, server: AuthorizationServer, resource: str
) -> None:
    refresh(http, server, exchange(http, server, client(server), resource), resource=resource)
    sent = [request.param("resource") for request in server.requests() if request.path in ("/authorize", "/token")]
    assert sent == [resource] * 3


# Client authentication


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_each_method_is_used_alone_and_encoded_as_it_must_be(
    http: Transport, server: AuthorizationServer, method: str
) -> None:
    granted = refresh(http, server, exchange(http, server, client(server, method)))
    assert granted.registration.token_endpoint_auth_method == method
    for request in server.requests("/token"):
        assert ("Authorization" in request.headers) == (method == "client_secret_basic")
        assert ("client_secret" in request.form) == (method == "client_secret_post")
        assert ("client_id" in request.form) == (method != "client_secret_basic")
    assert server.violations == []


@pytest.mark.parametrize(
    ("really", "ours"),
    [
        ("client_secret_post", "none"),
        ("client_secret_basic", "client_secret_post"),
        ("client_secret_post", "client_secret_basic"),
    ],
)
def test_the_other_method_is_tried_once_and_the_working_one_is_kept(
    http: Transport, server: AuthorizationServer, really: str, ours: str
) -> None:
    known = client(server, really)
    wrong = ClientRegistration(client_id=known.client_id, client_secret=SECRET, token_endpoint_auth_method=ours)
    granted = exchange(http, server, wrong)
    assert granted.registration.token_endpoint_auth_method == really
    assert len(server.requests("/token")) == 2
    refresh(http, server, granted)
    assert len(server.requests("/token")) == 3


def test_a_client_that_is_not_known_is_told_after_two_tries_at_most(
    http: Transport, server: AuthorizationServer
) -> None:
    server.fault("/token", answer(401, {"error": "invalid_client", "error_description": "who?"}))
    with pytest.raises(TokenExchangeError) as refused:
        exchange(http, server, client(server, "client_secret_post"))
    assert (refused.value.error, refused.value.status) == ("invalid_client", 401)
    assert "client_id" in (refused.value.hint or "")
    assert len(server.requests("/token")) == 2
    assert SECRET not in str(refused.value)


# What comes back


def exchanged(http: Transport, server: AuthorizationServer, **overrides: Any) -> OAuthTokens:
    server.token_overrides = overrides
    return exchange(http, server, client(server)).tokens


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (5250, 5250.0),
        ("3600", 3600.0),
        (" 3600 ", 3600.0),
        (3600.0, 3600.0),
        (0.5, 0.5),
        *((value, None) for value in (0, -1, "0", "-5", None, "", "3600abc", "1h", "nan", True, False, [], {}, 1e12)),
        (ABSENT, None),
    ],
)
def test_a_lifetime_is_read_where_it_makes_sense_and_is_unknown_otherwise(
    http: Transport, server: AuthorizationServer, expires_in: object, seconds: float | None
) -> None:
    tokens = exchanged(http, server, expires_in=expires_in)
    assert tokens.expires_in == seconds
    assert not tokens.is_expired()


@pytest.mark.parametrize("value", [10**400, float("inf"), float("nan"), "1e999", 1e11])
def test_a_lifetime_beyond_all_measure_is_unknown(value: object) -> None:
    document = {"access_token": "t", "expires_in": value}
    assert parse_token_response(document, requested_scope=None, now=0.0).expires_in is None


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", ABSENT, None, ""])
def test_a_bearer_token_is_taken_in_any_spelling_and_when_nothing_is_said(
    http: Transport, server: AuthorizationServer, token_type: object
) -> None:
    tokens = exchanged(http, server, token_type=token_type)
    assert tokens.get_authorization_header() == f"Bearer {tokens.access_token}"


@pytest.mark.parametrize("token_type", ["mac", "DPoP", "N_A", "Bearer ", 5, ["Bearer"]])
def test_a_token_of_a_kind_that_is_not_understood_is_refused(
    http: Transport, server: AuthorizationServer, token_type: object
) -> None:
    with pytest.raises(TokenExchangeError, match="cannot be used"):
        exchanged(http, server, token_type=token_type)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("a", "a"), (["a", "b", "c"], "a b c"), ([], "a b"), ("", "a b"), (None, "a b"), (ABSENT, "a b"), ({}, "a b")],
)
def test_a_scope_is_text_or_a_list_and_absent_means_what_was_asked_for(
    http: Transport, server: AuthorizationServer, scope: object, expected: str
) -> None:
    assert exchanged(http, server, scope=scope).scope == expected


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("form", [False, True])
def test_created_is_as_good_as_ok_and_a_form_as_good_as_json(
    http: Transport, server: AuthorizationServer, status: int, form: bool
) -> None:
    server.token_status, server.token_form = status, form
    tokens = exchange(http, server, client(server)).tokens
    assert server.is_active(tokens.access_token)
    assert tokens.expires_in == 3600.0


@pytest.mark.parametrize("fault", [gzip_of_normal(), bom_of_normal()], ids=lambda fault: fault.name)
def test_a_wrapped_answer_is_unwrapped(http: Transport, server: AuthorizationServer, fault: Fault) -> None:
    server.fault("/token", fault)
    assert server.is_active(exchange(http, server, client(server)).tokens.access_token)


def test_json_that_calls_itself_a_page_is_json(http: Transport, server: AuthorizationServer) -> None:
    server.fault("/token", answer(200, {"access_token": "t"}, content_type="text/html"))
    assert exchange(http, server, client(server)).tokens.access_token == "t"


@pytest.mark.parametrize(
    "access_token", [None, "", 5, ["t"], {}, "a b", "a\nb", "a\r\nX: y", "\u00e9", "\x00", "\ud800", "a\x7f"]
)
def test_an_access_token_that_fits_in_no_header_is_refused(
    http: Transport, server: AuthorizationServer, access_token: object
) -> None:
    server.fault("/token", answer(200, {"access_token": access_token, "refresh_token": "canary"}))
    with pytest.raises(TokenExchangeError, match=r"cannot be used.*'access_token'") as refused:
        exchange(http, server, client(server))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (answer(400, {"error": "invalid_grant", "error_description": "used\x1b[2J\n"}), "invalid_grant", "used [2J"),
        (answer(200, {"error": "bad_verification_code", "access_token": "t"}), "bad_verification_code", None),
        (answer(200, b"error=bad_code&error_description=x", content_type="text/plain"), "bad_code", "x"),
        (html(200), None, None),
        (html(403), None, None),
        (answer(200, []), None, None),
        (answer(200, b""), None, None),
        (answer(202, {"access_token": "t"}), None, None),
        (answer(500, {"error": "server_error"}), "server_error", None),
        (answer(400, {"error": {"nested": "canary"}}), None, None),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_anything_but_tokens_is_an_exchange_error_with_what_the_server_said(
    http: Transport, server: AuthorizationServer, fault: Fault, error: str | None, said: str | None
) -> None:
    server.fault("/token", fault)
    with pytest.raises(TokenExchangeError) as refused:
        exchange(http, server, client(server))
    assert (refused.value.error, refused.value.error_description) == (error, said)
    assert refused.value.status in (200, 202, 400, 403, 500)
    assert "\x1b" not in str(refused.value)
    assert "canary" not in str(refused.value)
    assert len(server.requests("/token")) == 1


@pytest.mark.parametrize(
    "said", [{"error": "invalid_target"}, {"error": "x", "error_description": "AADSTS9010010: no"}]
)
def test_a_server_that_dislikes_the_resource_is_named_as_such(
    http: Transport, server: AuthorizationServer, said: dict[str, str]
) -> None:
    server.fault("/token", answer(400, said))
    with pytest.raises(TokenExchangeError) as refused:
        exchange(http, server, client(server))
    assert "resource parameter" in (refused.value.hint or "")
    assert len(server.requests("/token")) == 1, "a code is never sent twice"


# Refreshing


def test_what_a_refresh_leaves_out_stays_as_it_was(http: Transport, server: AuthorizationServer) -> None:
    granted = exchange(http, server, client(server))
    first = granted.tokens.refresh_token
    for omit in (True, False, True):
        server.omit_refresh_on_refresh = omit
        server.token_overrides = {"scope": ABSENT}
        previous, granted = granted, refresh(http, server, granted)
        assert (granted.tokens.refresh_token == previous.tokens.refresh_token) is omit
        assert granted.tokens.access_token != previous.tokens.access_token
        assert granted.tokens.scope == "a b"
    assert granted.tokens.refresh_token not in (None, first)
    assert server.reuses == 0


def test_an_empty_refresh_token_counts_as_left_out(http: Transport, server: AuthorizationServer) -> None:
    granted = exchange(http, server, client(server))
    server.token_overrides = {"refresh_token": ""}
    assert refresh(http, server, granted).tokens.refresh_token == granted.tokens.refresh_token


def refused_refresh(http: Transport, server: AuthorizationServer, fault: Fault | None = None) -> TokenRefreshError:
    granted = exchange(http, server, client(server))
    if fault is not None:
        server.fault("/token", fault)
    with pytest.raises(TokenRefreshError) as refused:
        refresh(http, server, granted)
    assert str(granted.tokens.refresh_token) not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_refresh_token"])
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_some_errors_mean_that_the_refresh_token_is_gone(
    http: Transport, server: AuthorizationServer, error: str, status: int
) -> None:
    refused = refused_refresh(http, server, answer(status, {"error": error}))
    assert isinstance(refused, RefreshRejectedError)
    assert (refused.error, refused.status) == (error, status)


@pytest.mark.parametrize(
    ("fault", "transient"),
    [
        *((answer(status, {"error": "invalid_grant"}), True) for status in (408, 425, 429, 500, 502, 503, 530)),
        *((answer(status, b"x", content_type="text/plain"), True) for status in (400, 401, 403, 404, 500)),
        (html(403), True),
        (html(200), True),
        (answer(200, {"message": "canary"}), True),
        (answer(400, {"error": "temporarily_unavailable"}), True),
        (answer(400, {"error": "server_error"}), True),
        (answer(400, {"error": "slow_down"}), True),
        (answer(400, {"error": "invalid_scope"}), False),
        (answer(400, {"error": "invalid_request"}), False),
        (redirect_to("https://elsewhere.example.com/", 307), True),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_any_other_failure_keeps_the_refresh_token_and_says_whether_waiting_helps(
    http: Transport, server: AuthorizationServer, fault: Fault, transient: bool
) -> None:
    refused = refused_refresh(http, server, fault)
    assert type(refused) is TokenRefreshError
    assert refused.transient is transient
    assert "canary" not in str(refused)


def test_the_wait_that_the_server_asks_for_is_kept(http: Transport, server: AuthorizationServer) -> None:
    assert refused_refresh(http, server, answer(503, b"", [("Retry-After", "7")])).retry_after == 7.0


@pytest.mark.parametrize("said", [{"error": "invalid_target"}, {"message": "no"}])
def test_a_refresh_is_tried_once_more_without_the_resource_where_that_may_be_the_reason(
    http: Transport, server: AuthorizationServer, said: dict[str, str]
) -> None:
    granted = exchange(http, server, client(server))
    server.clear()
    server.resource_required = False
    server.fault("/token", answer(400, said), times=1)
    server.check_resource = lambda exchange: RESOURCE  # type: ignore[method-assign]
    assert server.is_active(refresh(http, server, granted).tokens.access_token)
    assert [request.param("resource") for request in server.log] == [RESOURCE, None]


@pytest.mark.parametrize(
    "fault", [answer(400, {"error": "invalid_grant"}), answer(403, {"message": "no"}), html(400)], ids=lambda f: f.name
)
def test_a_refresh_is_not_tried_again_for_any_other_reason(
    http: Transport, server: AuthorizationServer, fault: Fault
) -> None:
    refused_refresh(http, server, fault)
    assert len(server.requests("/token")) == 2, "one exchange, one refresh"


# Where it goes


@pytest.mark.parametrize(
    "endpoint", ["http://as.example.com/token", "https://u:p@as.example.com/token", "file:///x", ""]
)
def test_no_secret_goes_to_an_endpoint_that_may_not_be_contacted(http: Transport, endpoint: str) -> None:
    who = ClientRegistration(client_id="c", client_secret="canary", token_endpoint_auth_method="client_secret_post")
    tokens = OAuthTokens(access_token="canary", refresh_token="canary")
    with pytest.raises(InsecureURLError, match="token endpoint") as refused:
        refresh_tokens(http, endpoint, who, tokens, resource=None)
    assert "canary" not in str(refused.value)
    with pytest.raises(InsecureURLError):
        exchange_code(http, endpoint, who, code="canary", verifier="v", redirect_uri=REDIRECT, resource=None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_code_and_a_refresh_token_never_follow_a_redirect(
    http: Transport, server: AuthorizationServer, elsewhere: Origin, status: int
) -> None:
    granted = exchange(http, server, client(server))
    server.fault("/token", redirect_to(f"{elsewhere.url}/token", status))
    with pytest.raises(TokenRefreshError, match=f"HTTP {status}"):
        refresh(http, server, granted)
    with pytest.raises(TokenExchangeError, match=f"HTTP {status}"):
        exchange(http, server, client(server, "client_secret_post"))


def test_basic_credentials_are_exactly_the_encoded_pair(http: Transport, server: AuthorizationServer) -> None:
    exchange(http, server, client(server, "client_secret_basic"))
    header = server.requests("/token")[0].headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"c%3A%25%2B+:s%3A%25%2B%26+%2F%C3%BC"


MEMBERS = ["access_token", "token_type", "expires_in", "refresh_token", "scope"]


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(document=st.dictionaries(st.sampled_from(MEMBERS), JSON), whole=st.booleans())
def test_any_answer_is_tokens_or_refused_by_type(document: dict[str, Any], whole: bool) -> None:
    if whole:
        document = {**document, "access_token": "t", "token_type": "Bearer"}
    try:
        tokens = parse_token_response(document, requested_scope="a", now=0.0)
    except MalformedDocument:
        return
    assert tokens.get_authorization_header().isascii()
    assert tokens.is_expired(now=1e15) in (True, False)
    assert json.dumps(tokens.to_record())
