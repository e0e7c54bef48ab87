"""Fifty threads on one session: one of them renews or signs in, all of them are served."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest
import requests

from mcp_oauth_sync import CallbackPrompt
from mcp_oauth_sync.prompts.listener import Listener
from mcp_oauth_sync.stores import default_manager
from tests.servers import AuthorizationServer, McpServer, Person, gate, reply

from .stage import CALL, another_process, challenge, connections, grow_old, session_for, steps

MANY = 50


def all_at_once(session: requests.Session, url: str) -> list[int]:
    """Call the server from fifty threads that start together; return the statuses."""
    barrier = threading.Barrier(MANY, timeout=60)

    def call(_: int) -> int:
        barrier.wait()
        return session.post(url, json=CALL, timeout=60).status_code

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(call, range(MANY)))


class Counting(CallbackPrompt):
    """Counts how often it listens."""

    listeners = 0

    def listen(self, *arguments: Any, **options: Any) -> AbstractContextManager[Listener]:
        self.listeners += 1
        return super().listen(*arguments, **options)


def test_fifty_threads_with_a_token_expired_by_the_clock_refresh_once(
    az: AuthorizationServer,
    mcp: McpServer,
    signed_in: requests.Session,
    person: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    az.expire_all_access_tokens()
    grow_old(mcp.mcp_url)
    another_process(monkeypatch)
    with session_for(mcp, person) as session:
        statuses = all_at_once(session, mcp.mcp_url)
    assert statuses == [200] * MANY
    assert steps(az) == [("POST", "/token", 200)]
    assert (az.refreshes, az.reuses) == (1, 0)
    assert steps(mcp) == [("POST", "/mcp", 200)] * MANY
    assert person.visited == []


def test_fifty_threads_whose_token_the_server_rejects_refresh_once(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session, person: Person
) -> None:
    az.expire_all_access_tokens()
    assert all_at_once(signed_in, mcp.mcp_url) == [200] * MANY
    assert steps(az) == [("POST", "/token", 200)]
    assert (az.refreshes, az.reuses) == (1, 0)
    assert person.visited == []
    tokens = [exchange.bearer for exchange in mcp.requests("/mcp") if exchange.status == 200]
    assert len(tokens) == MANY
    assert len(set(tokens)) == 1


def test_fifty_threads_before_anybody_signed_in_ask_one_person_once(
    az: AuthorizationServer, mcp: McpServer, person: Person
) -> None:
    prompt = Counting(person.redirect_only)
    with session_for(mcp, prompt=prompt) as session:
        statuses = all_at_once(session, mcp.mcp_url)
    assert statuses == [200] * MANY
    assert (az.registrations, az.authorizations, az.exchanges, az.refreshes) == (1, 1, 1, 0)
    assert (len(person.visited), prompt.listeners) == (1, 1)


def test_a_call_that_finds_a_refresh_under_way_waits_for_it_and_uses_its_token(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    az.fault("/token", gate(release, arrived=arrived), times=1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(signed_in.post, mcp.mcp_url, json=CALL)
        assert arrived.wait(10)
        second = pool.submit(signed_in.post, mcp.mcp_url, json=CALL)
        release.set()
        assert [first.result(20).status_code, second.result(20).status_code] == [200, 200]
    assert (az.refreshes, az.reuses) == (1, 0)


def test_a_slow_answer_to_one_thread_does_not_keep_the_others_waiting(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    arrived, release = threading.Event(), threading.Event()
    mcp.fault("/mcp", gate(release, arrived=arrived), times=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(signed_in.post, mcp.mcp_url, json=CALL)
        assert arrived.wait(10)
        az.expire_all_access_tokens()
        assert signed_in.post(mcp.mcp_url, json=CALL, timeout=10).status_code == 200
        assert not slow.done()
        release.set()
        assert slow.result(20).status_code == 200
    assert az.refreshes == 1
    assert connections(az) <= 1


def test_no_turn_at_the_store_is_held_while_the_request_of_a_caller_is_repeated(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    mcp.fault("/mcp", reply(401, {}, [challenge(mcp)]), times=1)
    mcp.fault("/mcp", gate(release, arrived=arrived), times=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(signed_in.post, mcp.mcp_url, json=CALL)
        assert arrived.wait(10)
        assert az.refreshes == 1
        for purpose in ("refresh", "sign-in"):
            with default_manager().exclusive(mcp.mcp_url, purpose=purpose, timeout=0):
                assert not slow.done()
        release.set()
        assert slow.result(20).status_code == 200
