"""Broken answers at every endpoint: a typed error in bounded time and memory, nothing sent elsewhere, nothing lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcp_oauth_sync.exceptions import (
    DiscoveryError,
    InsecureURLError,
    RefreshRejectedError,
    RegistrationError,
    TokenExchangeError,
    TokenRefreshError,
)

from ..servers import bom_of_normal, gzip_bomb, gzip_of_normal, huge
from .broken import ACTED, ENDLESS, EVERY, HOLLOW, UNREADABLE
from .memory import MEMORY, peak
from .stage import BOUND, Stage, hurry, impatient

BEFORE_THE_BROWSER = {
    "resource metadata": (DiscoveryError, InsecureURLError),
    "server metadata": (DiscoveryError, InsecureURLError),
    "registration": (RegistrationError,),
}


def place(stage: Stage, endpoint: str) -> tuple[object, str]:
    """Return the server and the path of an endpoint."""
    if endpoint == "resource metadata":
        return stage.mcp, stage.mcp.prm_paths["path"]
    if endpoint == "server metadata":
        return stage.server, stage.server.well_knowns["oauth"]
    names = {"registration": "register", "token": "token", "refresh": "token", "revocation": "revoke"}
    return stage.server, stage.server.paths[names[endpoint]]


@contextmanager
def broken(stage: Stage, endpoint: str, name: str) -> Iterator[None]:
    """Break an endpoint until the block ends."""
    server, path = place(stage, endpoint)
    server.fault(path, EVERY[name](stage))
    with pytest.MonkeyPatch.context() as patch:
        if name in ENDLESS:
            hurry(patch, path)
        yield
    server.clear_faults()


@pytest.mark.parametrize("endpoint", BEFORE_THE_BROWSER)
def test_every_broken_answer_before_the_browser_ends_in_a_typed_error(stage, subtests, endpoint):
    for name in EVERY:
        with subtests.test(name), broken(stage, endpoint, name), stage.refusing(*BEFORE_THE_BROWSER[endpoint]):
            stage.call(stage.auth())
    assert stage.call(stage.auth()).status_code == 200


def test_every_broken_answer_to_the_code_ends_in_a_typed_error_and_nothing_is_kept(stage, subtests):
    for name in EVERY:
        with (
            subtests.test(name),
            broken(stage, "token", name),
            stage.refusing(TokenExchangeError, shown=1, redeemed=1),
        ):
            stage.call(stage.auth())
    assert stage.call(stage.auth()).status_code == 200


def test_every_broken_answer_to_a_refresh_is_passing_and_the_refresh_token_is_kept(stage, subtests, monkeypatch):
    impatient(monkeypatch)
    assert stage.call(stage.auth()).status_code == 200
    for name in EVERY:
        with subtests.test(name):
            stage.server.expire_all_access_tokens()
            # A 400 that names no error may mean that the resource parameter is not known: that is tried
            attempts = 2 if name.startswith(("status 400, an ", "status 400, the error ")) else 1
            with broken(stage, "refresh", name), stage.refusing(TokenRefreshError, redeemed=attempts) as errors:
                stage.call(stage.auth())
            assert not isinstance(errors[0], RefreshRejectedError)
            assert errors[0].transient
            asked = len(stage.asked)
            assert stage.call(stage.auth()).status_code == 200
            assert len(stage.asked) - asked == int(name in ACTED)  # the server alone knows the new refresh token


def test_every_broken_answer_to_a_revocation_is_reported_and_the_tokens_are_gone_here(stage, subtests):
    assert stage.call(stage.auth()).status_code == 200
    record = stage.manager.load_record(stage.mcp.mcp_url)
    for name in [name for name in EVERY if name not in ACTED or name == "lost answer"]:
        with subtests.test(name):
            stage.manager.save_record(stage.mcp.mcp_url, record)
            auth = stage.auth()
            started = time.monotonic()
            with broken(stage, "revocation", name):
                assert auth.sign_out() is (name in HOLLOW)
            assert time.monotonic() - started < BOUND
            assert auth.tokens is None
            assert stage.manager.load_tokens(stage.mcp.mcp_url) is None
            assert stage.manager.load_tokens("neighbour") is not None
            stage.nothing_went_elsewhere()


@pytest.mark.parametrize("fault", [bom_of_normal(), gzip_of_normal()], ids=lambda fault: fault.name)
def test_what_is_odd_but_clear_is_understood_everywhere(stage, fault):
    stage.mcp.fault(stage.mcp.prm_paths["path"], fault)
    for path in (stage.server.well_knowns["oauth"], "/register", "/token", "/revoke"):
        stage.server.fault(path, fault)
    auth = stage.auth()
    assert stage.call(auth).status_code == 200
    stage.server.expire_all_access_tokens()
    assert stage.call(auth).status_code == 200
    assert (stage.server.registrations, stage.server.exchanges, stage.server.refreshes) == (1, 1, 1)
    assert auth.sign_out()


@pytest.mark.parametrize("endpoint", [*BEFORE_THE_BROWSER, "token"])
@pytest.mark.parametrize("fault", [huge(200 << 20), gzip_bomb(200)], ids=lambda fault: fault.name)
def test_an_answer_without_measure_takes_no_memory(stage, endpoint, fault):
    server, path = place(stage, endpoint)
    server.fault(path, fault, times=1)
    before = peak(reset=True)
    shown = int(endpoint == "token")
    with stage.refusing(DiscoveryError, RegistrationError, TokenExchangeError, shown=shown, redeemed=shown) as errors:
        stage.call(stage.auth())
    assert "larger than" in str(errors[0])
    assert peak() - before < MEMORY


def test_the_table_of_broken_answers_is_as_long_as_it_says():
    assert len(EVERY) == len(UNREADABLE) + len(HOLLOW) + len(ENDLESS) >= 71
