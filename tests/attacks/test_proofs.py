"""Servers that play with proofs: nothing that they say gets into a header, keeps us busy, or costs a sign-in."""

from __future__ import annotations

import logging

import attrs
import jwt
import pytest

from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    StoreCorruptError,
    TokenExchangeError,
    TokenRefreshError,
)
from mcp_oauth_sync.protocol.dpop import build_key

from ..servers import reply
from .stage import Stage, impatient, readable

HOSTILE = {
    "controls": "\x1b[2J\x07evil",
    "a folded line": "good\r\n X-Evil: 1",
    "quotes": 'n", htm="GET',
    "ten kilobytes": "n" * 10_000,
    "other letters": "n\u00f6nce",
    "two of them": "one, two",
    "nothing": "",
}


@pytest.fixture(autouse=True)
def offered(stage: Stage) -> None:
    stage.server.dpop.offered = stage.mcp.binding.offered = stage.mcp.binding.only = True


def nonces(stage: Stage, path: str) -> list[object]:
    """Return the nonces of all proofs that arrived at a path."""
    origin = stage.mcp if path == "/mcp" else stage.server
    proofs = [proof for exchange in origin.requests(path) for proof in exchange.headers.get_all("DPoP") or []]
    return [jwt.decode(proof, options={"verify_signature": False}).get("nonce") for proof in proofs]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_nonce_of_an_mcp_server_gets_into_no_proof(stage: Stage, name: str) -> None:
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    challenge = [("WWW-Authenticate", 'DPoP error="use_dpop_nonce"'), ("DPoP-Nonce", HOSTILE[name])]
    stage.mcp.fault("/mcp", reply(401, {}, challenge), times=2)
    before = len(stage.mcp.requests("/mcp"))
    assert stage.call(auth).status_code == 401
    assert len(stage.mcp.requests("/mcp")) == before + 1, "without a nonce another proof would be no better"
    stage.mcp.clear_faults()
    assert stage.call(auth).status_code == 200
    assert set(nonces(stage, "/mcp")) == {None}
    assert len(stage.asked) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_nonce_of_an_authorization_server_gets_into_no_proof(
    stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "mcp_oauth_sync")
    impatient(monkeypatch)
    fault = reply(400, {"error": "use_dpop_nonce"}, [("DPoP-Nonce", HOSTILE[name])])
    stage.server.fault("/token", fault)
    with stage.refusing(TokenExchangeError, shown=1, redeemed=1):
        stage.call(stage.auth())
    assert set(nonces(stage, "/token")) == {None}
    said = [record.getMessage() for record in caplog.records if record.name.startswith("mcp_oauth_sync")]
    assert all(line.isprintable() for line in said)


def test_a_nonce_that_changes_forever_ends_with_two_token_requests(stage: Stage) -> None:
    stage.server.dpop.never_content = True
    with stage.refusing(TokenExchangeError, shown=1, redeemed=2) as errors:
        stage.call(stage.auth())
    assert "use_dpop_nonce" in readable(errors[0])


def test_proofs_that_are_always_refused_end_with_an_error_that_names_the_clock(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    fault = reply(400, {"error": "invalid_dpop_proof", "error_description": "\x1b[2J"})
    stage.server.fault("/token", fault)
    with stage.refusing(TokenExchangeError, shown=1, redeemed=1) as errors:
        stage.call(stage.auth())
    assert "clock" in str(errors[0].hint)
    stage.server.clear_faults()
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    stage.server.expire_all_access_tokens()
    stage.server.fault("/token", fault)
    with stage.refusing(TokenRefreshError, redeemed=1) as errors:
        stage.call(auth)
    assert "clock" in str(errors[0].hint)
    stage.server.clear_faults()
    assert stage.call(auth).status_code == 200
    assert len(stage.asked) == 2


def test_an_algorithm_that_is_none_of_ours_is_refused_before_anybody_is_asked(stage: Stage) -> None:
    stage.mcp.binding.algorithms = ["none", "HS256", "\x1b[2J"]
    with stage.refusing(AuthorizationError):
        stage.call(stage.auth())


def test_a_bearer_token_is_refused_where_the_caller_insists_and_nothing_is_kept(stage: Stage) -> None:
    stage.server.dpop.binds_access = False
    with stage.refusing(TokenExchangeError, shown=1, redeemed=1) as errors:
        stage.call(stage.auth(dpop=True))
    assert "not bound to a key" in errors[0].message
    assert "dpop=" in str(errors[0].hint)


@pytest.mark.parametrize("key", ["no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_cannot_be_read_loses_nothing(stage: Stage, key: str) -> None:
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    name = auth.name
    record = stage.manager.load_record(name)
    assert record is not None
    stage.manager.save_record(name, attrs.evolve(record, dpop_key=key))
    with stage.refusing(StoreCorruptError) as errors:
        stage.call(stage.auth())
    assert "BEGIN" not in readable(errors[0])
    assert stage.call(auth).status_code == 200, "what is held already goes on"
    assert stage.auth().sign_out()
    assert stage.call(stage.auth()).status_code == 200
    assert len(stage.asked) == 2


def test_the_key_of_another_sign_in_is_of_no_use(stage: Stage) -> None:
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    record = stage.manager.load_record(auth.name)
    assert record is not None
    stage.manager.save_record(auth.name, attrs.evolve(record, dpop_key=build_key()))
    answer = stage.call(stage.auth())
    assert answer.status_code == 200
    assert len(stage.asked) == 2, "the refresh token was refused, and a person had to help"
    stage.mcp.violations.clear()
    stage.server.violations.clear()


def test_neither_the_key_nor_a_proof_is_ever_shown(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage.server.dpop.wants_nonce = stage.mcp.binding.wants_nonce = True
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    record = stage.manager.load_record(auth.name)
    assert record is not None
    (proof, *_) = stage.mcp.requests("/mcp")[-1].headers.get_all("DPoP")
    said = caplog.text + repr(record) + repr(vars(auth._authorizer.held)) + repr(record.to_record())
    for secret in (*str(record.dpop_key).splitlines()[1:-1], proof.rpartition(".")[2]):
        assert secret[:8] not in said
