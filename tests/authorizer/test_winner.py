"""Who lost a race waits a moment for the winner's tokens before it takes the sign-in for dead."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import attrs
import pytest

from mcp_oauth_sync import NoPrompt, OAuthConfig, OAuthTokens, ServerRecord, TokenManager
from mcp_oauth_sync.authorizer import configured, refresh, winner
from mcp_oauth_sync.exceptions import SignInRequiredError, TokenStorageError
from tests.crowds.losers import WithoutTurns
from tests.scene import Scene
from tests.servers import Exchange, Fault, Reply, json_reply, reply

LOOKS = (0.1, 0.3, 0.6)
LOST = OAuthTokens(access_token="lost", refresh_token="used", issued_at=1000.0)
WON = ServerRecord(tokens=attrs.evolve(LOST, access_token="won", refresh_token="fresh"))
OLD, SIGNED_OUT = ServerRecord(tokens=LOST), ServerRecord()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winner, "LOOKS", LOOKS)


def reading(*records: ServerRecord | None) -> Callable[[], ServerRecord | None]:
    left = list(records)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("records", "waits"),
    [
        ([WON], []),
        ([OLD, WON], [0.1]),
        ([None, SIGNED_OUT, WON], [0.1, 0.3]),
        ([OLD, OLD, OLD, WON], [0.1, 0.3, 0.6]),
    ],
    ids=["there", "late", "deleted meanwhile", "very late"],
)
def test_the_winners_tokens_are_found_as_soon_as_they_are_stored(
    records: list[ServerRecord | None], waits: list[float]
) -> None:
    waited: list[float] = []
    assert winner.winner(reading(*records), LOST, sleep=waited.append) is WON
    assert waited == waits


@pytest.mark.parametrize("record", [OLD, SIGNED_OUT, None], ids=["the same", "no tokens", "nothing"])
def test_nobody_is_waited_for_longer_than_a_second(record: ServerRecord | None) -> None:
    waited: list[float] = []
    assert winner.winner(reading(record), LOST, sleep=waited.append) is None
    assert waited == [0.1, 0.3, 0.6]
    assert sum(waited) <= 1


def test_a_store_that_cannot_be_read_says_so() -> None:
    def broken() -> ServerRecord | None:
        raise TokenStorageError("Input/output error.")

    with pytest.raises(TokenStorageError):
        winner.winner(broken, LOST, sleep=pytest.fail)


def test_a_winner_who_stores_its_tokens_after_the_rejection_keeps_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = scene.sign_in()
    record = scene.record()
    assert record.tokens is not None
    scene.az.expire_all_access_tokens()
    theirs = attrs.evolve(record, tokens=attrs.evolve(record.tokens, refresh_token="theirs"))
    grant = scene.az.ledger.refresh[record.tokens.refresh_token or ""]
    fresh = scene.az.ledger.issue_access(grant, grant.scope, 3600)
    theirs = attrs.evolve(theirs, tokens=attrs.evolve(record.tokens, access_token=fresh, refresh_token="theirs"))
    original = winner.winner

    def stored_between_two_looks(load: Callable[[], ServerRecord | None], lost: OAuthTokens | None) -> object:
        return original(load, lost, sleep=lambda _: scene.manager.save_record(scene.url, theirs))

    monkeypatch.setattr(refresh, "winner", stored_between_two_looks)
    scene.az.fault("/token", reply(400, {"error": "invalid_grant"}), times=1)
    assert scene.post(auth).status_code == 200
    assert scene.record() == theirs
    assert scene.shown == []


@pytest.fixture
def config(scene: Scene) -> OAuthConfig:
    """Sign in by explicit endpoints, and let the tokens expire."""
    scene.az.resource_required = False  # an OAuthConfig names no resource
    config = OAuthConfig(
        authorization_url=scene.az.endpoint("authorize"),
        token_url=scene.az.endpoint("token"),
        client_id=scene.az.add_client("a client")["client_id"],
    )
    scene.handler().ensure_authenticated("server", config)
    scene.forget_log()
    scene.expire_record("server")
    return config


def test_with_explicit_endpoints_too_a_winner_who_is_late_keeps_its_tokens(
    scene: Scene, config: OAuthConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = scene.record("server")
    assert old.tokens is not None
    theirs = attrs.evolve(old, tokens=attrs.evolve(old.tokens, access_token="theirs", issued_at=time.time()))
    original = winner.winner

    def stored_between_two_looks(load: Callable[[], ServerRecord | None], lost: OAuthTokens | None) -> object:
        return original(load, lost, sleep=lambda _: scene.manager.save_record("server", theirs))

    monkeypatch.setattr(configured, "winner", stored_between_two_looks)
    scene.az.fault("/token", reply(400, {"error": "invalid_grant"}), times=1)
    assert scene.handler().ensure_authenticated("server", config) == theirs.tokens
    assert scene.record("server") == theirs
    assert scene.shown == []


def test_who_signs_out_while_a_refresh_is_rejected_stays_signed_out(scene: Scene, config: OAuthConfig) -> None:
    elsewhere = TokenManager(store=WithoutTurns(os.environ["MCP_OAUTH_SYNC_HOME"]))

    def sign_out(_: object, exchange: Exchange) -> Reply:
        elsewhere.delete_record("server")
        return json_reply({"error": "invalid_grant"}, 400)

    scene.az.fault("/token", Fault("signed out meanwhile", before=sign_out), times=1)
    with pytest.raises(SignInRequiredError):
        scene.handler(prompt=NoPrompt()).ensure_authenticated("server", config)
    assert scene.manager.load_record("server") is None


def test_a_client_that_the_server_forgot_waits_for_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = scene.sign_in()
    scene.az.expire_all_access_tokens()
    scene.az.forget_clients()
    monkeypatch.setattr(refresh, "winner", lambda *_: pytest.fail("nobody can have won"))
    assert scene.post(auth).status_code == 200
    assert len(scene.shown) == 1
