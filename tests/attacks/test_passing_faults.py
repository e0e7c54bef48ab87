"""A refresh that fails for now, ten times over: the refresh token stays, nobody is asked, and the eleventh works."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.exceptions import RefreshRejectedError, TokenRefreshError

from .broken import ACTED, ENDLESS, EVERY
from .stage import Stage, hurry, impatient

#: How often each fault strikes in a row.
TIMES = 10


def strike(stage: Stage, name: str, times: int) -> None:
    """Let every refresh fail in one way, then work."""
    token = stage.server.paths["token"]
    before = stage.snapshot()
    stage.server.expire_all_access_tokens()
    refreshes = stage.server.refreshes
    stage.server.fault(token, EVERY[name](stage))
    with pytest.MonkeyPatch.context() as patch:
        if name in ENDLESS:
            hurry(patch, token)
        for _ in range(times):
            with pytest.raises(TokenRefreshError) as caught:
                stage.call(stage.auth())
            assert caught.value.transient
            assert not isinstance(caught.value, RefreshRejectedError)
    assert stage.snapshot() == before, "the store has changed"
    stage.server.clear_faults()
    assert stage.call(stage.auth()).status_code == 200
    assert stage.server.refreshes == refreshes + 1


def test_ten_faults_of_each_kind_lose_no_refresh_token_and_open_no_browser(stage, subtests, monkeypatch):
    impatient(monkeypatch)
    assert stage.call(stage.auth()).status_code == 200
    for name in sorted(EVERY.keys() - ACTED):
        with subtests.test(name):
            # What never ends takes its time: in CI three times must do.
            strike(stage, name, TIMES if name not in ENDLESS else 3)
    assert (len(stage.asked), stage.server.reuses) == (1, 0)


def test_faults_of_all_kinds_within_one_request_are_waited_out(stage, subtests, monkeypatch):
    monkeypatch.setattr("mcp_oauth_sync.authorizer.refresh.BACKOFF", (0.0,) * TIMES)
    assert stage.call(stage.auth()).status_code == 200
    names = sorted(EVERY.keys() - ACTED - ENDLESS.keys())
    for start in range(0, len(names), TIMES):
        together = names[start : start + TIMES]
        with subtests.test(", ".join(together)):
            stage.server.expire_all_access_tokens()
            for name in together:
                stage.server.fault(stage.server.paths["token"], EVERY[name](stage), times=1)
            assert stage.call(stage.auth()).status_code == 200
            stage.server.clear_faults()
    assert (len(stage.asked), stage.server.reuses) == (1, 0)
    stage.nothing_went_elsewhere()
