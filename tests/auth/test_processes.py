"""Wherever blocking code runs, the auth object works: threads, event loops, forks, spawned processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import requests

from mcp_oauth_sync import NoPrompt, OAuth
from tests.servers import AuthorizationServer, McpServer, Person, gate

from .stage import CALL, auth_for, grow_old, session_for, steps


def call(url: str) -> int:
    """Call the server as a process of its own does: nobody to ask, the stored sign-in only."""
    return requests.post(url, json=CALL, auth=OAuth(url, prompt=NoPrompt()), timeout=30).status_code


def in_fork(work: Callable[[], int], forked: threading.Event | None = None) -> int:
    """Run in a forked child, tell when there is one, and return its exit status: what ``work`` returned, less 200."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child == 0:
        status = 99
        try:
            status = work() - 200
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    if forked is not None:
        forked.set()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_sign_in_works_in_a_thread(mcp: McpServer, person: Person) -> None:
    with ThreadPoolExecutor(1) as pool, session_for(mcp, person) as session:
        assert pool.submit(session.post, mcp.mcp_url, json=CALL).result(30).status_code == 200


def test_a_sign_in_works_inside_a_running_event_loop(mcp: McpServer, person: Person) -> None:
    async def main() -> list[int]:
        with session_for(mcp, person) as session:
            blocking = session.post(mcp.mcp_url, json=CALL)
            beside = await asyncio.to_thread(session.post, mcp.mcp_url, json=CALL)
            assert asyncio.get_running_loop().is_running()
            return [blocking.status_code, beside.status_code]

    assert asyncio.run(main()) == [200, 200]


def test_no_event_loop_is_made_or_needed(mcp: McpServer, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an event loop was made")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    monkeypatch.setattr(asyncio, "run", refuse)
    with session_for(mcp, person) as session:
        assert session.post(mcp.mcp_url, json=CALL).status_code == 200


def test_a_forked_child_uses_the_sign_in_of_its_parent(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    auth = signed_in.auth
    assert in_fork(lambda: requests.post(mcp.mcp_url, json=CALL, auth=auth, timeout=20).status_code) == 0
    assert steps(mcp) == [("POST", "/mcp", 200)]
    assert az.log == []


def test_a_forked_child_refreshes_and_its_parent_uses_the_new_token(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    auth = signed_in.auth
    az.expire_all_access_tokens()
    assert in_fork(lambda: requests.post(mcp.mcp_url, json=CALL, auth=auth, timeout=20).status_code) == 0
    assert signed_in.post(mcp.mcp_url, json=CALL).status_code == 200
    assert (az.refreshes, az.reuses) == (1, 0)


def test_a_child_forked_while_another_thread_reads_the_store_is_not_stuck(signed_in: requests.Session) -> None:
    auth = signed_in.auth
    assert isinstance(auth, OAuth)
    held = auth._authorizer.held

    def read_too() -> int:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        return 200 if held.load() is not None else 201

    with held._guard:
        assert in_fork(read_too) == 0


def test_a_child_forked_while_its_parent_refreshes_waits_for_the_parent_only(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    auth = signed_in.auth
    az.expire_all_access_tokens()
    arrived, forked, release = threading.Event(), threading.Event(), threading.Event()
    az.fault("/token", gate(release, arrived=arrived), times=1)
    with ThreadPoolExecutor(2) as pool:
        parent = pool.submit(signed_in.post, mcp.mcp_url, json=CALL)
        assert arrived.wait(10)
        child = pool.submit(
            in_fork, lambda: requests.post(mcp.mcp_url, json=CALL, auth=auth, timeout=20).status_code, forked
        )
        assert forked.wait(10)
        release.set()
        assert parent.result(30).status_code == 200
        assert child.result(30) == 0
    assert (az.refreshes, az.reuses) == (1, 0)


def test_a_spawned_process_finds_the_sign_in(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    grow_old(mcp.mcp_url)
    az.expire_all_access_tokens()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(call, [mcp.mcp_url] * 2)) == [200, 200]
    assert az.refreshes == 1
    assert steps(mcp) == [("POST", "/mcp", 200)] * 2


def test_headers_for_another_library_need_no_request_of_ours(
    az: AuthorizationServer, mcp: McpServer, signed_in: requests.Session
) -> None:
    headers = auth_for(mcp).headers()
    assert mcp.log == az.log == []
    assert requests.post(mcp.mcp_url, json=CALL, headers=headers).status_code == 200
