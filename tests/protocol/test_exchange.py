"""Every endpoint against every broken answer: a typed error, in time, in bounds, and nothing sent elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import requests

from mcp_oauth_sync.exceptions import (
    DiscoveryError,
    OAuthError,
    RegistrationError,
    RevocationError,
    TokenExchangeError,
    TokenRefreshError,
)
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.models.client_metadata import ClientMetadata
from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata
from mcp_oauth_sync.models.tokens import OAuthTokens
from mcp_oauth_sync.protocol.documents import Trace
from mcp_oauth_sync.protocol.registration import register_client
from mcp_oauth_sync.protocol.reply import MAX_BODY, TransportFailure
from mcp_oauth_sync.protocol.resource_metadata import fetch_resource_metadata
from mcp_oauth_sync.protocol.revocation import revoke_token
from mcp_oauth_sync.protocol.server_metadata import fetch_server_metadata
from mcp_oauth_sync.protocol.token_endpoint import exchange_code, refresh_tokens
from mcp_oauth_sync.protocol.transport import Transport

from ..control_c import interrupting, pressed_after
from ..servers import Fault, Origin, cut, drip, gzip_bomb, hang, html, huge, json_reply, raw, redirect_to, reply, reset

REDIRECT = "http://127.0.0.1:5555/callback"
WHO = ClientRegistration(client_id="c", client_secret="canary-secret", token_endpoint_auth_method="client_secret_post")
TOKENS = OAuthTokens(access_token="canary-access", refresh_token="canary-refresh")
Call = Callable[[Transport, str], object]


def resource_metadata(http: Transport, url: str) -> object:
    return fetch_resource_metadata(http, f"{url}/mcp", named=f"{url}/x", trace=Trace())


def server_metadata(http: Transport, url: str) -> object:
    found = fetch_server_metadata(http, url, trace=Trace())
    if found is None:
        raise DiscoveryError("none")
    return found


def register(http: Transport, url: str) -> object:
    server = AuthorizationServerMetadata(issuer=url, registration_endpoint=f"{url}/x")
    return register_client(http, server, ClientMetadata(), redirect_uris=(REDIRECT,), initial_access_token="canary-iat")


def exchange(http: Transport, url: str) -> object:
    return exchange_code(
        http, f"{url}/x", WHO, code="canary-code", verifier="canary-verifier", redirect_uri=REDIRECT, resource=None
    )


def refresh(http: Transport, url: str) -> object:
    return refresh_tokens(http, f"{url}/x", WHO, TOKENS, resource="https://mcp.example.com")


def revoke(http: Transport, url: str) -> object:
    return revoke_token(http, f"{url}/x", WHO, "canary-refresh")


ENDPOINTS: dict[Call, type[OAuthError]] = {
    resource_metadata: DiscoveryError,
    server_metadata: DiscoveryError,
    register: RegistrationError,
    exchange: TokenExchangeError,
    refresh: TokenRefreshError,
    revoke: RevocationError,
}
#: What is broken whatever was asked for; only a revocation takes any body of a 200.
STATUS = [*((reply(status, {"x": 1})) for status in (202, 206, 300, 304, 400, 404, 418, 429, 500, 503, 599)), html(403)]
BODIES = [
    *(reply(200, body) for body in (b"", b"[]", b"null", b"5", b"{", b"\xff\xfe", b"[" * 50_000, b'{"a":' * 50_000)),
    reply(200, {"error": "canary_error"}),
    html(200),
]
WIRE = [
    reset(),
    cut(1),
    huge(3 * MAX_BODY),
    gzip_bomb(5),
    raw(b""),
    raw(b"garbage\r\n\r\n"),
    raw(b"HTTP/1.1 abc def\r\n\r\n"),
    raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"),
    raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    reply(200, b"x" * 100, [("Content-Encoding", "gzip")]),
    reply(200, b"x" * 100, [("Content-Encoding", "br")]),
]
SLOW = [hang(), drip(0.05), drip(0.05, "headers")]


def broken(call: Call) -> list[Fault]:
    return [*STATUS, *WIRE, *(BODIES if call is not revoke else [])]


def check(http: Transport, origin: Origin, call: Call, fault: Fault) -> None:
    origin.fault("*", fault)
    with pytest.raises(ENDPOINTS[call]) as failed:
        call(http, origin.url)
    assert isinstance(failed.value, ENDPOINTS[call])
    told = str(failed.value) + repr(failed.value) + repr(failed.value.__cause__)
    assert not [
        word for word in ("canary-s", "canary-a", "canary-r", "canary-c", "canary-v", "canary-i") if word in told
    ]


@pytest.fixture
def origin() -> object:
    with Origin() as running:
        running.route("*", "/x", lambda exchange: json_reply({"x": "y" * 50}))
        yield running


@pytest.mark.parametrize("call", ENDPOINTS, ids=lambda call: call.__name__)
def test_every_broken_answer_is_the_error_of_its_endpoint(http: Transport, origin: Origin, call: Call) -> None:
    for fault in broken(call):
        check(http, origin, call, fault)


@pytest.mark.parametrize("call", ENDPOINTS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("fault", SLOW, ids=lambda fault: fault.name)
def test_every_slow_answer_ends_at_the_deadline(
    session: requests.Session, origin: Origin, call: Call, fault: Fault
) -> None:
    started = time.monotonic()
    check(Transport(session=session, deadline=0.25), origin, call, fault)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("call", ENDPOINTS, ids=lambda call: call.__name__)
def test_no_redirect_takes_anything_elsewhere(http: Transport, origin: Origin, elsewhere: Origin, call: Call) -> None:
    for status in (301, 302, 303, 307, 308):
        check(http, origin, call, redirect_to(f"{elsewhere.url}/x", status))


def test_a_wait_that_is_interrupted_ends_the_exchange(session: requests.Session, origin: Origin) -> None:
    arrived = threading.Event()
    origin.route("*", "/slow", lambda exchange: (arrived.set(), json_reply({"x": "y" * 5000}))[1])
    origin.fault("/slow", drip(0.01))
    with interrupting(), pressed_after(arrived):
        Transport(session=session, deadline=4711.0).get(f"{origin.url}/slow", what="document")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 200\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["lengths that differ", "a chunk of less than nothing"],
)
def test_an_answer_that_makes_no_sense_is_not_taken_for_a_request_that_was_not_sent(
    http: Transport, origin: Origin, answer: bytes
) -> None:
    origin.fault("*", raw(answer))
    with pytest.raises(TransportFailure) as failed:
        http.get(f"{origin.url}/x", what="document")
    assert failed.value.sent
    assert "could not be sent" not in failed.value.message
    assert len(origin.log) == 1
