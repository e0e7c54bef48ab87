"""Renewing: the patience between attempts, what an answer may leave out, and what a request carries."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
import requests

from mcp_oauth_sync import OAuthTokens, ServerRecord
from mcp_oauth_sync.exceptions import RefreshRejectedError, TokenRefreshError
from mcp_oauth_sync.grants import patience
from mcp_oauth_sync.grants.refresh_token import renew
from mcp_oauth_sync.protocol.transport import Transport
from tests.scene import Scene
from tests.servers import reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.sign_in()
        yield made


@pytest.fixture
def http() -> Iterator[Transport]:
    with requests.Session() as session:
        yield Transport(session=session)


def tokens_of(record: ServerRecord) -> OAuthTokens:
    assert record.tokens is not None
    return record.tokens


def test_a_failed_refresh_is_repeated_after_one_two_and_four_seconds(scene: Scene, http: Transport) -> None:
    scene.az.fault("/token", reply(503))
    slept: list[float] = []
    with pytest.raises(TokenRefreshError):
        renew(http, scene.record(), sleep=slept.append)
    assert slept == [1.0, 2.0, 4.0]
    assert len(scene.asked("/token")) == 4


def test_the_repetition_that_works_ends_the_waiting(scene: Scene, http: Transport) -> None:
    scene.az.fault("/token", reply(503), times=2)
    slept: list[float] = []
    record = renew(http, scene.record(), sleep=slept.append)
    assert slept == [1.0, 2.0]
    assert scene.az.is_active(tokens_of(record).access_token)


def test_a_server_that_says_when_to_come_back_is_not_asked_before(scene: Scene, http: Transport) -> None:
    scene.az.fault("/token", reply(429, headers=[("Retry-After", "3")]), times=3)
    slept: list[float] = []
    renew(http, scene.record(), sleep=slept.append)
    assert slept == [3.0, 3.0, 4.0]


@pytest.mark.parametrize("wait", ["11", "3600", "999999999", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_server_that_wants_a_long_pause_is_left_alone_and_the_error_says_how_long(
    scene: Scene, http: Transport, wait: str
) -> None:
    scene.az.fault("/token", reply(503, headers=[("Retry-After", wait)]))
    slept: list[float] = []
    with pytest.raises(TokenRefreshError) as caught:
        renew(http, scene.record(), sleep=slept.append)
    assert caught.value.retry_after is not None
    assert patience.PATIENCE < caught.value.retry_after <= 3600
    assert (slept, len(scene.asked("/token"))) == ([], 1)


@pytest.mark.parametrize("wait", ["-5", "soon", "0", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
def test_a_pause_that_makes_no_sense_does_not_change_ours(scene: Scene, http: Transport, wait: str) -> None:
    scene.az.fault("/token", reply(503, headers=[("Retry-After", wait)]))
    slept: list[float] = []
    with pytest.raises(TokenRefreshError):
        renew(http, scene.record(), sleep=slept.append)
    assert slept == [1.0, 2.0, 4.0]


def test_nothing_is_repeated_when_the_time_is_used_up(
    scene: Scene, http: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BUDGET", -1.0)
    scene.az.fault("/token", reply(503))
    with pytest.raises(TokenRefreshError):
        renew(http, scene.record(), sleep=lambda _: pytest.fail("slept"))
    assert len(scene.asked("/token")) == 1


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_refresh_token"])
def test_a_definitive_error_is_not_repeated(scene: Scene, http: Transport, error: str) -> None:
    scene.az.refresh_error = (error, 400)
    with pytest.raises(RefreshRejectedError) as caught:
        renew(http, scene.record(), sleep=lambda _: pytest.fail("slept"))
    assert (caught.value.error, caught.value.status) == (error, 400)
    assert caught.value.hint == "Sign in again."


@pytest.mark.parametrize("error", ["invalid_request", "invalid_scope", "unsupported_grant_type", "made_up"])
def test_an_error_that_is_understood_but_not_about_the_token_is_neither_repeated_nor_definitive(
    scene: Scene, http: Transport, error: str
) -> None:
    scene.az.refresh_error = (error, 400)
    with pytest.raises(TokenRefreshError) as caught:
        renew(http, scene.record(), sleep=lambda _: pytest.fail("slept"))
    assert type(caught.value) is TokenRefreshError
    assert not caught.value.transient


@pytest.mark.parametrize(
    "lacking",
    [
        {"token_endpoint": None},
        {"registration": None},
        {"tokens": None},
        {"tokens": OAuthTokens(access_token="good")},
    ],
    ids=["endpoint", "registration", "tokens", "refresh token"],
)
def test_a_record_that_lacks_something_is_refused_before_anything_is_sent(
    scene: Scene, http: Transport, lacking: dict[str, object]
) -> None:
    with pytest.raises(TokenRefreshError, match="nothing to refresh with") as caught:
        renew(http, attrs.evolve(scene.record(), **lacking))  # type: ignore[arg-type]
    assert not caught.value.transient
    assert scene.az.log == []


def test_what_a_refresh_leaves_out_stays_over_three_cycles_of_omit_rotate_omit(scene: Scene) -> None:
    first = tokens_of(scene.record())
    scene.az.token_overrides = {"scope": "mcp:kept"}
    for omit in (True, False, True):
        scene.az.omit_refresh_on_refresh = omit
        before = tokens_of(scene.record())
        scene.expire()
        assert scene.post(scene.oauth()).status_code == 200
        after = tokens_of(scene.record())
        assert after.access_token != before.access_token
        assert (after.refresh_token == before.refresh_token) is omit
        assert after.scope == "mcp:kept"
        scene.az.token_overrides = {}
    assert tokens_of(scene.record()).refresh_token != first.refresh_token
    assert (scene.az.refreshes, scene.az.reuses, scene.shown) == (3, 0, [])


def test_an_empty_refresh_token_counts_as_left_out(scene: Scene) -> None:
    scene.az.rotate = False
    scene.az.token_overrides = {"refresh_token": ""}
    before = tokens_of(scene.record())
    for _ in range(2):
        scene.expire()
        assert scene.post(scene.oauth()).status_code == 200
        assert tokens_of(scene.record()).refresh_token == before.refresh_token
    assert (scene.az.refreshes, scene.shown) == (2, [])


def test_a_refresh_asks_for_nothing_but_what_was_granted(scene: Scene) -> None:
    scene.expire()
    assert scene.post(scene.oauth(token_params={"audience": "notes"})).status_code == 200
    [sent] = scene.asked("/token")
    assert sorted(sent.form) == ["audience", "client_id", "grant_type", "refresh_token", "resource"]
    assert sent.param("grant_type") == "refresh_token"


def test_every_refresh_token_is_used_once(scene: Scene) -> None:
    for _ in range(5):
        scene.az.expire_all_access_tokens()
        assert scene.post(scene.oauth()).status_code == 200
    used = [sent.param("refresh_token") for sent in scene.asked("/token")]
    assert len(set(used)) == len(used) == 5
    assert scene.az.reuses == 0
