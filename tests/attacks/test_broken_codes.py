"""Broken answers to a client that signs in by code: typed errors in bounded time, nothing shown, sent on or kept."""

from __future__ import annotations

import pytest

from mcp_oauth_sync import DeviceCodeGrant, OAuth
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    AuthorizationTimeoutError,
    InsecureURLError,
    OAuthError,
    TokenExchangeError,
)

from ..servers import gzip_bomb, huge, reply
from .broken import ENDLESS, EVERY, WRONG_TYPES
from .memory import MEMORY, peak
from .stage import Stage, hurry

#: Seconds that leave time for one question and none for another.
ONE_QUESTION = 8


@pytest.fixture
def stage(stage: Stage) -> Stage:
    stage.server.offer_device_codes = True
    stage.answer = lambda url: None
    return stage


def by_code(stage: Stage) -> OAuth:
    """Return a door that opens by a code; its waits move the server's clock."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        stage.server.advance(seconds)
        for device in stage.server.devices.values():
            device.decision = "allow"

    grant = DeviceCodeGrant(clock=lambda: now[0], sleep=sleep)
    return stage.auth(grant=grant, sign_in_timeout=ONE_QUESTION)


def kinds(endpoint: str) -> tuple[type[OAuthError], ...]:
    if endpoint == "device":
        return AuthorizationError, InsecureURLError
    return AuthorizationTimeoutError, TokenExchangeError


@pytest.mark.parametrize("endpoint", ["device", "token"])
def test_every_broken_answer_ends_in_a_typed_error(stage, subtests, endpoint):
    path, asked = stage.server.paths[endpoint], int(endpoint == "token")
    if asked:  # the registration of a sign-in that came to nothing is kept for the next one
        stage.server.fault(path, reply(503), times=1)
        with pytest.raises(AuthorizationTimeoutError):
            stage.call(by_code(stage))
    for name, broken in EVERY.items():
        with subtests.test(name), pytest.MonkeyPatch.context() as patch:
            if name in ENDLESS:
                hurry(patch, path)
            stage.server.fault(path, broken(stage))
            with stage.refusing(*kinds(endpoint), shown=asked, redeemed=asked):
                stage.call(by_code(stage))
            stage.server.clear_faults()
    assert stage.call(by_code(stage)).status_code == 200


@pytest.mark.parametrize(
    "member",
    ["device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"],
)
def test_a_member_of_the_wrong_type_is_refused_or_put_right(stage, subtests, member):
    for name, value in WRONG_TYPES.items():
        with subtests.test(name):
            stage.server.device_overrides = {member: value}
            if (member, name) == ("interval", "a number without end"):
                continue  # that is a long time, and waited for
            if member in ("expires_in", "interval"):
                assert stage.call(by_code(stage)).status_code == 200
                stage.manager.delete_record(stage.mcp.mcp_url)
            else:
                with stage.refusing(AuthorizationError):
                    stage.call(by_code(stage))


@pytest.mark.parametrize("fault", [huge(200 << 20), gzip_bomb(200)], ids=lambda fault: fault.name)
def test_an_answer_without_measure_takes_no_memory(stage, fault):
    stage.server.fault(stage.server.paths["device"], fault, times=1)
    before = peak(reset=True)
    with stage.refusing(AuthorizationError) as errors:
        stage.call(by_code(stage))
    assert "larger than" in str(errors[0])
    assert peak() - before < MEMORY


def test_a_code_as_long_as_an_answer_may_be_is_neither_shown_nor_repeated(stage):
    answer = {"device_code": "x", "user_code": "A" * 900_000, "verification_uri": "https://as.example.com/"}
    stage.server.fault(stage.server.paths["device"], reply(200, answer))
    with stage.refusing(AuthorizationError) as errors:
        stage.call(by_code(stage))
    assert len(str(errors[0])) < 1000
