"""Two authorization servers, one of them evil: no code, token or secret of one ever reaches the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcp_oauth_sync import MCPOAuthClient, OAuth
from mcp_oauth_sync.exceptions import InvalidRedirectError, MetadataMismatchError, RegistrationError

from ..servers import AuthorizationServer, McpServer

REDIRECT = "http://127.0.0.1:49152/callback"


@pytest.fixture
def evil() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as server:
        server.require_registration = False
        yield server
        assert server.violations == []


def heard(server: AuthorizationServer) -> str:
    """Return all that ever reached a server, as one text."""
    said = [f"{x.target}\n{x.headers}\n{x.body.decode('latin-1')}" for x in server.log]
    return "\n".join(said)


def nothing_of(honest: AuthorizationServer, evil: AuthorizationServer) -> None:
    """Check that no secret of one server ever reached the other."""
    text = heard(evil)
    assert honest.secrets
    assert [secret for secret in honest.secrets if secret[-24:] in text] == []


@pytest.mark.parametrize("advertised", [True, False])
def test_an_honest_code_is_not_redeemed_at_the_evil_server_that_sent_the_person_to_the_honest_one(
    stage, evil, advertised
):
    stage.server.require_registration = False
    stage.mcp.authorization_servers = [evil.issuer]
    evil.iss_advertised = advertised
    evil.metadata_overrides = {"authorization_endpoint": stage.server.endpoint("authorize")}
    evil.registration_overrides = {"client_id": "the-honest-client"}
    with stage.refusing(InvalidRedirectError, shown=1):
        stage.call(stage.auth())
    assert stage.server.authorizations == 1
    assert evil.requests(evil.paths["token"]) == []
    codes = [code for code in stage.server.ledger.codes if code[-24:] in heard(evil)]
    assert codes == []


def test_metadata_that_claims_to_be_the_honest_issuer_is_not_used(stage, evil):
    stage.mcp.authorization_servers = [evil.issuer]
    evil.metadata_overrides = {**stage.server.metadata(), "token_endpoint": evil.endpoint("token")}
    with stage.refusing(MetadataMismatchError):
        stage.call(stage.auth())
    assert evil.requests(evil.paths["token"]) == []


def test_two_sign_ins_at_once_are_each_checked_against_their_own_issuer(stage, evil):
    with McpServer(evil) as other:
        one = MCPOAuthClient(stage.mcp.mcp_url, REDIRECT)
        two = MCPOAuthClient(other.mcp_url, REDIRECT)
        first, second = one.get_authorization_url(), two.get_authorization_url()
        answers = [stage.person.redirect_only(first), stage.person.redirect_only(second)]
        for client, foreign in ((one, answers[1]), (two, answers[0])):
            with pytest.raises(InvalidRedirectError):
                client.read_authorization_response(foreign)
        assert (stage.sent("token"), evil.requests(evil.paths["token"])) == ([], [])
        for client, own in ((two, answers[1]), (one, answers[0])):
            assert client.exchange_code_for_token(client.read_authorization_response(own)).access_token
    nothing_of(stage.server, evil)
    nothing_of(evil, stage.server)
    verifiers = [x.form["code_verifier"][0] for x in (*stage.sent("token"), *evil.requests(evil.paths["token"]))]
    assert len(set(verifiers)) == 2


def test_even_with_the_right_state_an_answer_of_another_issuer_is_not_used(stage, evil):
    stage.server.before_redirect = lambda query: {**query, "iss": evil.issuer}
    with stage.refusing(InvalidRedirectError, shown=1):
        stage.call(stage.auth())


def test_tokens_of_one_server_are_not_sent_to_another_that_shares_the_store(stage, evil):
    with McpServer(evil) as other:
        assert stage.call(stage.auth()).status_code == 200
        auth = OAuth(other.mcp_url, prompt=stage.prompt(), token_manager=stage.manager)
        stage.mcp, honest = other, stage.mcp
        assert stage.call(auth).status_code == 200
        assert stage.call(auth).status_code == 200
        stage.mcp = honest
        own = set(evil.ledger.access)
        assert {token for token in other.tokens_seen if token} == own
        assert other.violations == []
    nothing_of(stage.server, evil)


def test_a_server_that_moves_to_another_issuer_takes_no_secret_along(stage, evil):
    stage.server.auth_methods = ("client_secret_basic",)
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    stage.mcp.authorization_server = evil
    stage.server.revoke_family(auth.tokens.access_token)
    assert stage.call(auth).status_code == 200
    assert evil.exchanges == 1
    assert [client for client in stage.server.clients if client[-12:] in heard(evil)] == []
    nothing_of(stage.server, evil)
    assert stage.manager.load_record(auth.name).issuer == evil.issuer


def test_a_client_registered_by_hand_is_not_used_at_another_issuer(stage, evil):
    stage.server.add_client("by-hand", "by-hand-Secret-0123456789")
    known = {"client_id": "by-hand", "client_secret": "by-hand-Secret-0123456789"}
    known["token_endpoint_auth_method"] = "client_secret_basic"
    with stage.refusing(RegistrationError) as errors:
        stage.auth(issuer=evil.issuer, **known).sign_in()
    assert "it was not used there" in str(errors[0])
    auth = stage.auth(issuer=stage.server.issuer, **known)
    assert stage.call(auth).status_code == 200
    stage.mcp.authorization_server = evil
    with pytest.raises(RegistrationError, match="it was not used there"):
        stage.call(auth)
    assert len(stage.asked) == 1
    assert evil.requests(evil.paths["register"]) == evil.requests(evil.paths["token"]) == []
    nothing_of(stage.server, evil)
