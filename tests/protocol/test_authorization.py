"""The authorization request and its answer: built whole, read in the safe order."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync.exceptions import AccessDeniedError, AuthorizationError, InsecureURLError, InvalidRedirectError
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.protocol.authorization import (
    AuthorizationRequest,
    build_authorization_request,
    build_state,
    read_response,
)
from mcp_oauth_sync.protocol.pkce import build_challenge

from ..servers import AuthorizationServer, Person

ISSUER = "https://as.example.com"
REDIRECT = "http://127.0.0.1:5555/callback"
SERVER = AuthorizationServerMetadata(
    issuer=ISSUER,
    authorization_endpoint=f"{ISSUER}/authorize",
    authorization_response_iss_parameter_supported=True,
)


def build(server: AuthorizationServerMetadata = SERVER, **more: Any) -> AuthorizationRequest:
    given = {"client_id": "c", "redirect_uri": REDIRECT, "state": build_state(), **more}
    return build_authorization_request(server, **given)


def answer(request: AuthorizationRequest, **query: str | None) -> str:
    whole = {"code": "canary-code", "state": str(request.state), "iss": request.issuer, **query}
    return f"{REDIRECT}?{urlencode({name: value for name, value in whole.items() if value is not None})}"


def query_of(request: AuthorizationRequest) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.url).query, strict_parsing=True)


def test_a_request_carries_everything_once() -> None:
    request = build(scopes=("a", "b"), resource="https://mcp.example.com/mcp", extra={"prompt": "consent"})
    assert query_of(request) == {
        "response_type": ["code"],
        "client_id": ["c"],
        "redirect_uri": [REDIRECT],
        "state": [request.state],
        "code_challenge": [build_challenge(request.verifier)],
        "code_challenge_method": ["S256"],
        "scope": ["a b"],
        "resource": ["https://mcp.example.com/mcp"],
        "prompt": ["consent"],
    }


def test_without_scopes_and_resource_neither_is_sent() -> None:
    assert not {"scope", "resource"} & set(query_of(build()))


@pytest.mark.parametrize("resource", ["https://h", "https://h/", "https://h/mcp?x=1"])
def test_the_resource_is_sent_to_the_letter(resource: str) -> None:
    assert query_of(build(resource=resource))["resource"] == [resource]


def test_extra_parameters_cannot_replace_ours() -> None:
    hostile = {"state": "x", "code_challenge": "x", "code_challenge_method": "plain", "redirect_uri": "https://evil"}
    request = build(extra=hostile)
    assert query_of(request)["state"] == [request.state]
    assert query_of(request)["code_challenge_method"] == ["S256"]
    assert query_of(request)["redirect_uri"] == [REDIRECT]


def test_the_endpoint_keeps_its_own_query() -> None:
    server = attrs.evolve(SERVER, authorization_endpoint=f"{ISSUER}/authorize?tenant=1")
    assert query_of(build(server))["tenant"] == ["1"]


def test_state_and_verifier_are_new_for_each_request_and_not_shared() -> None:
    requests = [build() for _ in range(50)]
    assert len({str(request.state) for request in requests}) == 50
    assert len({str(request.verifier) for request in requests}) == 50
    assert all(len(request.state) >= 43 for request in requests)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://as.example.com/authorize",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///bin/sh",
        "vbscript:x",
        "https://as.example.com/authorize#x",
        "https://user:pass@as.example.com/authorize",
        "https://as.example.com/authorize?x=$(calc)",
        "https://as.example.com/authorize\n",
        "--flag",
        "authorize",
    ],
)
def test_an_endpoint_that_must_not_be_opened_is_refused_before_a_url_exists(endpoint: str) -> None:
    with pytest.raises(InsecureURLError, match="authorization endpoint"):
        build(attrs.evolve(SERVER, authorization_endpoint=endpoint))


def test_an_endpoint_on_this_machine_is_refused_when_the_server_is_elsewhere() -> None:
    local = attrs.evolve(SERVER, authorization_endpoint="http://127.0.0.1:1/authorize")
    assert build(local).url.startswith("http://127.0.0.1:1/authorize?")
    with pytest.raises(InsecureURLError, match="this machine"):
        build(local, allow_loopback=False)


def test_a_server_without_an_authorization_endpoint_is_a_clear_error() -> None:
    with pytest.raises(AuthorizationError, match="no authorization endpoint"):
        build(attrs.evolve(SERVER, authorization_endpoint=None))


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/cb",
        "http://0.0.0.0:1/cb",
        "/cb",
        "javascript:alert",
        "data:x",
        "file:///cb",
        "m:/#x",
        "callback",
    ],
)
def test_a_redirect_uri_that_others_could_receive_is_refused(uri: str) -> None:
    with pytest.raises(InsecureURLError, match="redirect URI"):
        build(redirect_uri=uri)


@pytest.mark.parametrize("uri", ["https://app.example.com/cb", "myapp://oauth/callback", "com.example.app:/cb"])
def test_a_redirect_uri_may_be_https_or_of_a_scheme_of_the_applications_own(uri: str) -> None:
    assert build(redirect_uri=uri).redirect_uri == uri


def test_a_request_shows_no_secret() -> None:
    request = build(state="canary-state-0123456789")
    assert "canary" not in repr(request)
    assert str(request.verifier) not in repr(request)
    assert "canary" not in repr(request.url)


def test_a_good_answer_gives_its_code_which_does_not_show_itself() -> None:
    request = build()
    code = read_response(answer(request), request)
    assert code == "canary-code"
    assert "canary" not in repr(code)


@pytest.mark.parametrize("state", [None, "", "wrong", "g\u00f6\u00f6d"])
def test_a_wrong_state_is_refused_before_anything_else_is_looked_at(state: str | None) -> None:
    request = build()
    for more in ({}, {"error": "access_denied", "error_description": "canary-words"}, {"iss": "https://evil"}):
        with pytest.raises(InvalidRedirectError, match="state differs") as refused:
            read_response(answer(request, state=state, **more), request)
        assert "canary" not in str(refused.value)
        assert refused.value.error is None


# advertised, sent (relative to the issuer), accepted: RFC 9207 section 2.4
TABLE = [(True, True, True), (True, False, False), (False, True, True), (False, False, True)]


@pytest.mark.parametrize(("advertised", "sent", "accepted"), TABLE)
def test_the_issuer_is_checked_by_what_was_promised_and_what_came(advertised: bool, sent: bool, accepted: bool) -> None:
    request = build(attrs.evolve(SERVER, authorization_response_iss_parameter_supported=advertised))
    redirect = answer(request, iss=ISSUER if sent else None)
    if accepted:
        assert read_response(redirect, request) == "canary-code"
        return
    with pytest.raises(InvalidRedirectError, match="promises to name itself") as refused:
        read_response(redirect, request)
    assert ISSUER in refused.value.message
    assert "fault of the authorization server" in (refused.value.hint or "")


@pytest.mark.parametrize("advertised", [True, False])
@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example.com",
        ISSUER + "/",
        "https://AS.example.com",
        "HTTPS://as.example.com",
        ISSUER + ":443",
        "https://as.example%2Ecom",
        ISSUER + "?",
        " " + ISSUER,
        "",
    ],
)
def test_an_issuer_that_differs_by_anything_is_refused_and_its_error_not_shown(iss: str, advertised: bool) -> None:
    request = build(attrs.evolve(SERVER, authorization_response_iss_parameter_supported=advertised))
    for more in (
        {},
        {"code": None, "error": "canary_error", "error_description": "canary-words", "error_uri": "canary"},
    ):
        with pytest.raises(InvalidRedirectError, match="iss differs") as refused:
            read_response(answer(request, iss=iss, **more), request)
        assert "canary" not in str(refused.value)
        assert (refused.value.error, refused.value.error_description) == (None, None)


@pytest.mark.parametrize("name", ["iss", "state", "code", "error"])
def test_a_repeated_parameter_is_refused_even_when_both_are_right(name: str) -> None:
    request = build()
    value = {"iss": ISSUER, "state": str(request.state), "code": "canary-code", "error": "x"}[name]
    twice = f"{answer(request)}&{urlencode({name: value})}"
    with pytest.raises(InvalidRedirectError, match="repeats"):
        read_response(twice + (f"&{urlencode({name: value})}" if name == "error" else ""), request)


def test_where_no_issuer_is_known_none_is_compared() -> None:
    request = build(AuthorizationServerMetadata.spelled_out(f"{ISSUER}/a", f"{ISSUER}/t"))
    assert request.issuer is None
    assert read_response(answer(request, iss="https://any.example"), request) == "canary-code"


def test_a_denial_is_told_apart_and_cleaned() -> None:
    request = build()
    redirect = answer(request, code=None, error="access_denied", error_description="no\x1b[31m\nthanks")
    with pytest.raises(AccessDeniedError) as denied:
        read_response(redirect, request)
    assert denied.value.error == "access_denied"
    assert denied.value.error_description == "no [31m thanks"
    assert "\x1b" not in str(denied.value)


@pytest.mark.parametrize(
    ("error", "description", "hint"),
    [
        ("invalid_scope", None, "scopes="),
        ("invalid_target", None, "resource parameter"),
        ("server_error", "AADSTS9010010: resource", "resource parameter"),
        ("temporarily_unavailable", None, None),
    ],
)
def test_any_other_error_keeps_its_code_and_says_what_may_help(
    error: str, description: str | None, hint: str | None
) -> None:
    request = build()
    with pytest.raises(AuthorizationError) as failed:
        read_response(answer(request, code=None, error=error, error_description=description), request)
    assert not isinstance(failed.value, AccessDeniedError)
    assert (failed.value.error, failed.value.error_description) == (error, description)
    assert (hint is None and failed.value.hint is None) or (hint or "?") in (failed.value.hint or "")


@pytest.mark.parametrize("code", [None, ""])
def test_an_answer_with_neither_code_nor_error_is_an_error(code: str | None) -> None:
    request = build()
    with pytest.raises(AuthorizationError, match="neither a code nor an error"):
        read_response(answer(request, code=code), request)


def test_an_error_wins_over_a_code() -> None:
    request = build()
    with pytest.raises(AuthorizationError):
        read_response(answer(request, error="server_error"), request)


def test_two_sign_ins_at_once_are_each_checked_against_their_own_issuer() -> None:
    with AuthorizationServer() as one, AuthorizationServer() as other:
        flows = []
        for server in (one, other):
            client = server.add_client("c")["client_id"]
            metadata = AuthorizationServerMetadata.from_document(server.metadata())
            request = build(metadata, client_id=client, resource="https://mcp.example.com")
            flows.append((request, Person().redirect_only(request.url) or ""))
        (first, first_answer), (second, second_answer) = flows
        assert first.issuer == one.issuer
        assert second.issuer == other.issuer
        stolen = first_answer.replace(str(first.state), str(second.state))
        with pytest.raises(InvalidRedirectError, match="iss differs"):
            read_response(stolen, second)
        with pytest.raises(InvalidRedirectError, match="state differs"):
            read_response(first_answer, second)
        assert read_response(first_answer, first)
        assert read_response(second_answer, second)
        assert one.violations + other.violations == []
        assert one.requests("/token") + other.requests("/token") == []


KNOWN = build()


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_a_good_answer_changed_in_any_way_is_never_redeemed_by_mistake(data: st.DataObject) -> None:
    good = answer(KNOWN)
    at = data.draw(st.integers(len(REDIRECT) + 1, len(good) - 1))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(st.text(alphabet="&=?#%+ abc\x00\u00e9\ud800", max_size=4))
    try:
        code = read_response(good[:at] + put + good[at + cut :], KNOWN)
    except AuthorizationError:
        return
    changed = parse_qs(urlsplit(good[:at] + put + good[at + cut :]).query)
    assert changed["state"] == [KNOWN.state]
    assert changed["iss"] == [ISSUER]
    assert changed["code"] == [code]
