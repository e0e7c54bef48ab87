"""Tokens: expiry, what is shown, what is kept."""

from __future__ import annotations

import pickle
import time

import attrs
import pytest

from mcp_oauth_sync.models.document import MalformedDocument
from mcp_oauth_sync.models.tokens import OAuthTokens

CANARY = "canary-token-0123456789"


def test_expiry_is_a_wall_clock_time_counted_from_the_issue() -> None:
    tokens = OAuthTokens(access_token=CANARY, expires_in=3600, issued_at=1000.0)
    assert tokens.expires_at == 4600.0
    assert tokens.seconds_left(now=1600.0) == 3000.0


@pytest.mark.parametrize(("lifetime", "leeway"), [(3600, 60), (600, 60), (300, 30), (10, 1), (None, 0)])
def test_the_leeway_is_a_tenth_of_the_lifetime_and_a_minute_at_most(lifetime: float | None, leeway: float) -> None:
    assert OAuthTokens(access_token=CANARY, expires_in=lifetime).leeway == leeway


@pytest.mark.parametrize(
    ("now", "expired"), [(0.0, False), (3539.0, False), (3540.0, True), (3600.0, True), (1e9, True)]
)
def test_a_token_counts_as_expired_from_its_leeway_on(now: float, expired: bool) -> None:
    assert OAuthTokens(access_token=CANARY, expires_in=3600, issued_at=0.0).is_expired(now=now) is expired


def test_a_short_lived_token_is_still_used() -> None:
    tokens = OAuthTokens(access_token=CANARY, expires_in=5, issued_at=100.0)
    assert not tokens.is_expired(now=104.0)
    assert tokens.is_expired(now=104.6)


def test_a_token_of_unknown_lifetime_never_expires_by_itself() -> None:
    tokens = OAuthTokens(access_token=CANARY, issued_at=0.0)
    assert not tokens.is_expired(now=1e12)
    assert tokens.expires_at is None
    assert tokens.seconds_left() == float("inf")


def test_a_clock_set_back_does_not_make_a_token_live_longer_than_it_was_given() -> None:
    tokens = OAuthTokens(access_token=CANARY, expires_in=3600, issued_at=10_000.0)
    assert tokens.seconds_left(now=-1e9) == 3600


def test_a_token_is_issued_now_unless_said_otherwise() -> None:
    before = time.time()
    assert before <= OAuthTokens(access_token=CANARY).issued_at <= time.time()


def test_no_representation_shows_a_token() -> None:
    tokens = OAuthTokens(access_token=CANARY, refresh_token=CANARY + "r", scope="read")
    shown = [repr(tokens), str(tokens), f"{tokens}", repr(tokens.to_dict()), repr([tokens]), repr(attrs.asdict(tokens))]
    shown.append(repr(tokens.get_authorization_header()))
    assert not [text for text in shown if "canary" in text]


def test_the_header_is_bearer_in_the_usual_spelling_whatever_the_server_wrote() -> None:
    assert OAuthTokens(access_token="t", token_type="bearer").get_authorization_header() == "Bearer t"


def test_scopes_are_the_words_of_the_scope() -> None:
    assert OAuthTokens(access_token="t", scope=" a  b ").scopes == ("a", "b")
    assert OAuthTokens(access_token="t").scopes == ()


def test_an_empty_refresh_token_is_none() -> None:
    assert OAuthTokens(access_token="t", refresh_token="").refresh_token is None


def test_tokens_come_back_from_their_record_as_they_were() -> None:
    tokens = OAuthTokens(access_token=CANARY, refresh_token="r", expires_in=3600, scope="a b", token_type="bearer")
    assert OAuthTokens.from_record(tokens.to_record()) == tokens
    least = OAuthTokens(access_token=CANARY)
    assert OAuthTokens.from_record(least.to_record()) == least
    assert "refresh_token" not in least.to_record()
    assert pickle.loads(pickle.dumps(tokens)) == tokens


@pytest.mark.parametrize(
    "record", [{}, {"access_token": 5}, {"access_token": "t", "expires_in": "soon"}, {"access_token": "t", "scope": []}]
)
def test_a_broken_record_is_refused_by_type(record: dict[str, object]) -> None:
    with pytest.raises(MalformedDocument):
        OAuthTokens.from_record(record)


def test_tokens_that_were_stored_without_a_type_are_bearer_tokens() -> None:
    assert OAuthTokens.from_record({"access_token": "a"}) == OAuthTokens(access_token="a", issued_at=0.0)
    assert OAuthTokens.from_record({"access_token": "a"}).token_type == "Bearer"


def test_only_a_token_of_the_type_that_needs_proofs_is_bound() -> None:
    types = ("Bearer", "DPoP", "dpop", "DPOP", "", "mac")
    assert [kind for kind in types if OAuthTokens(access_token="a", token_type=kind).bound] == ["DPoP", "dpop", "DPOP"]
