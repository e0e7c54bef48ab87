"""Revoking a token: one request, as the client that got it, and an honest answer."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.exceptions import InsecureURLError, RevocationError
from mcp_oauth_sync.models.client import ClientRegistration
from mcp_oauth_sync.protocol.revocation import revoke_token
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import AuthorizationServer, Fault, Origin, hang, html, redirect_to, reply, reset
from .test_token_endpoint import client, exchange


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_a_revoked_token_opens_no_door(http: Transport, server: AuthorizationServer, method: str, kind: str) -> None:
    granted = exchange(http, server, client(server, method))
    token = getattr(granted.tokens, kind)
    revoke_token(http, server.endpoint("revoke"), granted.registration, token, token_type_hint=kind)
    assert not server.is_active(granted.tokens.access_token)
    assert server.requests("/revoke")[0].param("token_type_hint") == kind
    assert server.violations == []


@pytest.mark.parametrize("status", [200, 204])
def test_a_confirmation_is_believed(http: Transport, server: AuthorizationServer, status: int) -> None:
    server.fault("/revoke", reply(status))
    revoke_token(http, server.endpoint("revoke"), client(server), "canary")
    assert len(server.log) == 1


@pytest.mark.parametrize(
    "fault",
    [reply(400, {"error": "unsupported_token_type"}), reply(503), html(403), reset(), redirect_to("/x", 307)],
    ids=lambda fault: fault.name,
)
@pytest.mark.parametrize("method", ["none", "client_secret_post"])
def test_anything_else_is_said_not_to_be_confirmed(
    http: Transport, server: AuthorizationServer, fault: Fault, method: str
) -> None:
    server.fault("/revoke", fault)
    with pytest.raises(RevocationError) as failed:
        revoke_token(http, server.endpoint("revoke"), client(server, method), "canary-token")
    assert "canary" not in str(failed.value)
    assert "until it expires" in (failed.value.hint or "")
    if "400" in fault.name:
        assert (failed.value.error, failed.value.status) == ("unsupported_token_type", 400)


def test_a_server_that_wants_an_empty_secret_of_a_public_client_gets_one(
    http: Transport, server: AuthorizationServer
) -> None:
    server.fault("/revoke", reply(400, {"error": "invalid_request"}), times=1)
    server.fault("/revoke", reply(200))
    revoke_token(http, server.endpoint("revoke"), client(server), "t")
    assert [request.form.get("client_secret") for request in server.log] == [None, [""]]


def test_the_wait_for_a_revocation_ends(server: AuthorizationServer, http: Transport) -> None:
    server.fault("/revoke", hang())
    quick = Transport(session=http.session, deadline=0.3)
    with pytest.raises(RevocationError, match="no complete answer"):
        revoke_token(quick, server.endpoint("revoke"), client(server), "t")


def test_a_token_never_goes_where_it_may_not(http: Transport, server: AuthorizationServer, elsewhere: Origin) -> None:
    who = ClientRegistration(client_id="c", token_endpoint_auth_method="none")
    with pytest.raises(InsecureURLError, match="revocation endpoint"):
        revoke_token(http, "http://as.example.com/revoke", who, "canary")
    for status in (302, 307, 308):
        server.fault("/revoke", redirect_to(f"{elsewhere.url}/revoke", status))
        with pytest.raises(RevocationError):
            revoke_token(http, server.endpoint("revoke"), who, "canary")
